"""Medivacs: how much, how long, how near, whom."""

import equinox as eqx
import numpy as np
import pytest

from qohort.envs.battle.scenario import AttackMove, Hold
from qohort.envs.battle.units import Kind
from tests.envs.battle.skirmish import STOP, Skirmish, attack, heal

MARINE, MARAUDER, MEDIVAC, STALKER, ZEALOT, COLOSSUS, ZERGLING, BANELING, HYDRALISK, SPINE = Kind

FAR_ENEMY = (MARINE, 60.0, 60.0)
PER_TICK = 9 / 16


def ward(*patients, medivacs=((32.0, 32.0),), **options):
    """Patients (kind, how far east of the first Medivac, health), then Medivacs."""
    allies = [(kind, 32.0 + east, 32.0) for kind, east, _ in patients] + [(MEDIVAC, x, y) for x, y in medivacs]
    fight = Skirmish(allies, [FAR_ENEMY], **options)
    return fight.change(health={i: health for i, (_, _, health) in enumerate(patients)})


def test_a_patient_gains_nine_points_a_second():
    film = ward((MARINE, 3.0, 20.0)).play(6, {1: heal(0)})
    np.testing.assert_allclose(film.health[:45, 0], 20 + PER_TICK * np.arange(45), atol=1e-3)
    # 25 points are 44.4 ticks; there is no more than 45.
    assert (film.health[45:, 0] == 45).all()
    # A point costs 0.33 energy, and 0.5625 come back in a second.
    spent = 0.33 * 25
    assert film.energy[-1, 1] == pytest.approx(50 - spent + 48 * 0.5625 / 16, abs=1e-3)


def test_fifty_energy_last_for_twenty_seconds_and_187_points():
    fight = ward((MARAUDER, 3.0, 125.0))
    fight.arena = eqx.tree_at(lambda a: a.stats.health, fight.arena, fight.arena.stats.health.at[0].set(1000.0))
    film = fight.play(60, {1: heal(0)})
    heals = np.diff(film.health[:, 0]) > 0
    # 2.97 a second are spent and 0.5625 come back: 50 / 2.4075 = 20.77 seconds, 332 ticks.
    first_pause = int(np.argmin(heals))
    assert first_pause == pytest.approx(332, abs=1)
    assert film.health[first_pause, 0] - 125 == pytest.approx(187, abs=1)
    # It begins again with 5 energy: (5 - 0.15) / 0.035156 = 138 ticks later.
    again = first_pause + int(np.argmax(heals[first_pause:]))
    assert again - first_pause == pytest.approx(138, abs=3)
    assert film.energy[again, 1] == pytest.approx(5.0, abs=0.04)


@pytest.mark.parametrize(("to_edges", "where"), [(False, 4.75), (True, 4.75 + 0.375)])
def test_a_medivac_flies_into_range_and_heals_from_there(to_edges, where):
    fight = ward((MARINE, 8.0, 20.0), heal_reaches_edges=to_edges)
    film = fight.play(10, {1: heal(0)})
    # It notices that it is in range at the end of a tick's way, of 0.17 at most.
    assert 40 - where <= film.x[-1, 1] <= 40 - where + 0.172
    heals = np.flatnonzero(np.diff(film.health[:, 0]) > 0)
    assert 40 - where <= film.x[heals[0], 1]
    assert film.health[-1, 0] == 45


@pytest.mark.parametrize(
    ("kind", "heals"),
    [(MARINE, True), (MARAUDER, True), (ZEALOT, True), (HYDRALISK, True), (STALKER, False), (COLOSSUS, False)],
    ids=lambda value: value.label if isinstance(value, Kind) else "",
)
def test_only_the_biological_are_healed(kind, heals):
    film = ward((kind, 3.0, 20.0), data="lotv").play(2, {1: heal(0)})
    assert (film.health[-1, 0] > 25) == heals
    # Of 9 points in a second, a third is energy; else some comes back.
    assert (film.energy[-1, 1] < 50) == heals


def test_nobody_heals_itself():
    fight = ward((MARINE, 3.0, 45.0)).change(health={1: 50.0})
    film = fight.play(2, {1: heal(1)})
    assert (film.health[:, 1] == 50).all()


def test_the_healthy_cost_nothing():
    film = ward((MARINE, 3.0, 45.0)).play(2, {1: heal(0)})
    assert film.energy[-1, 1] == pytest.approx(50.5625, abs=1e-4)


def test_one_medivac_heals_a_patient_at_a_time():
    patients = (MARINE, 3.0, 20.0), (MARINE, 4.0, 20.0)
    film = ward(*patients, medivacs=((32.0, 32.0), (35.0, 35.0))).play(2, {2: heal(0), 3: heal(0)})
    assert film.health[-1, 0] == pytest.approx(20 + 16 * PER_TICK, abs=1e-3)
    assert film.health[-1, 1] == 20
    assert (film.energy[-1, 2:4] < 50).sum() == 1


def test_two_medivacs_heal_two_patients():
    patients = (MARINE, 3.0, 20.0), (MARINE, 4.0, 20.0)
    film = ward(*patients, medivacs=((32.0, 32.0), (35.0, 35.0))).play(2, {2: heal(0), 3: heal(1)})
    np.testing.assert_allclose(film.health[-1, :2], 20 + 16 * PER_TICK, atol=1e-3)


