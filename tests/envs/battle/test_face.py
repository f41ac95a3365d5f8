"""What agents of SMAC see, against numbers worked out by hand."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import names
from qohort.envs.battle.catalogue import CATALOGUE
from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.observe import observe
from qohort.envs.battle.ordering import agent_order
from qohort.envs.battle.rewards import largest_return
from qohort.envs.battle.units import Kind, table
from qohort.envs.battle.visibility import visibility_matrix
from qohort.errors import QohortError
from tests.golden_smac.worlds import fixed_face, snapshots

MARINE, MEDIVAC, STALKER, ZEALOT = Kind.MARINE, Kind.MEDIVAC, Kind.STALKER, Kind.ZEALOT
see = eqx.filter_jit(observe)


def three_marines():
    """The moment of the fact sheet: agent 2 is dead, the second enemy is out of everybody's sight."""
    band = np.zeros((32, 32), bool)
    band[:, 8:24] = True
    moment = snapshots(
        [MARINE] * 6, [9, 10.25, 3, 14, 23, 15.5], [16, 15.5, 3, 16, 16, 18], [45, 30, 0, 45, 45, 6],
        cooldown=[7.5, 0, 3, 0, 0, 0], last_action=[6, 3, 0], step=7,
    )  # fmt: skip
    return band, moment


def test_a_moment_of_3m():
    band, moment = three_marines()
    seen = see(fixed_face([MARINE] * 3, [MARINE] * 3, pathing=band), moment)
    np.testing.assert_array_equal(
        seen.avail.astype(int), [[0, 1, 1, 1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1, 1, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0, 0]]
    )
    first = [
        1, 1, 1, 1,
        1, 5 / 9, 5 / 9, 0, 1,
        0, 0, 0, 0, 0,
        0, np.hypot(6.5, 2) / 9, 6.5 / 9, 2 / 9, 6 / 45,
        1, np.hypot(1.25, 0.5) / 9, 1.25 / 9, -0.5 / 9, 30 / 45,
        0, 0, 0, 0, 0,
        1,
    ]  # fmt: skip
    np.testing.assert_allclose(seen.obs[0], first, rtol=1e-6)
    np.testing.assert_array_equal(seen.obs[2], np.zeros(30))
    allies = [[1, 0.5, -7 / 32, 0], [30 / 45, 0, -5.75 / 32, -0.5 / 32], [0, 0, 0, 0]]
    enemies = [1, -2 / 32, 0, 1, 7 / 32, 0, 6 / 45, -0.5 / 32, 2 / 32]
    np.testing.assert_allclose(seen.units, allies, rtol=1e-6)
    np.testing.assert_allclose(seen.state, [*np.ravel(allies), *enemies, *np.eye(9)[[6, 3, 0]].ravel()], rtol=1e-6)
    np.testing.assert_array_equal(seen.alive, [True, True, False])


