"""Whom enemies attack that decide for themselves, and what they do without anybody to attack."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle.orders import NOBODY, Order
from qohort.envs.battle.scenario import AttackMove, Hold, Hunt
from qohort.envs.battle.units import LIBERTY, SMAC, Kind
from tests.envs.battle.skirmish import MIDDLE, STOP, Skirmish, attack, move

MARINE, MARAUDER, MEDIVAC, STALKER, ZEALOT, COLOSSUS, ZERGLING, BANELING, HYDRALISK, SPINE = Kind


def watch(enemy, *allies, **options):
    """An idle enemy in the middle, the last unit, and allies (kind, east, north) around it."""
    placed = [(kind, MIDDLE + east, MIDDLE + north) for kind, east, north in allies]
    return Skirmish(placed, [(enemy, MIDDLE, MIDDLE)], **{"plan": Hold(), **options})


def immortal(fight, *units):
    """Let units bear anything."""
    health = fight.arena.stats.health.at[jnp.array(units)].set(1e5)
    fight.arena = eqx.tree_at(lambda arena: arena.stats.health, fight.arena, health)
    return fight.change(health=dict.fromkeys(units, 1e5))


def put(fight, unit, x, y):
    """Move a unit by hand."""
    state = fight.state
    fight.state = dataclasses.replace(state, x=state.x.at[unit].set(x), y=state.y.at[unit].set(y))


# --- Choosing


def test_the_nearest_is_attacked():
    film = watch(MARINE, (MARINE, 4.0, 0.0), (MARINE, 0.0, 3.0)).play(1)
    assert film.focus[-1, 2] == 1


@pytest.mark.parametrize(
    ("enemy", "sees"),
    [(ZEALOT, 5.0), (ZERGLING, 5.0), (MARINE, 5.0), (HYDRALISK, 5.0), (MARAUDER, 6.0), (STALKER, 6.0), (SPINE, 7.0)],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_units_look_five_cells_far_or_as_far_as_they_shoot(enemy, sees):
    radii = LIBERTY[enemy].radius + LIBERTY[MARINE].radius
    for beyond in (-0.05, 0.05):
        fight = watch(enemy, (MARINE, sees + radii + beyond, 0.0))
        assert (fight.play(1).focus[-1, 1] == 0) == (beyond < 0)


def test_scan_is_how_far_units_look():
    for scan in (5.0, 9.0):
        film = watch(ZEALOT, (MARINE, 8.0, 0.0), scan=scan).play(1)
        assert (film.focus[-1, 1] == 0) == (scan == 9)


@pytest.mark.parametrize(
    ("enemy", "sees"),
    [(ZEALOT, 5.0), (MARINE, 5.5), (HYDRALISK, 5.5), (MARAUDER, 6.5), (STALKER, 6.5), (COLOSSUS, 7.5), (SPINE, 7.0)],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_with_multiplayer_data_units_look_half_a_cell_farther_than_they_shoot(enemy, sees):
    radii = SMAC[enemy].radius + SMAC[MARINE].radius
    for beyond in (-0.05, 0.05):
        fight = watch(enemy, (MARINE, sees + radii + beyond, 0.0), data="smac")
        assert (fight.play(1).focus[-1, 1] == 0) == (beyond < 0)


@pytest.mark.parametrize(("data", "first"), [("smac", 0), ("liberty", 0), ("lotv", 1)])
def test_those_who_could_harm_come_first(data, first):
    # In the base data, of which the maps' Medivacs are copies, they count as a threat; in multiplayer's they do not.
    film = watch(MARINE, (MEDIVAC, 2.0, 0.0), (MARINE, 0.0, 4.0), data=data).play(1)
    assert film.focus[-1, 2] == first


def test_the_harmless_are_attacked_when_nobody_else_is_there():
    film = watch(MARINE, (MEDIVAC, 2.0, 0.0), (MARINE, 0.0, 15.0), data="lotv").play(2)
    assert film.focus[-1, 2] == 0
    assert film.health[-1, 0] < 150


def test_marauders_take_no_notice_of_medivacs():
    film = watch(MARAUDER, (MEDIVAC, 2.0, 0.0), (MARINE, 0.0, 15.0)).play(2)
    assert film.focus[-1, 2] == NOBODY
    assert film.health[-1, 0] == 150


def test_a_target_is_kept_until_it_is_dead():
    fight = immortal(watch(MARINE, (MARINE, 4.0, 0.0), (MARINE, 0.0, 9.0)), 0, 1)
    fight.play(1)
    film = fight.play(6, {1: move(MIDDLE, MIDDLE + 1.5)})
    assert (film.focus[:, 2] == 0).all()
    assert film.y[-1, 1] < MIDDLE + 3
    film = fight.change(health={0: 0.0}).play(1)
    # Within the four ticks of a scan.
    assert film.focus[4, 2] == 1


@pytest.mark.parametrize(("follows", "drops"), [("unreached", True), ("none", True), ("all", False)])
def test_whether_a_target_that_leaves_range_is_kept(follows, drops):
    # The first target walks away; the other stands there.
    fight = watch(MARINE, (MARINE, 3.0, 0.0), (SPINE, 0.0, 4.0), follows=follows)
    fight = immortal(fight, 0, 1)
    film = fight.play(6, {0: move(MIDDLE + 30, MIDDLE)})
    assert film.focus[5, 2] == 0
    assert (film.focus[-1, 2] == 1) == drops


@pytest.mark.parametrize(("follows", "turns"), [("unreached", False), ("none", True), ("all", False)])
def test_whether_a_target_that_was_not_reached_yet_is_followed_past_others(follows, turns):
    # The Zealot chooses the Marine in the east; on its way another comes nearer.
    fight = watch(ZEALOT, (MARINE, 5.0, 0.0), (MARINE, 0.0, 9.0), follows=follows)
    fight = immortal(fight, 0, 1)
    assert fight.play(1).focus[-1, 2] == 0
    put(fight, 1, float(fight.state.x[2]), MIDDLE + 2.0)
    assert (fight.play(1).focus[-1, 2] == 1) == turns


def test_who_cannot_walk_forgets_a_target_out_of_range():
    fight = immortal(watch(SPINE, (STALKER, 6.0, 0.0), (STALKER, -11.0, 0.0)), 0, 1)
    assert fight.play(1).focus[-1, 2] == 0
    # The first leaves (its centre is in range up to 8.5), the second comes.
    film = fight.play(8, {0: move(MIDDLE + 20, MIDDLE), 1: move(MIDDLE - 5, MIDDLE)})
    assert film.focus[-1, 2] == 1
    film = fight.play(8, {1: move(MIDDLE - 20, MIDDLE)})
    assert film.focus[-1, 2] == NOBODY


@pytest.mark.parametrize("period", [1, 4])
def test_units_look_around_in_turn(period):
    enemies = [(MARINE, MIDDLE + 2 * i, MIDDLE) for i in range(8)]
    fight = Skirmish([(MARINE, MIDDLE + 7, MIDDLE + 3)], enemies, plan=Hold(), scan_period=period)
    film = immortal(fight, 0).play(1)
    found = np.argmax(film.focus[:, 1:] == 0, axis=0)
    seeing = np.hypot(film.x[0, 1:] - MIDDLE - 7, 3.0) < 5.7
    assert seeing.sum() == 4
    turns = sorted(found[seeing])
    # Neighbours take turns: 4 of them look in the 4 ticks of a period; or all in the first.
    assert turns == ([1, 2, 3, 4] if period == 4 else [1, 1, 1, 1])


# --- Answers


def test_who_is_attacked_from_afar_attacks_the_attacker():
    # The Stalker shoots from 5.9, the Zealot looks 5 far.
    fight = watch(ZEALOT, (STALKER, 5.9 + 0.5 + 0.625, 0.0))
    film = fight.play(3, {0: attack(1)})
    hit = int(np.argmax(film.shield[:, 1] < 50))
    assert hit > 0
    assert (film.focus[: hit + 1, 1] == NOBODY).all()
    assert film.focus[hit + 1, 1] == 0
    assert film.x[-1, 1] > MIDDLE + 0.5


@pytest.mark.parametrize("turns_on_attackers", [False, True])
def test_whether_a_pursuer_turns_on_who_shoots_at_it(turns_on_attackers):
    # The Zealot runs after the first Marine; the second, behind it and beyond its scan, begins to shoot.
    marines = [(MARINE, 3.0, 0.0), (MARINE, -5.8, 0.0)]
    fight = immortal(watch(ZEALOT, *marines, turns_on_attackers=turns_on_attackers), 0, 1, 2)
    away = move(MIDDLE + 30, MIDDLE)
    assert fight.play(2, {0: away}).focus[-1, 2] == 0
    put(fight, 1, float(fight.state.x[2]) - 5.8, MIDDLE)
    film = fight.play(1, {0: away, 1: attack(2)})
    assert film.health[-1, 2] + film.shield[-1, 2] < film.health[0, 2] + film.shield[0, 2]
    assert (film.focus[-1, 2] == 1) == turns_on_attackers


def test_who_fights_does_not_turn_on_who_shoots_at_it():
    fight = immortal(watch(ZEALOT, (MARINE, 0.9, 0.0), (MARINE, -5.0, 0.0)), 0, 1, 2)
    fight.play(2)
    film = fight.play(4, {1: attack(2)})
    assert film.shield[-1, 2] < 50
    assert (film.focus[:, 2] == 0).all()


@pytest.mark.parametrize(("help_radius", "answers"), [(4.0, [True, False, False]), (6.0, [True, True, False])])
def test_friends_within_four_cells_help(help_radius, answers):
    # A Stalker in the east shoots at a Spine Crawler; the Zealots around that see nobody.
    friends = [(ZEALOT, MIDDLE - 3.9, MIDDLE), (ZEALOT, MIDDLE, MIDDLE + 4.1), (ZEALOT, MIDDLE, MIDDLE - 9.0)]
    enemies = [(SPINE, MIDDLE, MIDDLE), *friends]
    fight = Skirmish([(STALKER, MIDDLE + 7.0, MIDDLE)], enemies, plan=Hold(), help_radius=help_radius)
    film = fight.play(3, {0: attack(1)})
    # Hit in the ninth tick (3 and 5.5 / 1.17), it calls when the third step begins.
    assert film.health[8, 1] == 300 > film.health[9, 1]
    assert (film.focus[:17, 2:] == NOBODY).all()
    assert [bool(focus == 0) for focus in film.focus[-1, 2:]] == answers


@pytest.mark.parametrize(("help_period", "steps"), [(8.0, 3), (32.0, 6)])
def test_calls_for_help_have_a_pause(help_period, steps):
    # Hit every 23 ticks: in the first step, the third or fourth, the sixth or seventh, and so on.
    enemies = [(SPINE, MIDDLE, MIDDLE), (ZEALOT, MIDDLE - 20, MIDDLE)]
    allies = [(MARAUDER, MIDDLE + 3.0, MIDDLE)]
    fight = immortal(Skirmish(allies, enemies, plan=Hold(), help_period=help_period, jitter=(-16.0, -16.0)), 0, 1)
    # The Marauder shoots every 8 ticks. After the first call the Zealot comes near enough to hear, not to see.
    fight.play(2, {0: attack(1)})
    put(fight, 2, MIDDLE - 3.5, MIDDLE)
    heard = []
    for _ in range(8):
        heard.append(int(fight.play(1).focus[-1, 2]) == 0)
    first = heard.index(True) + 1
    assert abs(first - (steps - 2)) <= 1


def test_the_leash_ends_a_pursuit():
    fight = immortal(watch(ZEALOT, (STALKER, 4.0, 0.0), leash=5.0), 0)
    film = fight.play(10, {0: move(MIDDLE + 25, MIDDLE)})
    farthest = film.x[:, 1].max() - MIDDLE
    assert 5 < farthest < 5.3
    turned = int(film.x[:, 1].argmax())
    assert (film.focus[turned + 1 :, 1] == NOBODY).all()
    # It goes back to where it was when it chose, and stands there.
    film = fight.play(8)
    assert film.x[-1, 1] == pytest.approx(MIDDLE, abs=0.01)
    assert film.orders.order[-1, 1] == Order.STOP


def test_a_leash_is_21_cells_long():
    fight = immortal(watch(ZEALOT, (ZEALOT, 4.0, -20.0)), 0)
    put(fight, 0, MIDDLE - 20.0, MIDDLE)
    put(fight, 1, MIDDLE - 24.0, MIDDLE)
    film = fight.play(24, {0: move(MIDDLE + 25, MIDDLE)})
    farthest = film.x[:, 1].max() - (MIDDLE - 24)
    assert 21 < farthest < 21.3


def test_allies_never_act_by_themselves():
    fight = Skirmish([(MARINE, MIDDLE, MIDDLE), (MEDIVAC, MIDDLE, MIDDLE + 2)], [(MARINE, MIDDLE + 3, MIDDLE)])
    fight.change(health={0: 40.0})
    film = fight.play(6, {2: attack(0)})
    assert film.health[-1, 0] < 30
    assert (film.focus[:, :2] == NOBODY).all()
    assert (film.x[:, :2] == MIDDLE).all()
    assert film.health[-1, 2] == 45
    # Nor when those who attack them decide for themselves.
    film = watch(MARINE, (MARINE, 3.0, 0.0)).play(6)
    assert film.health[-1, 0] < 45
    assert (film.focus[:, 0] == NOBODY).all()
    assert film.health[-1, 1] == 45


# --- Plans


def test_marching_enemies_fight_on_the_way_and_go_on():
    fight = Skirmish([(MARINE, 30.0, 34.0)], [(ZEALOT, 36.0, 32.0)], plan=AttackMove(to=(20.0, 32.0)))
    film = fight.play(24)
    died = int(np.argmax(film.health[:, 0] == 0))
    assert died > 0
    assert (film.focus[5:died, 1] == 0).all()
    assert (film.orders.order[:died, 1] == Order.ATTACK_MOVE).all()
    # One unit has arrived within a quarter cell of the point.
    assert film.orders.order[-1, 1] == Order.STOP
    assert np.hypot(film.x[-1, 1] - 20, film.y[-1, 1] - 32) == pytest.approx(0.25, abs=0.15)


def test_a_group_has_arrived_when_it_is_around_its_goal():
    # 16 units: within 4 times `arrival`, of which the default is a quarter.
    arrival = 0.5
    enemies = [(MARINE, 34.0 + 0.8 * (i % 4), 30.0 + 0.8 * (i // 4)) for i in range(16)]
    fight = Skirmish([(MARINE, 60.0, 5.0)], enemies, plan=AttackMove(to=(26.0, 31.2)), arrival=arrival)
    film = fight.play(20)
    assert (film.orders.order[-1, 1:] == Order.STOP).sum() >= 14
    stops = (film.orders.order[1:, 1:] == Order.STOP) & (film.orders.order[:-1, 1:] == Order.ATTACK_MOVE)
    away = np.hypot(film.x[1:, 1:] - 26, film.y[1:, 1:] - 31.2)[stops]
    assert (away < 4 * arrival + 0.3).all()
    # What stands still stays still.
    film = fight.play(3)
    moved = np.hypot(film.x[-1, 1:] - film.x[0, 1:], film.y[-1, 1:] - film.y[0, 1:])
    assert (moved[film.orders.order[0, 1:] == Order.STOP] < 0.4).all()


def test_who_has_arrived_still_fights_what_comes_near():
    fight = Skirmish([(MARINE, 50.0, 50.0)], [(MARINE, 22.0, 32.0)], plan=AttackMove(to=(20.0, 32.0)))
    fight.play(3)
    put(fight, 0, 23.0, 32.0)
    assert fight.play(1).focus[-1, 1] == 0


def test_a_goal_is_drawn_on_a_segment():
    goals = set()
    for seed in range(8):
        plan = AttackMove(to=(10.0, 12.0), until=(16.0, 12.0))
        orders = Skirmish([(MARINE, 50.0, 50.0)], [(ZEALOT, 30.0, 30.0)], plan=plan, seed=seed).state.orders
        goals.add(round(float(orders.x[1]), 4))
        assert orders.y[1] == 12
        assert orders.order[1] == Order.ATTACK_MOVE
    assert len(goals) == 8
    assert 10 <= min(goals) < 13 < max(goals) <= 16


def test_hunters_attack_the_nearest_wherever_it_is_until_it_is_dead():
    fight = Skirmish([(MARINE, 10.0, 32.0), (STALKER, 60.0, 32.0)], [(ZEALOT, 32.0, 32.0)], plan=Hunt())
    fight.change(health={0: 10.0})
    # 22 to the west, 28 to the east. On its way the other comes nearer, and is not looked at.
    film = fight.play(14, {1: move(26.0, 36.0)})
    alive = film.health[:, 0] > 0
    assert (film.orders.target[1:, 2][alive[1:]] == 0).all()
    film = fight.play(8)
    assert film.health[-1, 0] == 0
    assert film.focus[-1, 2] == 1


def test_holders_stay():
    film = Skirmish([(MARINE, 10.0, 32.0)], [(ZEALOT, 32.0, 32.0)], plan=Hold()).play(4, {0: STOP})
    assert (film.x[:, 1] == 32).all()
    assert (film.focus[:, 1] == NOBODY).all()
