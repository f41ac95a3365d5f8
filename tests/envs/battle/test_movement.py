"""Walking: how far, around what, and never where one cannot."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import terrain
from qohort.envs.battle.factory import battle
from qohort.envs.battle.orders import Order
from qohort.envs.battle.scenario import AttackMove, Hunt
from qohort.envs.battle.terrain import EDGE, from_grid
from qohort.envs.battle.units import Kind
from tests.envs.battle.skirmish import STOP, Skirmish, attack, march, move

MARINE, MARAUDER, MEDIVAC, STALKER, ZEALOT, COLOSSUS, ZERGLING, BANELING, HYDRALISK, SPINE = Kind

FAR_ENEMY = (MARINE, 60.0, 60.0)


def apart(film, one, other, frame=-1):
    return float(np.hypot(film.x[frame, one] - film.x[frame, other], film.y[frame, one] - film.y[frame, other]))


# --- How far


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (MARINE, 1.125),
        (MARAUDER, 1.125),
        (STALKER, 1.47655),
        (ZEALOT, 1.125),
        (COLOSSUS, 1.125),
        (ZERGLING, 1.47655),
        (BANELING, 1.25),
        (HYDRALISK, 1.125),
    ],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_cells_per_step(kind, cells):
    fight = Skirmish([(kind, 10.0, 10.0)], [FAR_ENEMY])
    film = fight.play(3, {0: move(10.0, 30.0)})
    np.testing.assert_allclose(film.y[::8, 0], 10 + cells * np.arange(4), atol=2e-5)
    # 3 and 4 make 5.
    film = fight.play(2, {0: move(13.0, float(film.y[-1, 0]) + 4)})
    np.testing.assert_allclose(film.x[::8, 0] - 10, 0.6 * cells * np.arange(3), atol=2e-5)
    np.testing.assert_allclose(film.y[::8, 0] - film.y[0, 0], 0.8 * cells * np.arange(3), atol=2e-5)


def test_spine_crawlers_stay():
    film = Skirmish([(SPINE, 10.0, 10.0)], [FAR_ENEMY]).play(2, {0: move(20.0, 10.0)})
    assert (film.x[:, 0] == 10).all()


def test_a_unit_stops_where_it_was_sent():
    film = Skirmish([(STALKER, 10.0, 10.0)], [FAR_ENEMY]).play(3, {0: move(12.0, 10.0)})
    # 2 cells at 0.18457 per tick are 10.8 ticks.
    assert film.x[10, 0] == pytest.approx(11.8457, abs=1e-4)
    assert (film.x[11:, 0] == 12).all()
    assert (film.orders.order[13:, 0] == Order.STOP).all()


def test_a_new_order_turns_a_unit_at_once():
    fight = Skirmish([(MARINE, 10.0, 10.0)], [FAR_ENEMY])
    fight.play(1, {0: move(20.0, 10.0)})
    film = fight.play(1, {0: move(10.0, 10.0)})
    np.testing.assert_allclose(np.diff(film.x[:, 0]), -0.140625, atol=1e-5)
    film = fight.play(1, {0: STOP})
    assert (film.x[:, 0] == film.x[0, 0]).all()


@pytest.mark.parametrize(
    ("data", "ticks", "acceleration", "most"),
    [("liberty", 20, 2.3125 / 256, 2.75 / 16), ("lotv", 18, 2.25 / 256, 2.5 / 16)],
)
def test_medivacs_gather_speed(data, ticks, acceleration, most):
    fight = Skirmish([(MEDIVAC, 10.0, 10.0)], [FAR_ENEMY], data=data)
    film = fight.play(4, {0: move(40.0, 10.0)})
    # Liberty: 0.171875 / 0.009033 = 19.03 ticks to full speed, so the twentieth is the first at full speed.
    speeds = np.minimum(acceleration * np.arange(1, 33), most)
    np.testing.assert_allclose(np.diff(film.x[:, 0]), speeds, atol=1e-5)
    assert speeds[ticks - 1] == most > speeds[ticks - 2]
    fight.play(1, {0: STOP})
    film = fight.play(1, {0: move(40.0, 10.0)})
    assert np.diff(film.x[:, 0])[0] == pytest.approx(acceleration, abs=1e-5)


def test_head_start_moves_marching_enemies_only():
    # 3m: the enemies march to the west, from x = 23; two ticks are 0.28125 cells.
    key = jax.random.key(0)
    places = {ticks: battle("3m", head_start=ticks).reset(key) for ticks in (0.0, 2.0)}
    moved = np.hypot(places[2.0].x - places[0.0].x, places[2.0].y - places[0.0].y)
    np.testing.assert_allclose(moved, [0, 0, 0, 0.28125, 0.28125, 0.28125], atol=1e-5)
    assert (places[2.0].x[3:] < places[0.0].x[3:]).all()


# --- Past each other


def test_idle_friends_are_pushed_aside():
    fight = Skirmish([(MARINE, 30.0, 32.0), (MARINE, 32.0, 32.0)], [FAR_ENEMY])
    film = fight.play(6, {0: move(36.0, 32.0)})
    assert film.x[-1, 0] == 36
    assert np.hypot(film.x[-1, 1] - 32, film.y[-1, 1] - 32) > 0.2
    assert apart(film, 0, 1) > 0.75


@pytest.mark.parametrize("obstacle", ["enemy", "attacking friend", "structure"])
def test_who_is_not_moved_by_others(obstacle):
    allies = [(MARINE, 30.0, 32.0), (MARINE, 32.0, 32.0) if obstacle == "attacking friend" else (MARINE, 10.0, 10.0)]
    enemies = [{"enemy": (MARINE, 32.0, 32.0), "structure": (SPINE, 32.0, 32.0)}.get(obstacle, (SPINE, 34.0, 34.0))]
    unit = 1 if obstacle == "attacking friend" else 2
    fight = Skirmish(allies, enemies)
    film = fight.play(8, {0: move(36.0, 32.0)} | ({1: attack(2)} if unit == 1 else {}))
    assert (film.x[:, unit] == 32).all()
    assert (film.y[:, unit] == 32).all()
    # One goes around it, and comes no nearer than a tick's step.
    assert (film.x[-1, 0], film.y[-1, 0]) == (36, 32)
    between = np.hypot(film.x[:, 0] - 32, film.y[:, 0] - 32)
    assert between.min() > 0.75 - 0.141


def test_a_structure_that_cannot_reach_its_target_is_not_moved_either():
    # It has been told to attack somebody far away, and would walk if it could.
    fight = Skirmish([(MARINE, 30.0, 32.0), (MARINE, 60.0, 10.0)], [(SPINE, 32.0, 32.0)])
    film = fight.play(6, {0: move(36.0, 32.0), 2: attack(1)})
    assert (film.x[:, 2] == 32).all()
    assert (film.y[:, 2] == 32).all()


def test_a_crowd_that_stops_does_not_overlap():
    n = 12
    fight = Skirmish([(MARINE, 25.0 + 0.8 * (i % 4), 30.0 + 0.8 * (i // 4)) for i in range(n)], [FAR_ENEMY])
    fight.play(8, {i: move(34.0, 34.0) for i in range(n)})
    film = fight.play(8, dict.fromkeys(range(n), STOP))
    x, y = film.x[-1, :n], film.y[-1, :n]
    between = np.hypot(x[:, None] - x, y[:, None] - y) + 9 * np.eye(n)
    assert between.min() > 0.74
    # And it stays together: twelve discs of radius 0.375 fit into one of 1.6.
    assert np.hypot(x - x.mean(), y - y.mean()).max() < 2.2


@pytest.mark.parametrize("push", [0.25, 1.0])
def test_push_is_the_part_of_an_overlap_that_a_tick_undoes(push):
    film = Skirmish([(MARINE, 30.0, 32.0), (MARINE, 30.5, 32.0)], [FAR_ENEMY], push=push).play(1)
    # They are to be 0.75 apart.
    assert apart(film, 0, 1, 1) == pytest.approx(0.5 + 0.25 * push, abs=1e-5)
    assert film.x[1, 0] + film.x[1, 1] == pytest.approx(60.5, abs=1e-5)


def test_a_blocked_unit_without_sidestep_stays_behind_an_enemy():
    reached = {}
    for sidestep in (0.0, 1.0):
        fight = Skirmish([(MARINE, 30.0, 32.0)], [(MARINE, 32.0, 32.0)], sidestep=sidestep)
        reached[sidestep] = fight.play(8, {0: move(36.0, 32.0)}).x[-1, 0]
    assert reached[0.0] < 32
    assert reached[1.0] == 36


@pytest.mark.parametrize(
    ("one", "other", "room"),
    [
        (MARINE, MEDIVAC, 0.0),
        (COLOSSUS, ZEALOT, 0.0),
        (COLOSSUS, MEDIVAC, 0.0),
        (COLOSSUS, COLOSSUS, 1.5),
        (MEDIVAC, MEDIVAC, 1.5),
        (MARAUDER, ZEALOT, 0.875),
    ],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_fliers_climbers_and_the_rest_do_not_meet(one, other, room):
    film = Skirmish([(one, 32.0, 32.0), (other, 32.05, 32.0)], [FAR_ENEMY]).play(4)
    assert apart(film, 0, 1) == pytest.approx(max(room, 0.05), abs=0.01)


def test_the_dead_are_in_nobodys_way():
    fight = Skirmish([(MARINE, 30.0, 32.0)], [(MARINE, 32.0, 32.0)]).change(health={1: 0.0})
    film = fight.play(6, {0: move(36.0, 32.0)})
    assert (film.y[:, 0] == 32).all()
    np.testing.assert_allclose(np.diff(film.x[:40, 0]), 0.140625, atol=1e-5)


def immortal(fight, *units):
    """Let units bear anything."""
    health = fight.arena.stats.health.at[jnp.array(units)].set(1e5)
    fight.arena = eqx.tree_at(lambda arena: arena.stats.health, fight.arena, health)
    return fight.change(health=dict.fromkeys(units, 1e5))


def in_reach(film, victim, attackers, contact):
    """How many attackers have come within reach in each frame."""
    x, y = film.x[:, attackers], film.y[:, attackers]
    return (np.hypot(x - film.x[:, [victim]], y - film.y[:, [victim]]) <= contact + 2e-3).sum(axis=1)


@pytest.mark.parametrize("abreast", [6, 3, 2, 1])
def test_six_zerglings_surround_a_zealot(abreast):
    # In a line or in single file, from 8 cells away.
    south = 32.0 - 0.4 * (abreast - 1)
    enemies = [(ZERGLING, 24.0 - 0.8 * (i // abreast), south + 0.8 * (i % abreast)) for i in range(6)]
    fight = immortal(Skirmish([(ZEALOT, 32.0, 32.0)], enemies, plan=Hunt()), 0)
    film = fight.play(24)
    reach = in_reach(film, 0, slice(1, 7), 0.5 + 0.375 + 0.1)
    # For 7 cells, and 4 more in single file, they need 38 or 60 ticks; then all but one find a place at once.
    assert reach[90] >= 5
    assert reach[-1] == 6
    assert (film.cooldown[-1, 1:] > 0).all()


@pytest.mark.parametrize(
    ("kind", "count", "victim", "places"),
    [(ZERGLING, 24, STALKER, 9), (ZERGLING, 32, COLOSSUS, 12), (ZEALOT, 9, MARINE, 8)],
)
def test_no_more_fight_hand_to_hand_than_have_room_around_their_victim(kind, count, victim, places):
    # As many circles as fit around another at the distance from which they reach it: π / asin(separation / distance).
    side = math.ceil(math.sqrt(count))
    attackers = [(kind, 36.0 + 0.8 * (i % side), 32.0 + 0.8 * (i // side) - 0.4 * side) for i in range(count)]
    fight = immortal(Skirmish([(victim, 32.0, 32.0)], attackers, kinds=(kind, victim)), 0)
    stats = fight.arena.stats
    contact = float(stats.radius[0] + stats.radius[1] + stats.range[1])
    assert round(math.pi / math.asin(float(stats.separation[1]) / contact)) == places
    film = fight.play(20, {1 + i: attack(0) for i in range(count)})
    reach = in_reach(film, 0, slice(1, 1 + count), contact)
    assert reach.max() <= places
    assert reach[-1] >= places - 1


def test_who_is_faster_catches_up_with_who_walks_away():
    # A Zergling gains 0.0439 cells on a Marine in a tick: 4.15 cells of gap less the range of 0.1 are 92 ticks.
    fight = Skirmish([(MARINE, 20.0, 32.0)], [(ZERGLING, 15.1, 32.0)])
    film = fight.play(14, {0: move(60.0, 32.0), 1: attack(0)})
    first_bite = int(np.argmax(film.health[:, 0] < 45))
    assert 92 <= first_bite <= 98


def test_who_is_as_fast_does_not_catch_up():
    fight = Skirmish([(MARINE, 20.0, 32.0)], [(ZEALOT, 18.0, 32.0)])
    film = fight.play(20, {0: move(60.0, 32.0), 1: attack(0)})
    assert (film.health[:, 0] == 45).all()


def test_zealots_surround_a_marine():
    enemies = [(ZEALOT, 24.0 - 0.8 * (i // 4), 31.0 + 0.8 * (i % 4)) for i in range(6)]
    film = immortal(Skirmish([(MARINE, 32.0, 32.0)], enemies, plan=Hunt()), 0).play(24)
    assert in_reach(film, 0, slice(1, 7), 0.375 + 0.5 + 0.1)[-1] >= 5


# --- Walls and borders

BOX = from_grid(np.ones((12, 12), bool))
WALL = from_grid(np.array([[x != 12 or y < 4 for y in range(24)] for x in range(24)]))
"""A wall in the middle, with a gap in the south."""


@pytest.mark.parametrize(
    ("way", "where"),
    [
        ((20.0, 6.0), (12 - EDGE, 6.0)),
        ((-9.0, 6.0), (0.0, 6.0)),
        ((6.0, 20.0), (6.0, 12 - EDGE)),
        ((6.0, -9.0), (6.0, 0.0)),
    ],
)
@pytest.mark.parametrize("kind", [MARINE, MEDIVAC, COLOSSUS])
def test_borders_stop_everybody_and_kill_nobody(kind, way, where):
    film = Skirmish([(kind, 6.0, 6.0)], [(MARINE, 2.0, 2.0)], terrain=BOX).play(8, {0: move(*way)})
    assert (film.x[-1, 0], film.y[-1, 0]) == where
    assert film.health[-1, 0] == film.health[0, 0]


def test_walls_let_units_slide_along():
    fight = Skirmish([(MARINE, 11.5, 16.0)], [(MARINE, 22.0, 22.0)], terrain=WALL)
    fight.arena = eqx.tree_at(lambda a: a.terrain.waypoint, fight.arena, None)  # straight into the wall
    film = fight.play(3, {0: move(111.5, 116.0)})
    assert film.x[:, 0].max() < 12
    # The way's northern part is left: 0.0994 of 0.1406 per tick.
    assert film.y[-1, 0] == pytest.approx(18.4, abs=0.2)


@pytest.mark.parametrize(("kind", "goes"), [(MARINE, "round"), (COLOSSUS, "over"), (MEDIVAC, "over")])
def test_ways_around_walls(kind, goes):
    fight = Skirmish([(kind, 10.5, 10.5)], [(MARINE, 22.0, 22.0)], terrain=WALL)
    film = fight.play(16, {0: move(14.5, 10.5)})
    assert (film.x[-1, 0], film.y[-1, 0]) == (14.5, 10.5)
    assert (film.y[:, 0].min() < 4) == (goes == "round")
    if goes == "round":
        # Around the corners (12, 4) and (13, 4) it is 6.67 + 1 + 6.67 = 14.3 cells; by the middles of the cells around
        # which ways lead, 7.07 to (11.5, 3.5), 2 to (13.5, 3.5) and 7.07: 16.1.
        walked = np.hypot(np.diff(film.x[:, 0]), np.diff(film.y[:, 0])).sum()
        assert 14.3 < walked < 16.2


def test_attackers_go_round_walls_too():
    film = Skirmish([(ZEALOT, 10.5, 10.5)], [(MARINE, 14.5, 10.5)], terrain=WALL).play(18, {0: attack(1)})
    assert film.y[:, 0].min() < 4
    assert film.health[-1, 1] < 45


def somewhere(rng, ground, n):
    """Random places to walk."""
    cells = np.argwhere(np.asarray(ground.walkable))
    return cells[rng.integers(len(cells), size=n)] + rng.uniform(0.01, 0.99, (n, 2))


@pytest.mark.parametrize("name", ["corridor", "ravine"])
def test_nobody_leaves_the_ground_whatever_the_orders(name):
    rng, ground = np.random.default_rng(3), terrain.named(name)
    kinds = (COLOSSUS, MARAUDER, MARINE, MEDIVAC, STALKER, ZEALOT, ZERGLING, ZERGLING, HYDRALISK, COLOSSUS)
    places = somewhere(rng, ground, 10)
    units = [(kind, float(x), float(y)) for kind, (x, y) in zip(kinds, places, strict=True)]
    fight = immortal(Skirmish(units[:5], units[5:], terrain=ground), *range(10))
    walkers = np.array([kind not in (MEDIVAC, COLOSSUS) for kind in kinds])
    left, bottom, right, top = ground.box
    walkable = np.asarray(ground.walkable)
    for _ in range(12):
        orders = {}
        for unit in range(10):
            goal = rng.uniform(-3, 35, 2)
            foe = int(rng.integers(5, 10) if unit < 5 else rng.integers(5))
            orders[unit] = [move(*goal), march(*goal), attack(foe), STOP][rng.integers(4)]
        film = fight.play(int(rng.integers(1, 6)), orders)
        assert (film.x >= left).all()
        assert (film.x <= right).all()
        assert (film.y >= bottom).all()
        assert (film.y <= top).all()
        x, y = film.x[:, walkers].astype(int), film.y[:, walkers].astype(int)
        assert walkable[x, y].all()
        assert (film.health > 0).all()


def test_a_pack_passes_the_choke_of_corridor():
    ground = terrain.named("corridor")
    enemies = [(ZERGLING, 24.0 + 0.8 * (i % 6), 25.0 + 0.8 * (i // 6)) for i in range(24)]
    film = Skirmish([(ZEALOT, 2.5, 2.5)], enemies, terrain=ground, plan=AttackMove(to=(4.47, 4.3298)))
    film = film.change(health={0: 0.0}).play(40)
    # About 33 cells at 1.477 a step: the first arrive after 22 steps, the last of a pack of 24 soon after.
    assert (np.hypot(film.x[-1, 1:] - 4.47, film.y[-1, 1:] - 4.3298) < 3.0).all()
    assert (film.orders.order[-1, 1:] == Order.STOP).all()
    # They came through the choke: nobody crossed the boundary between the rooms elsewhere than from x = 10 to 16.
    crossing = np.diff((film.y[:, 1:] < 13).astype(int), axis=0) == 1
    assert crossing.sum() >= 24
    assert ((film.x[1:, 1:][crossing] >= 10) & (film.x[1:, 1:][crossing] < 17)).all()


def test_zerglings_cannot_surround_through_a_wall():
    # The Zealot stands in a lane one cell wide, where nobody gets past it: 0.75 to its side there is a wall.
    lane = np.ones((24, 24), bool)
    lane[8:16, :12] = lane[8:16, 13:] = False
    enemies = [(ZERGLING, 4.0 + 0.8 * (i % 4), 11.0 + 0.8 * (i // 4)) for i in range(12)]
    fight = immortal(Skirmish([(ZEALOT, 12.0, 12.5)], enemies, terrain=from_grid(lane), plan=Hunt()), 0)
    film = fight.play(24)
    # From 31 degrees on either side it is 1.05 from the first to the last: two or three, and what is pressed in.
    assert 2 <= in_reach(film, 0, slice(1, 13), 0.975)[-1] <= 5
    assert (film.x[-1, 1:] < 12).all()


def test_zerglings_reach_colossi_around_the_cliff():
    # 2c_vs_64zg: from south of the cliff (y = 12) to Colossi north of it, which they cannot reach from below.
    ground = terrain.named("ravine")
    enemies = [(ZERGLING, 10.0 + 0.8 * (i % 12), 9.0 + 0.8 * (i // 12)) for i in range(24)]
    fight = Skirmish([(COLOSSUS, 14.5, 16.0), (COLOSSUS, 17.5, 16.0)], enemies, terrain=ground, plan=Hunt())
    film = immortal(fight, 0, 1).play(45)
    through = (film.y[:-1, 2:] < 13) & (film.y[1:, 2:] >= 13)
    assert through.any(axis=0).sum() >= 22
    x = film.x[1:, 2:][through]
    # The gaps are west of x = 4 and east of x = 28; within a tick one is 0.2 farther.
    assert ((x < 4.2) | (x >= 27.8)).all()
    hitting = (film.cooldown[-1, 2:] > 0).sum()
    assert hitting >= 12


def test_colossi_walk_over_cliffs():
    ground = terrain.named("ravine")
    film = Skirmish([(COLOSSUS, 16.0, 16.0)], [(ZERGLING, 3.0, 17.0)], terrain=ground).play(8, {0: move(16.0, 9.0)})
    np.testing.assert_allclose(np.diff(film.y[:40, 0]), -0.140625, atol=1e-5)
    assert film.y[-1, 0] == 9