def test_healing_begins_with_five_energy():
    film = ward((MARINE, 3.0, 20.0)).change(energy={1: 4.9}).play(1, {1: heal(0)})
    # 0.1 more takes 2.84 ticks.
    np.testing.assert_allclose(np.diff(film.health[:, 0]), [0, 0, 0] + [PER_TICK] * 5, atol=1e-5)


def test_another_patient_needs_five_energy_again():
    fight = ward((MARINE, 3.0, 20.0), (MARINE, 4.0, 20.0)).change(energy={2: 5.0})
    assert fight.play(1, {2: heal(0)}).health[-1, 0] == pytest.approx(24.5)
    film = fight.play(1, {2: heal(1)})
    assert (film.health[:, 1] == 20).all()
    assert (film.health[:, 0] == 24.5).all()


def test_stopping_stops_healing():
    fight = ward((MARINE, 3.0, 20.0))
    fight.play(1, {1: heal(0)})
    assert (fight.play(1, {1: STOP}).health[:, 0] == 24.5).all()


def test_energy_comes_back_up_to_two_hundred():
    film = ward((MARINE, 3.0, 45.0)).change(energy={1: 199.9}).play(1)
    np.testing.assert_allclose(film.energy[:4, 1], [199.9, 199.93516, 199.97031, 200], atol=1e-3)
    assert (film.energy[3:, 1] == 200).all()


def test_healing_does_not_raise_the_dead():
    fight = Skirmish([(MARINE, 35.0, 32.0), (MEDIVAC, 32.0, 32.0)], [(MARINE, 38.0, 32.0)]).change(health={0: 6.0})
    film = fight.play(2, {1: heal(0), 2: attack(0)})
    # Shot in the second tick, after one tick of healing, with another one at the same time.
    assert film.health[1, 0] == pytest.approx(6.5625)
    assert film.health[2, 0] == pytest.approx(6.5625 - 6 + 0.5625)
    fight = Skirmish([(MARINE, 35.0, 32.0), (MEDIVAC, 32.0, 32.0)], [(MARINE, 38.0, 32.0)]).change(health={0: 5.4})
    film = fight.play(2, {1: heal(0), 2: attack(0)})
    assert (film.health[2:, 0] == 0).all()


# --- Unasked, as enemies


def hospital(*patients, medivac=(32.0, 32.0)):
    """Enemies around their Medivac, which is unit 1."""
    healthy = [(SPINE, 50.0, 50.0)]
    enemies = [(MEDIVAC, *medivac), *((kind, 32.0 + x, 32.0 + y) for kind, x, y, _ in patients), *healthy]
    fight = Skirmish([(MARINE, 5.0, 5.0)], enemies, plan=Hold())
    return fight.change(health={i + 2: health for i, (*_, health) in enumerate(patients)})


def test_enemies_heal_who_has_lost_most_of_its_life():
    # 30 of 45 are 0.67, 80 of 125 are 0.64.
    film = hospital((MARINE, 2.0, 0.0, 30.0), (MARAUDER, 0.0, 4.0, 80.0)).play(1)
    assert film.focus[-1, 1] == 3
    assert film.health[-1, 2] == 30
    assert film.health[-1, 3] == pytest.approx(84.5)


def test_of_equally_hurt_ones_the_nearest():
    film = hospital((MARINE, 4.0, 0.0, 30.0), (MARINE, 0.0, 3.0, 30.0)).play(1)
    assert film.focus[-1, 1] == 3


def test_a_patient_is_kept_until_it_is_healed():
    fight = hospital((MARINE, 2.0, 0.0, 30.0), (MARINE, 0.0, 2.0, 40.0))
    fight.play(1)
    # The other is worse now, but 15 points take 26.7 ticks.
    film = fight.change(health={3: 10.0}).play(5)
    np.testing.assert_array_equal(film.focus[1:19, 1], 2)
    assert film.health[19, 2] == 45
    np.testing.assert_array_equal(film.focus[21:, 1], 3)
    assert film.health[-1, 3] > 20


def test_enemies_look_six_cells_far():
    for away, sees in ((5.9, True), (6.1, False)):
        film = hospital((MARINE, away, 0.0, 20.0), (MARINE, 0.0, 9.0, 20.0)).play(1)
        assert (film.focus[-1, 1] == 2) == sees


def test_marching_medivacs_turn_to_heal_and_go_on():
    enemies = [(MEDIVAC, 40.0, 32.0), (MARINE, 36.0, 30.0)]
    fight = Skirmish([(MARINE, 5.0, 5.0)], enemies, plan=AttackMove(to=(30.0, 32.0)))
    film = fight.change(health={2: 30.0, 0: 0.0}).play(20)
    healed = int(np.argmax(film.health[:, 2] == 45))
    assert healed > 0
    # Meanwhile it follows its patient; then it goes where it was sent.
    assert (film.focus[1:healed, 1] == 2).all()
    assert np.hypot(film.x[-1, 1] - 30, film.y[-1, 1] - 32) < 0.5
