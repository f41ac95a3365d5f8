"""What SMACv2 adds: cones, hidden enemies, ranges by kind, teams that differ from episode to episode."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import names
from qohort.envs.battle.commands import commands, turned
from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.observe import observe
from qohort.envs.battle.orders import NOBODY, Order
from qohort.envs.battle.permission import no_permission, pack, permit, unpack
from qohort.envs.battle.units import Kind, Race
from qohort.envs.battle.visibility import Offsets, in_cone, seen_places, visibility_matrix
from qohort.errors import QohortError
from tests.golden_smac.worlds import fixed_face, random_face, snapshots

MARINE = Kind.MARINE
see, order, allow = eqx.filter_jit(observe), eqx.filter_jit(commands), eqx.filter_jit(permit)


def looking(direction, dx, dy):
    """One agent in the middle, and an enemy this far away."""
    moment = snapshots([MARINE] * 2, [16, 16 + dx], [16, 16 + dy], [45, 45], last_action=[1])
    return dataclasses.replace(moment, facing=jnp.array([direction], jnp.int8))


@pytest.mark.parametrize(
    ("direction", "angle", "by_slope", "by_direction"),
    [
        (0, 0, True, True),
        (0, 14, True, True),
        (0, -14, True, True),
        (0, 16, False, False),
        (0, 180, True, False),
        (6, 180, True, True),
        (6, 0, True, False),
        (1, 30, True, True),
        (1, 211, False, False),
        (2, 60, True, True),
        (2, 50, True, True),
        (2, 95, True, False),
        (2, 85, False, False),
        (3, 80, True, True),
        (3, 100, True, True),
        (3, 270, False, False),
        (7, 275, True, False),
    ],
)
def test_cones(direction, angle, by_slope, by_direction):
    dx, dy = 4 * np.cos(np.radians(angle)), 4 * np.sin(np.radians(angle))
    for slopes, visible in ((True, by_slope), (False, by_direction)):
        face = fixed_face([MARINE] * 1, [MARINE] * 1, Flags(conic_fov=True, cones_by_slope=slopes))
        seen = see(face, looking(direction, dx, dy))
        assert bool(seen.avail[0, 18]) == bool(seen.obs[0, 4]) == visible, f"by slope: {slopes}"
        assert bool(seen.obs[0, 8] > 0) == visible
        np.testing.assert_array_equal(seen.avail[0, :18], [False] + [True] * 17)


@pytest.mark.parametrize("count", [3, 4, 6, 8, 12, 127])
def test_edges_of_cones_are_as_double_precision_has_them(count):
    """Diagonals, axes and anything else; off the edges, single precision may differ by its last digit."""
    rng = np.random.default_rng(0)
    run = np.round(rng.uniform(-9, 9, 400) * 4096) / 4096
    rise = np.concatenate([run[:100], -run[100:200], 0 * run[200:300], rng.uniform(-9, 9, 100).round(3)])
    run[250:300], rise[250:300] = 0.0, run[250:300]
    dx, dy = run.astype(np.float32)[None], rise.astype(np.float32)[None]
    away = Offsets(dx=jnp.asarray(dx), dy=jnp.asarray(dy), square=jnp.asarray(dx * dx + dy * dy))
    x, y = dx[0].astype(np.float64), dy[0].astype(np.float64)
    for k in range(count):
        moment = dataclasses.replace(looking(0, 1, 1), facing=jnp.array([k], jnp.int8))
        to = np.cos(2 * np.pi * (k / count)), np.sin(2 * np.pi * (k / count))
        steep = np.where(x > 0, np.maximum(x, 1e-7), np.minimum(x, -1e-7))
        middle = np.arctan(to[1] / np.where(x > 0, max(to[0], 1e-7), min(to[0], -1e-7)))
        expected = np.abs(np.arctan(y / steep) - middle) < np.pi / count
        np.testing.assert_array_equal(in_cone(Flags(conic_fov=True, num_fov_actions=count), moment, away)[0], expected)


def test_cones_have_at_most_127_directions():
    with pytest.raises(QohortError, match="`num_fov_actions` is 128, but it must be from 2 to 127"):
        Flags(conic_fov=True, num_fov_actions=128)


def test_an_arc_belongs_to_its_cone():
    face = fixed_face([MARINE] * 1, [MARINE] * 1, Flags(conic_fov=True))
    assert see(face, looking(0, 9, 0)).obs[0, 8] == 1
    assert visibility_matrix(face, looking(0, 9, 0))[0, 1] == 0
    assert visibility_matrix(face, looking(3, 8, 0))[0, 1] == 1


def test_look_actions_turn_the_living():
    face = fixed_face([MARINE] * 2, [MARINE] * 1, Flags(conic_fov=True))
    moment = snapshots([MARINE] * 3, [9, 9, 9], [9, 9, 9], [45, 0, 45], last_action=[1, 1])
    moment = dataclasses.replace(moment, facing=jnp.array([4, 4], jnp.int8))
    np.testing.assert_array_equal(turned(face, moment, jnp.array([6 + 11, 6])), [11, 4])
    np.testing.assert_array_equal(turned(face, moment, jnp.array([18, 0])), [4, 4])
    assert names.actions(face)[6:8] == ("look 0°", "look 30°")
    told = order(face, moment, jnp.array([6, 0]))
    np.testing.assert_array_equal(told.order, [Order.NONE, Order.NONE])
    own = see(face, moment)
    np.testing.assert_allclose(own.obs[0, -2:], [-0.5, np.sqrt(0.75)], rtol=1e-6)
    np.testing.assert_allclose(own.units[:, 4:], [[-0.5, np.sqrt(0.75)], [0, 0]], rtol=1e-6)


def test_masks_of_bits():
    may = np.random.default_rng(0).random((27, 30)) < 0.5
    packed = pack(jnp.asarray(may))
    assert packed.shape == (26,)
    np.testing.assert_array_equal(unpack(packed, 27, 30), may)


def permitted(permission, agents, enemies):
    return np.asarray(unpack(permission.packed, agents, enemies)).astype(int)


def test_whoever_sees_an_enemy_first_owns_it():
    alive = jnp.ones(5, bool)
    first = allow(
        jax.random.key(0), no_permission(3, 2), alive=alive, probability=0.0,
        sees=jnp.array([[0, 0], [1, 0], [0, 0]], bool),
    )  # fmt: skip
    np.testing.assert_array_equal(permitted(first, 3, 2), [[0, 0], [1, 0], [0, 0]])
    np.testing.assert_array_equal(first.owner, [1, NOBODY])
    everybody = jnp.ones((3, 2), bool)
    second = allow(jax.random.key(1), first, sees=everybody, alive=alive, probability=0.0)
    np.testing.assert_array_equal(permitted(second, 3, 2)[:, 0], [0, 1, 0])
    assert permitted(second, 3, 2)[:, 1].sum() == 1
    nobody = allow(jax.random.key(2), second, sees=~everybody, alive=alive, probability=1.0)
    np.testing.assert_array_equal(permitted(nobody, 3, 2), permitted(second, 3, 2))


def test_of_several_who_see_an_enemy_at_once_any_is_first():
    sees, alive = jnp.array([[True], [False], [True]]), jnp.ones(4, bool)
    owners = [
        int(allow(jax.random.key(k), no_permission(3, 1), sees=sees, alive=alive, probability=0.0).owner[0])
        for k in range(20)
    ]
    assert set(owners) == {0, 2}


def test_permission_is_drawn_once_for_each_agent():
    sees, alive = jnp.zeros((40, 25), bool).at[0].set(True), jnp.ones(65, bool)
    drawn = allow(jax.random.key(0), no_permission(40, 25), sees=sees, alive=alive, probability=0.3)
    share = permitted(drawn, 40, 25)
    assert share[0].all()
    assert abs(share[1:].mean() - 0.3) < 0.05
    again = allow(jax.random.key(1), drawn, sees=jnp.ones_like(sees), alive=alive, probability=0.3)
    np.testing.assert_array_equal(again.packed, drawn.packed)


def test_enemies_are_forgotten_when_they_or_their_owners_die():
    sees = jnp.array([[True, False], [False, True]])
    known = allow(jax.random.key(0), no_permission(2, 2), sees=sees, alive=jnp.ones(4, bool), probability=1.0)
    np.testing.assert_array_equal(permitted(known, 2, 2), [[1, 1], [1, 1]])
    unseen = jnp.zeros((2, 2), bool)
    widowed = allow(jax.random.key(1), known, sees=unseen, alive=jnp.array([False, True, True, True]), probability=1.0)
    np.testing.assert_array_equal(permitted(widowed, 2, 2), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(widowed.owner, [NOBODY, 1])
    killed = allow(jax.random.key(1), known, sees=unseen, alive=jnp.array([True, True, True, False]), probability=1.0)
    np.testing.assert_array_equal(permitted(killed, 2, 2), [[1, 0], [1, 0]])


def test_dead_agents_discover_nobody_and_dead_enemies_are_discovered():
    face = fixed_face([MARINE] * 2, [MARINE] * 2, smacv2())
    moment = snapshots([MARINE] * 4, [9, 9, 10, 10], [9] * 4, [0, 45, 0, 45], last_action=[1, 1])
    np.testing.assert_array_equal(seen_places(face, moment), [[False, False], [True, True]])


def hidden_face(flags):
    """Three enemies within sight of both agents; the second may only be seen by the first agent."""
    face = fixed_face([MARINE] * 2, [MARINE] * 3, flags)
    moment = snapshots([MARINE] * 5, [9, 9, 10, 11, 12], [9] * 5, [45] * 5, last_action=[1, 1])
    may = pack(jnp.array([[1, 1, 1], [1, 0, 1]], bool))
    rows = see(face, dataclasses.replace(moment, permitted=may)).obs[:, 4 : 4 + 3 * 5].reshape(2, 3, 5)
    return (rows[:, :, 4] > 0).astype(int).tolist()


def test_a_hidden_enemy_blanks_those_before_it():
    epo: dict[str, Any] = {"prob_obs_enemy": 0.0}
    assert hidden_face(Flags(**epo)) == [[1, 1, 1], [1, 0, 1]]
    assert hidden_face(Flags(**epo, unseen_enemy_blanks=True)) == [[1, 1, 1], [0, 0, 1]]
    assert hidden_face(Flags(**epo, fully_observable=True)) == [[1, 1, 1], [1, 1, 1]]
    assert hidden_face(Flags(**epo, fully_observable=True, unseen_enemy_blanks=True)) == [[1, 1, 1], [0, 0, 1]]


def test_without_action_mask_shots_beyond_range_send_nothing():
    face = random_face(Race.TERRAN, 3, 3, smacv2(action_mask=False, unseen_enemy_blanks=False))
    kinds = [Kind.MARINE, Kind.MEDIVAC, Kind.MEDIVAC, Kind.MARINE, Kind.MARINE, Kind.MARINE]
    moment = snapshots(kinds, [9, 2, 13, 14, 15, 14], [9] * 6, [45, 150, 150, 45, 45, 0], last_action=[1] * 3)
    seen = see(face, moment)
    np.testing.assert_array_equal(seen.avail[:, 6:].astype(int), [[1, 1, 0], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(seen.obs[0, 4:28].reshape(3, 8)[:, 0], [1, 0, 0])
    told = [order(face, moment, jnp.array(actions)) for actions in ([6, 6, 6], [7, 6, 6])]
    np.testing.assert_array_equal(told[0].order, [Order.ATTACK, Order.NONE, Order.HEAL])
    np.testing.assert_array_equal(told[0].target, [3, NOBODY, 0])
    np.testing.assert_array_equal(told[1].order, [Order.NONE, Order.NONE, Order.HEAL])


def test_ranges_follow_the_kinds_of_the_episode():
    face = random_face(Race.PROTOSS, 2, 1, smacv2(unseen_enemy_blanks=False))
    where = {"x": [9, 9, 15.5], "y": [9, 9, 9], "health": [80, 80, 80], "last_action": [-1, -1], "shield": [50, 50, 25]}
    moments = [snapshots(kinds, **where) for kinds in (
        [Kind.COLOSSUS, Kind.STALKER, Kind.ZEALOT], [Kind.STALKER, Kind.ZEALOT, Kind.STALKER]
    )]  # fmt: skip
    both = eqx.filter_jit(jax.vmap(observe, (None, 0)))(face, jax.tree.map(lambda *a: jnp.stack(a), *moments))
    np.testing.assert_array_equal(both.avail[:, :, 6], [[True, False], [False, False]])
    enemy = both.obs[:, :, 4 : 4 + 9]
    np.testing.assert_allclose(enemy[0, 0], [1, 0.65, 0.65, 0, 0.8, 0.5, 0, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(enemy[1, 1], [0, 6.5 / 9, 6.5 / 9, 0, 1, 25 / 80, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(both.obs[0, 0, -7:], [0.4, 1 / 3, 9 / 32, 9 / 32, 0, 0, 1], rtol=1e-6)
    assert names.groups(face) == ()
    assert names.agents(face) == ("agent 1", "agent 2")


def test_the_lower_number_decides_who_sees_whom():
    face = random_face(Race.ZERG, 2, 1, smacv2())
    moment = snapshots([Kind.HYDRALISK, Kind.ZERGLING, Kind.ZERGLING], [5, 13.5, 30], [5] * 3, [9] * 3,
                       last_action=[1, 1])  # fmt: skip
    np.testing.assert_array_equal(visibility_matrix(face, moment)[:, :2], [[False, True], [True, False]])
    exact = random_face(Race.ZERG, 2, 1, smacv2(mirrored_sight=False))
    np.testing.assert_array_equal(visibility_matrix(exact, moment)[:, :2], [[False, True], [False, False]])


def test_only_the_time_is_seen_without_starcraft():
    face = fixed_face([MARINE] * 2, [MARINE] * 1, Flags(obs_starcraft=False, obs_timestep_number=True))
    moment = snapshots([MARINE] * 3, [9] * 3, [9] * 3, [45, 0, 45], last_action=[1, 1], step=15)
    np.testing.assert_array_equal(see(face, moment).obs, [[0.25], [0.25]])
    assert names.announced_sizes(face) == (1, len(names.state(face)))