def test_who_sees_whom():
    band, moment = three_marines()
    face = fixed_face([MARINE] * 3, [MARINE] * 3, pathing=band)
    wanted = [[0, 1, 0, 1, 0, 1], [1, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(visibility_matrix(face, moment).astype(int), wanted)


def test_sight_ends_before_nine_and_shots_at_six():
    face = fixed_face([MARINE], [MARINE] * 4)
    moment = snapshots([MARINE] * 5, [9, 18, 17.75, 15, 15.25], [9] * 5, [45] * 5, last_action=[1])
    seen = see(face, moment)
    np.testing.assert_array_equal(seen.obs[0, 4:24].reshape(4, 5)[:, 4], [0, 1, 1, 1])
    np.testing.assert_array_equal(seen.avail[0, 6:], [False, False, True, False])


SIZES = {
    "3m": (9, 30, 48, 365), "8m": (14, 80, 168, 640), "25m": (31, 250, 950, 1575), "5m_vs_6m": (12, 55, 98, 530),
    "8m_vs_9m": (15, 85, 179, 695), "10m_vs_11m": (17, 105, 243, 805), "27m_vs_30m": (36, 285, 1170, 1850),
    "MMM": (16, 160, 290, 1015), "MMM2": (18, 176, 322, 1205), "2s3z": (11, 80, 120, 1020),
    "3s5z": (14, 128, 216, 1510), "3s5z_vs_3s6z": (15, 136, 230, 1670), "3s_vs_3z": (9, 36, 54, 680),
    "3s_vs_4z": (10, 42, 61, 840), "3s_vs_5z": (11, 48, 68, 1000), "1c3s5z": (15, 162, 270, 1870),
    "2m_vs_1z": (7, 16, 26, 360), "corridor": (30, 156, 282, 1280), "6h_vs_8z": (14, 78, 140, 1480),
    "2s_vs_1sc": (7, 17, 27, 510), "so_many_baneling": (38, 202, 397, 1480), "bane_vs_bane": (30, 336, 984, 1260),
    "2c_vs_64zg": (70, 332, 342, 3080),
}  # fmt: skip
SECOND_SIZES = {
    "protoss": {"5_vs_5": (11, 92, 130), "10_vs_10": (16, 182, 310), "20_vs_20": (26, 362, 820),
                "10_vs_11": (17, 191, 327), "20_vs_23": (29, 389, 901)},
    "terran": {"5_vs_5": (11, 82, 120), "10_vs_10": (16, 162, 290), "20_vs_20": (26, 322, 780),
               "10_vs_11": (17, 170, 306), "20_vs_23": (29, 346, 858)},
}  # fmt: skip
SECOND_SIZES["zerg"] = SECOND_SIZES["terran"]


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_smac(name):
    actions, obs, state, largest = SIZES[name]
    face = Face(CATALOGUE[name], Flags(), stats=table(), pathing=np.ones((32, 32)), height=np.zeros((32, 32)))
    assert (len(names.actions(face)), *names.announced_sizes(face)) == (actions, obs, state)
    assert (len(names.observation(face)), len(names.state(face))) == (obs, state)
    assert largest_return(Flags(), face.full[face.n_allies :]) == largest


@pytest.mark.parametrize(("race", "size"), [(race, size) for race, sizes in SECOND_SIZES.items() for size in sizes])
def test_sizes_of_smacv2(race, size):
    face = Face(
        CATALOGUE[f"{race}_{size}"], smacv2(), stats=table(), pathing=np.ones((32, 32)), height=np.zeros((32, 32))
    )
    assert (len(names.actions(face)), *names.announced_sizes(face)) == SECOND_SIZES[race][size]


@pytest.mark.parametrize("cones", [False, True])
def test_names_are_as_many_as_features(cones):
    everything = Flags(
        obs_last_action=True, obs_pathing_grid=True, obs_terrain_height=True, obs_timestep_number=True,
        state_timestep_number=True, obs_own_pos=True, conic_fov=cones,
    )  # fmt: skip
    kinds = [Kind.MARAUDER, MARINE, MEDIVAC, MARINE]
    moment = snapshots(kinds, [9, 10, 11, 12], [9] * 4, [9] * 4, last_action=[1] * 3)
    if cones:
        moment = dataclasses.replace(moment, facing=jnp.zeros(3, jnp.int8))
    for flags in (everything, dataclasses.replace(everything, obs_instead_of_state=True, obs_all_health=False)):
        face = fixed_face(kinds[:3], kinds[3:], flags)
        seen = see(face, moment)
        assert len(set(names.observation(face))) == seen.obs.shape[1]
        assert len(set(names.state(face))) == seen.state.shape[0]
        assert len(set(names.unit(face))) == seen.units.shape[1]
        assert len(set(names.actions(face))) == seen.avail.shape[1] == face.n_actions


def test_stalkers_and_zealots_have_flipped_bits_on_the_other_side():
    kinds = [STALKER, ZEALOT, STALKER, ZEALOT]
    moment = snapshots(
        kinds, [9, 10, 11, 12], [9] * 4, [80, 100, 80, 100], shield=[80, 50, 80, 50], last_action=[-1, -1]
    )
    seen = see(fixed_face(kinds[:2], kinds[2:]), moment)
    enemies = seen.obs[0, 4:20].reshape(2, 8)
    np.testing.assert_array_equal(enemies[:, 4:], [[1, 1, 0, 1], [1, 1, 1, 0]])
    np.testing.assert_array_equal(seen.obs[0, 24:28], [1, 1, 0, 1])
    np.testing.assert_array_equal(seen.obs[:, 28:], [[1, 1, 1, 0], [1, 1, 0, 1]])
    np.testing.assert_array_equal(seen.state[26:], np.zeros(2 * 8))
    straight = see(fixed_face(kinds[:2], kinds[2:], Flags(flipped_enemy_types=False)), moment)
    np.testing.assert_array_equal(straight.obs[0, 4:20].reshape(2, 8)[:, 6:], [[1, 0], [0, 1]])


def test_a_map_with_one_kind_on_each_side_has_no_bits():
    assert fixed_face([STALKER] * 2, [ZEALOT]).bits == ()
    assert fixed_face([STALKER, STALKER], [ZEALOT, MARINE]).bits == (MARINE, STALKER, ZEALOT)


def medics(flags=None):
    """Agents: Marauder, Marine, Medivac, Medivac; the marine is 6 to the east of the first Medivac."""
    kinds = [Kind.MARAUDER, MARINE, MEDIVAC, MEDIVAC, MARINE, MARINE, MARINE]
    moment = snapshots(
        kinds, [2, 14, 8, 9, 10, 10, 20], [16] * 7, [0, 45, 150, 150, 45, 45, 45],
        energy=[0, 0, 50, 0, 0, 0, 0], cooldown=[0, 3, 9, 9, 0, 0, 0], last_action=[1] * 4,
    )  # fmt: skip
    return see(fixed_face(kinds[:4], kinds[4:], flags), moment)


def test_medivacs_heal_living_allies_that_are_none():
    seen = medics()
    assert seen.avail.shape == (4, 6 + 4)
    np.testing.assert_array_equal(seen.avail[:, 6:].astype(int), [[0] * 4, [1, 1, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    np.testing.assert_allclose(seen.units[2], [1, 0.25, -0.25, 0, 0, 0, 1])
    np.testing.assert_allclose(seen.units[1, :4], [1, 3 / 15, -2 / 32, 0], rtol=1e-6)


def test_attackable_means_healable_for_medivacs():
    rows = slice(4, 4 + 3 * 8)
    np.testing.assert_array_equal(medics().obs[2, rows].reshape(3, 8)[:, 0], [0, 1, 0])
    other = medics(Flags(healable_shown_as_attackable=False))
    np.testing.assert_array_equal(other.obs[2, rows].reshape(3, 8)[:, 0], [0, 0, 0])
    np.testing.assert_array_equal(other.obs[1, rows].reshape(3, 8)[:, 0], [1, 1, 1])


def test_the_time_stands_at_the_end_after_a_zero():
    band, moment = three_marines()
    surplus = Flags(obs_timestep_number=True, state_timestep_number=True)
    face = fixed_face([MARINE] * 3, [MARINE] * 3, surplus, pathing=band)
    seen = see(face, moment)
    assert seen.obs.shape == (3, 32)
    assert names.announced_sizes(face) == (31, 49)
    np.testing.assert_array_equal(
        seen.obs[:, -3:], np.array([[1, 0, 7 / 60], [30 / 45, 0, 7 / 60], [0, 0, 7 / 60]], "f4")
    )
    assert seen.state[-1] == np.float32(7 / 60)
    plain = see(fixed_face([MARINE] * 3, [MARINE] * 3, dataclasses.replace(surplus, surplus_zero=False)), moment)
    assert plain.obs.shape == (3, 31)


def test_the_ground_around():
    pathing, height = np.zeros((32, 32), bool), np.zeros((32, 32), np.float32)
    pathing[1, 9], pathing[5, 5], pathing[3, 3] = True, True, True
    height[1, 5], height[3, 7], height[1, 1] = 0.25, 0.5, 0.75
    flags = Flags(obs_pathing_grid=True, obs_terrain_height=True)
    moment = snapshots([MARINE] * 2, [1.5, 30], [5.75, 30], [45, 45], last_action=[1])
    seen = see(fixed_face([MARINE], [MARINE], flags, pathing=pathing, height=height), moment)
    ground = dict(zip(names.observation(fixed_face([MARINE], [MARINE], flags)), seen.obs[0].tolist(), strict=True))
    assert {name for name, value in ground.items() if name.startswith("ground") and value} == {
        "ground far north", "ground far east", "ground far west", "ground southeast", "ground northwest",
        "ground southwest",
    }  # fmt: skip
    heights = {name.removeprefix("height "): value for name, value in ground.items() if name.startswith("height")}
    assert heights == {
        "far north": 0, "far south": 0.75, "far east": 0, "far west": 1, "northeast": 0.5, "southwest": 1,
        "southeast": 0, "northwest": 1, "here": 0.25,
    }  # fmt: skip


def test_beside_the_border_one_may_move_against_it():
    moment = snapshots([MARINE] * 2, [0.5, 30], [31.5, 30], [45, 45], last_action=[1])
    moves = [see(fixed_face([MARINE], [MARINE], flags), moment).avail[0, 2:6].tolist()
             for flags in (Flags(), Flags(truncated_moves=False))]  # fmt: skip
    assert moves == [[False, True, True, True], [False, True, True, False]]


def test_moves_need_ground_half_a_move_away():
    pathing = np.zeros((32, 32), bool)
    pathing[10, 13] = True
    moment = snapshots([MARINE] * 2, [10.5, 30], [10.5, 30], [45, 45], last_action=[1])
    for amount, north in ((2, False), (5, True)):
        seen = see(fixed_face([MARINE], [MARINE], Flags(move_amount=amount), pathing=pathing), moment)
        np.testing.assert_array_equal(seen.avail[0, 2:6], [north, False, False, False])


def test_cooldowns_are_parts_of_what_was_measured():
    kinds, ready = [STALKER, Kind.HYDRALISK], [31.92, 15.2]
    moment = snapshots([*kinds[::-1], MARINE], [9, 10, 11], [9] * 3, [80] * 3, cooldown=[*ready[::-1], 0],
                       last_action=[1, 1])  # fmt: skip
    measured = see(fixed_face(kinds, [MARINE]), moment).units[:, 1]
    np.testing.assert_allclose(measured, [1.52, 31.92 / 35], rtol=1e-6)
    longest = see(fixed_face(kinds, [MARINE], Flags(measured_cooldowns=False)), moment).units[:, 1]
    np.testing.assert_allclose(longest, [1, 1], rtol=1e-6)


def test_agents_are_numbered_by_kind_then_from_west_and_south():
    kinds = jnp.array([Kind.ZEALOT, Kind.STALKER, Kind.ZEALOT, Kind.COLOSSUS, Kind.ZEALOT])
    x, y = jnp.array([5.0, 9, 4, 9, 5]), jnp.array([7.0, 1, 9, 1, 6])
    np.testing.assert_array_equal(jax.jit(agent_order)(kinds, x, y), [3, 1, 2, 4, 0])
    assert names.agents(fixed_face([ZEALOT, STALKER, ZEALOT], [MARINE])) == ("Stalker 1", "Zealot 1", "Zealot 2")


def test_dead_units_leave_no_trace():
    band, moment = three_marines()
    face = fixed_face([MARINE] * 3, [MARINE] * 3, Flags(obs_last_action=True), pathing=band)
    buried = dataclasses.replace(
        moment, x=moment.x.at[2].set(10), y=moment.y.at[2].set(16), cooldown=moment.cooldown.at[2].set(9)
    )
    for one, other in zip(jax.tree.leaves(see(face, moment)), jax.tree.leaves(see(face, buried)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"move_amount": 0}, "`move_amount` is 0, but it must be a finite number above 0"),
        ({"move_amount": 1.5, "obs_pathing_grid": True}, "choose a whole number"),
        ({"prob_obs_enemy": 1.5}, "`prob_obs_enemy` is 1.5, but it must be a probability"),
        ({"num_fov_actions": 1}, "from 2 to 127"),
        ({"reward_scale_rate": 0}, "above 0"),
        ({"reward_win": -1}, "`reward_win` is -1, but it must be a finite number from 0"),
        ({"reward_defeat": float("nan")}, "finite"),
        ({"obs_starcraft": False}, "set `obs_timestep_number` as well"),
    ],
)
def test_impossible_flags_are_refused(settings, sentence):
    with pytest.raises(QohortError, match=sentence):
        Flags(**settings)


def test_a_side_without_units_is_refused():
    with pytest.raises(QohortError, match="each side needs at least 1 unit"):
        fixed_face([MARINE], [])
