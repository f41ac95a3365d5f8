"""Attacks, tick by tick, against times and damages worked out by hand.

A film's frame k is the battle after k ticks, so what happens in the first tick shows in frame 1. A weapon is used
again in the first tick after its period has passed: 13.77 ticks are 14 of them, as long as nothing is added to them.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle.scenario import Hold
from qohort.envs.battle.units import LIBERTY, Kind
from tests.envs.battle.skirmish import MIDDLE, STOP, Skirmish, attack, move

MARINE, MARAUDER, MEDIVAC, STALKER, ZEALOT, COLOSSUS, ZERGLING, BANELING, HYDRALISK, SPINE = Kind


def duel(attacker, victim, *, gap, **options):
    """Unit 0 in the middle and unit 1 east of it, with this gap between their edges."""
    distance = gap + LIBERTY[attacker].radius + LIBERTY[victim].radius
    return Skirmish([(attacker, MIDDLE, MIDDLE)], [(victim, MIDDLE + distance, MIDDLE)], **options)


def losses(film, unit):
    """The frames in which a unit has lost points, and how many."""
    points = film.health[:, unit] + film.shield[:, unit]
    lost = -np.diff(points)
    return [(int(frame) + 1, round(float(lost[frame]), 1)) for frame in np.flatnonzero(lost > 0.2)]


def hurt_by_first_hit(fight, unit=1, steps=2):
    found = losses(fight.play(steps, {0: attack(unit)}), unit)
    return found[0][1] if found else 0.0


# --- When, and how hard


def test_a_marine_kills_a_marine_with_eight_shots():
    film = duel(MARINE, MARINE, gap=4.0).play(13, {0: attack(1)})
    # 0.8 ticks to the effect: the second tick. 45 points, six at a time.
    assert losses(film, 1) == [(2, 6), (16, 6), (30, 6), (44, 6), (58, 6), (72, 6), (86, 6), (100, 3)]
    assert film.orders.order[-1, 0] == STOP[0]


@pytest.mark.parametrize(
    ("attacker", "victim", "gap", "expected"),
    [
        (MARINE, MARAUDER, 4.0, [(2, 5), (16, 5), (30, 5), (44, 5), (58, 5)]),
        # The missile needs 4.9 / 1.25 = 3.92 ticks.
        (MARAUDER, STALKER, 4.9, [(5, 20), (29, 20), (53, 20)]),
        # Launched in the fourth tick (2.67), on its way for 4.9 / 1.171875 = 4.18.
        (STALKER, MARAUDER, 4.9, [(9, 13), (33, 13), (57, 13)]),
        # The second hit comes 4.48 ticks after the first; again after 19.2.
        (ZEALOT, MARAUDER, 0.05, [(1, 7), (6, 7), (21, 7), (26, 7), (41, 7), (46, 7), (61, 7)]),
        # Two beams at once, six ticks after the third tick (1.33); again after 35.2.
        (COLOSSUS, MARAUDER, 5.0, [(9, 38), (45, 38)]),
        (ZERGLING, MARAUDER, 0.05, [(4, 4), (16, 4), (28, 4), (40, 4), (52, 4), (64, 4)]),
        # Launched in the fifth tick (3.33), on its way for 4.9 / 2.5 = 1.96; again after 13.28.
        (HYDRALISK, MARAUDER, 4.9, [(7, 11), (21, 11), (35, 11), (49, 11), (63, 11)]),
        # In the seventh tick (5.33), again after 25.6; the third hit finds 20 of 80 points of shield, and armour.
        (SPINE, STALKER, 6.0, [(7, 30), (33, 30), (59, 29)]),
        (BANELING, ZEALOT, 0.1, [(1, 35)]),
    ],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_times_of_hits(attacker, victim, gap, expected):
    assert losses(duel(attacker, victim, gap=gap).play(8, {0: attack(1)}), 1) == expected


@pytest.mark.parametrize(
    ("data", "attacker", "victim", "expected"),
    [
        # Damage, plus the bonus, minus the armour.
        ("liberty", MARINE, SPINE, 6 - 2),
        ("liberty", MARAUDER, STALKER, 10 + 10 - 1),
        ("liberty", MARAUDER, ZEALOT, 10 - 1),
        ("liberty", STALKER, STALKER, 10 + 4 - 1),
        ("liberty", STALKER, ZEALOT, 10 - 1),
        ("liberty", BANELING, MARINE, 20 + 15),
        ("liberty", BANELING, MARAUDER, 20 - 1),
        ("liberty", BANELING, ZEALOT, 20 + 15 - 1),
        ("liberty", BANELING, BANELING, 20),
        ("liberty", BANELING, SPINE, 80),
        ("liberty", COLOSSUS, MARINE, 2 * 20),
        ("liberty", COLOSSUS, SPINE, 2 * (20 - 2)),
        ("liberty", HYDRALISK, COLOSSUS, 12 - 1),
        ("liberty", SPINE, MARAUDER, 25 + 5 - 1),
        ("liberty", SPINE, MARINE, 25),
        ("lotv", STALKER, STALKER, 13 + 5 - 1),
        ("lotv", STALKER, MARINE, 13),
        ("lotv", COLOSSUS, HYDRALISK, 2 * (10 + 5)),
        ("lotv", COLOSSUS, MARAUDER, 2 * (10 - 1)),
    ],
    ids=lambda value: value.label if isinstance(value, Kind) else str(value),
)
def test_damage_of_a_hit(data, attacker, victim, expected):
    gap = 0.05 if LIBERTY[attacker].range < 1 else 4.0
    fight = duel(attacker, victim, gap=gap, data=data).change(shield={1: 0.0})
    assert hurt_by_first_hit(fight) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("attacker", "victim", "reach"),
    [
        (MARINE, MARINE, 5.75),
        (MARINE, ZEALOT, 5.875),
        (MARAUDER, MARINE, 6.9375),
        (STALKER, STALKER, 7.25),
        (STALKER, ZEALOT, 7.125),
        (COLOSSUS, ZERGLING, 7.375),
        (HYDRALISK, ZEALOT, 6.125),
        (SPINE, STALKER, 8.5),
        (ZEALOT, ZEALOT, 1.1),
        (ZEALOT, STALKER, 1.225),
        (ZEALOT, ZERGLING, 0.975),
        (ZERGLING, COLOSSUS, 1.475),
        (BANELING, ZEALOT, 1.125),
    ],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_ranges_are_from_edge_to_edge(attacker, victim, reach):
    for beyond in (-0.01, 0.01):
        fight = Skirmish([(attacker, MIDDLE, MIDDLE)], [(victim, MIDDLE, MIDDLE + reach + beyond)])
        film = fight.play(1, {0: attack(1)})
        begins, walks = film.cooldown[1, 0] > 0, film.y[1, 0] > MIDDLE
        assert begins == (beyond < 0)
        assert walks == (beyond > 0 and attacker != SPINE)


def test_who_approaches_a_target_always_attacks_it():
    # From wherever it comes, rounding must not leave it just outside its range.
    angles = np.linspace(0.1, 2 * np.pi, 12, endpoint=False)
    allies = [(MARINE, MIDDLE + 9 * np.cos(a), MIDDLE + 9 * np.sin(a)) for a in angles]
    film = Skirmish(allies, [(SPINE, MIDDLE, MIDDLE)]).play(5, {i: attack(12) for i in range(12)})
    assert (film.cooldown[-1, :12] > 0).all()


# --- Jitter


def test_the_time_between_attacks_varies_by_a_tick_less_to_two_more():
    drawn, between = [], []
    for seed in range(3):
        film = duel(MARINE, SPINE, gap=4.0, jitter=(-1.0, 2.0), seed=seed).play(120, {0: attack(1)})
        alive = film.health[:-1, 1] > 0
        begins = np.flatnonzero((np.diff(film.cooldown[:, 0]) > 0) & alive)
        drawn += list(film.cooldown[begins + 1, 0])
        between += list(np.diff(begins))
    assert len(drawn) > 180
    # 13.7728 + U(-1, 2): from 12.7728 to 15.7728, on average 14.2728; the standard error is 0.866 / √180 = 0.065.
    assert 12.7728 <= min(drawn) < 12.9
    assert 15.6 < max(drawn) <= 15.7728
    assert np.mean(drawn) == pytest.approx(14.2728, abs=0.25)
    quarters = np.histogram(drawn, bins=4, range=(12.7728, 15.7728))[0] / len(drawn)
    np.testing.assert_allclose(quarters, 0.25, atol=0.12)
    assert set(between) == {13, 14, 15, 16}


# --- Attacks that are broken off, and those that are not


def test_giving_up_before_the_effect_costs_no_cooldown():
    # The Stalker may begin in the sixth tick and needs 2.67 ticks; the order changes after the eighth.
    fight = duel(STALKER, MARAUDER, gap=4.0).change(cooldown={0: 6.0})
    film = fight.play(1, {0: attack(1)})
    assert np.isfinite(film.attack.windup[-1, 0])
    assert film.cooldown[-1, 0] > 20
    film = fight.play(1, {0: STOP})
    assert film.cooldown[1, 0] == 0
    assert not losses(film, 1)
    film = fight.play(1, {0: attack(1)})
    assert np.isfinite(film.attack.windup[1, 0])


def test_walking_away_after_the_effect_keeps_the_cooldown():
    fight = duel(STALKER, MARAUDER, gap=5.5)
    fight.play(1, {0: attack(1)})
    film = fight.play(1, {0: move(MIDDLE - 5, MIDDLE)})
    # 23.04 ticks were set in the first of the eight.
    np.testing.assert_allclose(film.cooldown[:, 0], 16.04 - np.arange(9), atol=1e-4)
    assert losses(film, 1) == [(1, 13)]


def test_the_same_order_again_changes_nothing():
    once, again = (duel(STALKER, MARAUDER, gap=4.0).change(cooldown={0: 6.0}) for _ in range(2))
    once.play(1, {0: attack(1)})
    again.play(1, {0: attack(1)})
    one, other = once.play(1), again.play(1, {0: attack(1)})
    assert losses(one, 1) == losses(other, 1) != []
    np.testing.assert_array_equal(one.cooldown, other.cooldown)


def test_another_target_begins_the_attack_again():
    fight = Skirmish([(STALKER, 32.0, 32.0)], [(MARINE, 36.0, 32.0), (MARINE, 32.0, 36.0)])
    fight.change(cooldown={0: 6.0}).play(1, {0: attack(1)})
    film = fight.play(2, {0: attack(2)})
    assert not losses(film, 1)
    # Begun in the first tick, launched 2.67 ticks later; 3 cells at 1.17 per tick are 2.56.
    assert losses(film, 2)[0] == (7, 10)


@pytest.mark.parametrize(("attacker", "hits"), [(HYDRALISK, True), (SPINE, False)])
def test_slop_lets_an_attack_go_on_while_the_target_is_a_bit_out_of_range(attacker, hits):
    # In the time to the effect (3.33 and 5.33 ticks) the victim walks 0.7 or 1.1 cells out of range; slop is 1 and 0.
    fight = duel(attacker, STALKER, gap=LIBERTY[attacker].range - 0.1)
    film = fight.play(1, {0: attack(1), 1: move(60.0, MIDDLE)})
    assert np.isfinite(film.attack.windup[1, 0])
    assert bool(np.isfinite(film.attack.flight[:, 0]).any() or losses(film, 1)) == hits


def test_an_attack_is_broken_off_beyond_the_slop():
    # Ten times as fast, the victim is 3.7 cells away after two ticks.
    fight = duel(HYDRALISK, STALKER, gap=4.9)
    fight.arena = eqx.tree_at(lambda arena: arena.stats.speed, fight.arena, 10 * fight.arena.stats.speed)
    fight.play(1, {0: STOP})
    film = fight.play(1, {0: attack(1), 1: move(60.0, MIDDLE)})
    assert np.isfinite(film.attack.windup[1, 0])
    assert not np.isfinite(film.attack.flight[:, 0]).any()
    assert film.cooldown[4, 0] == 0


def test_a_unit_stands_while_it_attacks():
    fight = duel(ZEALOT, SPINE, gap=0.05)
    film = fight.play(1, {0: attack(1)})
    # The second hit comes in the sixth tick.
    assert (film.x[:6, 0] == film.x[0, 0]).all()
    fight = duel(STALKER, MARAUDER, gap=5.9)
    film = fight.play(1, {0: attack(1), 1: move(60.0, MIDDLE)})
    # It follows as soon as the missile has left, in the fourth tick.
    assert (film.x[:4, 0] == film.x[0, 0]).all()
    assert film.x[-1, 0] > film.x[0, 0]


def test_a_zealots_second_hit_is_called_off_with_the_order():
    # It may attack in the sixth tick; the second hit would come in the eleventh.
    fight = duel(ZEALOT, MARAUDER, gap=0.05).change(cooldown={0: 6.0})
    assert losses(fight.play(1, {0: attack(1)}), 1) == [(6, 7)]
    film = fight.play(1, {0: STOP})
    assert not losses(film, 1)
    np.testing.assert_allclose(film.cooldown[-1, 0], 19.2 - 10, atol=1e-4)


def test_a_zealots_second_hit_is_not_for_another():
    fight = Skirmish([(ZEALOT, 32.0, 32.0)], [(MARAUDER, 33.1, 32.0), (MARAUDER, 30.9, 32.0)])
    fight.change(cooldown={0: 6.0}).play(1, {0: attack(1)})
    film = fight.play(1, {0: attack(2)})
    assert not losses(film, 1)
    assert not losses(film, 2)


# --- Missiles


def test_a_missile_arrives_though_its_shooter_is_dead():
    # Launched in the eighth tick, 5.9 / 1.17 = 5.03 ticks before it arrives.
    fight = duel(STALKER, MARAUDER, gap=5.9).change(cooldown={0: 5.0})
    assert not losses(fight.play(1, {0: attack(1)}), 1)
    film = fight.change(health={0: 0.0}, shield={0: 0.0}).play(1)
    assert losses(film, 1) == [(6, 13)]


def test_units_shoot_at_a_target_that_is_as_good_as_dead():
    fight = Skirmish([(STALKER, 32.0, 31.0), (STALKER, 32.0, 33.0)], [(ZERGLING, 37.0, 32.0)])
    film = fight.change(health={2: 5.0}).play(1, {0: attack(2), 1: attack(2)})
    assert np.isfinite(film.attack.flight[4, :2]).all()
    assert (film.cooldown[4, :2] > 15).all()


def test_missiles_at_the_dead_do_nothing():
    fight = Skirmish([(STALKER, 32.0, 31.0), (MARINE, 34.0, 33.0)], [(ZERGLING, 37.0, 32.0)])
    film = fight.change(health={2: 5.0}).play(3, {0: attack(2), 1: attack(2)})
    assert film.health[2, 2] == 0
    assert (film.health[2:, 2] == 0).all()


# --- Damage


def test_shields_come_first_and_have_no_armour():
    fight = duel(MARINE, ZEALOT, gap=4.0).change(shield={1: 4.0})
    film = fight.play(1, {0: attack(1)})
    # 4 are absorbed, and 1 of the other 2 is the armour's.
    assert (film.shield[2, 1], film.health[2, 1]) == (0, 99)


@pytest.mark.parametrize(("shield", "lost"), [(5.0, 0.5), (5.75, 0.5), (4.25, 0.75), (6.0, 0.0)])
def test_what_gets_through_a_shield_hurts_by_half_a_point_at_least(shield, lost):
    film = duel(MARINE, ZEALOT, gap=4.0).change(shield={1: shield}).play(1, {0: attack(1)})
    assert film.health[2, 1] == pytest.approx(100 - lost, abs=1e-4)


def test_a_hit_takes_half_a_point_whatever_the_armour():
    fight = duel(ZEALOT, MARAUDER, gap=0.05)
    fight.arena = eqx.tree_at(lambda arena: arena.stats.armour, fight.arena, jnp.array([0.0, 50.0]))
    assert losses(fight.play(1, {0: attack(1)}), 1) == [(1, 0.5), (6, 0.5)]


@pytest.mark.parametrize(
    ("shield", "lost"),
    [
        (0.0, 2 * (6 - 1)),
        (3.0, 3 - 1 + 6 - 1),
        (5.75, 0.5 + 6 - 1),  # a quarter point is left of the first hit
        (6.0, 6 - 1),
        (8.0, 4 - 1),
        (11.5, 0.5),
        (12.0, 0),
    ],
)
def test_armour_counts_for_each_of_two_hits_at_once(shield, lost):
    fight = Skirmish([(MARINE, 32.0, 31.0), (MARINE, 32.0, 33.0)], [(ZEALOT, 35.0, 32.0)]).change(shield={2: shield})
    film = fight.play(1, {0: attack(2), 1: attack(2)})
    assert film.health[2, 2] == pytest.approx(100 - lost, abs=1e-3)
    assert film.shield[2, 2] == max(shield - 12, 0)


def test_two_can_kill_each_other():
    film = duel(MARINE, MARINE, gap=3.0).change(health={0: 6.0, 1: 6.0}).play(1, {0: attack(1), 1: attack(0)})
    np.testing.assert_array_equal(film.health[:3], [[6, 6], [6, 6], [0, 0]])


def test_the_dead_do_nothing():
    fight = duel(MARINE, MARINE, gap=3.0).change(health={0: 0.0})
    film = fight.play(3, {0: attack(1)})
    assert not losses(film, 1)
    assert (film.x[:, 0] == MIDDLE).all()
    film = fight.play(3, {0: move(40.0, 40.0)})
    assert (film.x[:, 0] == MIDDLE).all()


# --- What comes back


def test_shields_come_back_after_ten_seconds_without_damage():
    fight = duel(MARINE, STALKER, gap=3.0).change(health={1: 50.0})
    assert losses(fight.play(1, {0: attack(1)}), 1) == [(2, 6)]
    film = fight.play(26, {0: STOP})
    # Hurt in frame 2, which is 6 before this film begins; from frame 2 + 160 on, an eighth of a point per tick.
    shield = film.shield[:, 1]
    assert (shield[:154] == 74).all()
    np.testing.assert_allclose(shield[154:202], 74 + 0.125 * np.arange(1, 49), atol=1e-4)
    assert (shield[202:] == 80).all()
    assert (film.health[:, 1] == 50).all()


def test_damage_stops_the_return_of_shields():
    fight = duel(MARINE, STALKER, gap=3.0).change(shield={1: 10.0}, calm={1: 1000.0})
    film = fight.play(1)
    assert film.shield[-1, 1] == 11
    film = fight.play(1, {0: attack(1)})
    assert film.shield[1, 1] == 11.125
    assert (film.shield[2:, 1] == 11.125 - 6).all()


def test_zerg_regenerate_always_and_others_never():
    zerg = [(ZERGLING, 10.0, 10.0), (BANELING, 20.0, 20.0)]
    fight = Skirmish(zerg, [(HYDRALISK, 50.0, 50.0), (MARINE, 40.0, 40.0)]).change(
        health={0: 10.0, 1: 29.5, 2: 10.0, 3: 10.0}
    )
    film = fight.play(6)
    # 0.2734 per second for three seconds, and never more than there was.
    np.testing.assert_allclose(film.health[-1], [10.8202, 30, 10.8202, 10], atol=1e-4)


def test_regeneration_does_not_save_the_dying():
    film = duel(MARINE, ZERGLING, gap=3.0).change(health={1: 6.0}).play(1, {0: attack(1)})
    # 6.034 points after two ticks, of which six are shot away before the rest comes back.
    assert film.health[2, 1] == pytest.approx(0.034, abs=2e-3)
    film = duel(MARINE, ZERGLING, gap=3.0).change(health={1: 5.98}).play(1, {0: attack(1)})
    assert film.health[2, 1] == 0


# --- Banelings


def blast(*placed, allies=((BANELING, 0.0, 0.0),), **physics):
    """A Baneling attacks a Zealot beside it; the others are enemies at distances from the Baneling."""
    enemies = [(ZEALOT, 1.0, 0.0), *placed]
    here = [[(kind, MIDDLE + x, MIDDLE + y) for kind, x, y in side] for side in (allies, enemies)]
    fight = Skirmish(*here, **physics)
    film = fight.play(1, {0: attack(len(allies))})
    return film.health[0] + film.shield[0] - film.health[1] - film.shield[1]


def test_a_baneling_hurts_all_around_itself_once():
    # The radius is 2.2, and 0.375 more to a Marine's edge.
    lost = blast((MARINE, 0.0, 2.55), (MARINE, 0.0, -2.6), (MARAUDER, -2.0, 0.0), (MEDIVAC, -1.0, 0.0))
    np.testing.assert_allclose(lost, [30, 35, 35, 0, 19, 0])


def test_areas_may_reach_centres_only():
    lost = blast(
        (MARINE, 0.0, 2.15), (MARINE, 0.0, -2.25), (MARAUDER, -2.3, 0.0), (MEDIVAC, -1.0, 0.0),
        splash_reaches_edges=False,
    )  # fmt: skip
    np.testing.assert_allclose(lost, [30, 35, 35, 0, 0, 0])


def test_a_baneling_spares_friends():
    lost = blast(allies=((BANELING, 0.0, 0.0), (MARINE, -0.8, 0.0)))
    np.testing.assert_allclose(lost, [30, 0, 35])


def test_a_baneling_explodes_when_it_is_killed():
    allies = [(MARINE, 32.0, 32.0), (MARINE, 35.0, 32.0)]
    fight = Skirmish(allies, [(BANELING, 36.0, 32.0), (MARINE, 36.0, 33.0)]).change(health={2: 5.0})
    film = fight.play(1, {0: attack(2)})
    assert film.health[2, 2] == 0
    # A tick later: the near Marine has 10 points left, the one 4 cells away is too far, and friends are spared.
    np.testing.assert_array_equal(film.health[3], [45, 10, 0, 45])
    np.testing.assert_array_equal(film.health[-1], [45, 10, 0, 45])


def test_banelings_set_each_other_off():
    # An exploding one kills another one of the other side, and that one a Marine and a third one, and so on.
    allies = [(BANELING, 32.0, 32.0), (BANELING, 36.0, 32.0), (MARINE, 34.5, 32.0)]
    enemies = [(BANELING, 34.0, 32.0), (ZEALOT, 31.0, 32.0), (MARINE, 37.0, 32.0)]
    fight = Skirmish(allies, enemies).change(health={3: 19.0, 1: 19.0, 2: 35.0})
    film = fight.play(1, {0: attack(4)})
    alive = film.health > 0
    np.testing.assert_array_equal(alive[1], [False, True, True, False, True, True])
    np.testing.assert_array_equal(alive[2], [False, False, False, False, True, True])
    np.testing.assert_allclose(film.health[3], [0, 0, 0, 0, 100, 10])
    assert film.shield[-1, 4] == 15


def test_a_baneling_killed_while_it_attacks_explodes_once():
    allies = [(BANELING, 32.0, 32.0)]
    fight = Skirmish(allies, [(ZEALOT, 33.0, 32.0), (MARINE, 30.0, 32.0)])
    # The shot lands in the second tick, in which the Baneling may attack for the first time.
    fight.change(health={0: 6.0}, cooldown={0: 2.0})
    film = fight.play(1, {0: attack(1), 2: attack(0)})
    assert film.health[2, 0] == 0
    assert losses(film, 1) == [(2, 35)]


# --- Colossi


def sweep(*sides, walk=None, **physics):
    """A Colossus shoots at a Marauder 6 cells to the east; what the first volley does to it and to others beside it."""
    enemies = [(MARAUDER, 6.0, 0.0), *sides]
    fight = Skirmish(
        [(COLOSSUS, MIDDLE, MIDDLE)], [(kind, MIDDLE + x, MIDDLE + y) for kind, x, y in enemies], **physics
    )
    walks = {i + 1: move(MIDDLE + x, MIDDLE + y) for i, (x, y) in (walk or {}).items()}
    film = fight.play(3, {0: attack(1), **walks})
    return film, [round(float(film.health[0, i] - film.health[-1, i])) for i in range(1, len(enemies) + 1)]


def test_beams_sweep_a_line_across_the_line_of_fire():
    # Half the line is 1.25, and its reach 0.15 and a unit's radius of 0.5625.
    film, lost = sweep((MARAUDER, 6.0, 1.2), (MARAUDER, 6.0, -1.9), (MARAUDER, 6.0, 3.0), (MARAUDER, 7.0, -0.6))
    # Each beam hits each unit but once, the target too: 2 times 20 less armour.
    assert lost == [38, 38, 38, 0, 0]
    # Shot in the third tick; six ticks later the target burns, and here the others do too.
    assert losses(film, 1) == losses(film, 2) == losses(film, 3) == [(9, 38)]


def test_beams_may_reach_centres_only():
    _, lost = sweep(
        (MARAUDER, 6.0, 1.2), (MARAUDER, 6.0, -1.9), (MARAUDER, 6.0, 3.0), (MARAUDER, 6.2, -0.9),
        splash_reaches_edges=False,
    )  # fmt: skip
    assert lost == [38, 38, 0, 0, 0]


def test_beams_hit_nobody_in_the_air_nor_friends():
    _, lost = sweep((MEDIVAC, 6.0, 1.0), (MEDIVAC, 6.0, -1.0), (MARAUDER, 6.0, 1.2), (MARINE, 3.0, 0.0))
    assert lost == [38, 0, 0, 38, 0]


@pytest.mark.parametrize(
    ("start", "way", "lost"), [(2.4, -20.0, 40), (-2.4, 20.0, 40), (3.3, -20.0, 0), (1.05, 20.0, 0), (0.8, 0.85, 40)]
)
def test_each_beam_hits_who_walks_along_the_line_but_once(start, way, lost):
    # When the beams burn, in the ninth tick, it has walked for eight: 1.125 cells. They reach 1.25 + 0.15 + 0.625.
    assert sweep((HYDRALISK, 6.0, start), walk={1: (6.0, way)})[1] == [38, lost]


# --- Who can be hit


@pytest.mark.parametrize("attacker", [MARAUDER, ZEALOT, COLOSSUS, ZERGLING, SPINE])
def test_a_marine_can_hit_a_medivac_and_these_cannot(attacker):
    # Enemies choose for themselves; those that cannot hit the Medivac take no notice of it.
    for kind in (attacker, MARINE):
        fight = Skirmish([(MEDIVAC, MIDDLE, MIDDLE)], [(kind, MIDDLE + 3, MIDDLE)], plan=Hold())
        film = fight.play(3)
        assert (film.focus[-1, 1] == 0) == (kind == MARINE)
        assert bool(losses(film, 0)) == (kind == MARINE)


@pytest.mark.parametrize("attacker", [MARINE, STALKER, HYDRALISK])
def test_weapons_against_air_hit_colossi_too(attacker):
    assert hurt_by_first_hit(duel(attacker, COLOSSUS, gap=3.0)) > 0
