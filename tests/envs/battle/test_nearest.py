"""Battles in which agents see the nearest only."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort import make
from qohort.envs.battle import names
from qohort.envs.battle.commands import STOP
from qohort.envs.battle.env import Battle
from qohort.envs.battle.nearest import Nearest
from qohort.envs.battle.state import Snapshot
from qohort.envs.check import check_env
from qohort.errors import QohortError
from qohort.spec import Observation

EAST = 4


def battle(name: str, **options) -> Battle:
    world = make(name, **options)
    assert isinstance(world, Battle)
    return world


def moments(env: Battle, steps: int) -> list[tuple[Snapshot, Observation]]:
    """Some moments of a battle, as everyone sees them, in which the allies shoot if they can, and else walk east."""
    state, step, observe = (
        eqx.filter_jit(env.reset)(jax.random.key(0)),
        eqx.filter_jit(env.step),
        eqx.filter_jit(env.observe),
    )
    seen, first = [], env.face.first_target
    for time in range(steps):
        snapshot = env.snapshot(state)
        seen.append((snapshot, observe(snapshot)))
        avail = np.asarray(seen[-1][1].avail)
        best = np.argmax(avail * (np.arange(avail.shape[1]) >= first), axis=1)
        walk = np.where(avail[:, EAST], EAST, avail[:, STOP])
        state, _ = step(jax.random.key(time), state, jnp.asarray(np.where(best > 0, best, walk), jnp.int32))
    return seen[::3]


def nearest_by_hand(rows: np.ndarray, numbers: list[int], away: np.ndarray, count: int) -> list[tuple[int, np.ndarray]]:
    """Who is seen, nearest first, by number and with their rows: rows of who is not seen are 0."""
    seen = [(number, row) for number, row in zip(numbers, rows, strict=True) if row[1:].any()]
    return sorted(seen, key=lambda one: away[one[0]])[:count]


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("battle/crowd", {"size": 12, "nearest": None}, 3),
        ("battle/MMM", {}, 4),
        ("battle/2s3z", {"obs_last_action": True, "obs_timestep_number": True}, 2),
        ("battle/3m", {}, 9),
        ("battle/8m", {"conic_fov": True}, 2),
        ("battle/protoss_5_vs_5", {"prob_obs_enemy": 0.5}, 2),
    ],
)
def test_rows_are_those_of_the_nearest_in_their_order(name, options, count):
    """Every row is the battle's own row of the unit that stands there, but for its first number, which is 1 if that one
    may be chosen; and whom one may choose follows the same order."""
    env = battle(name, **options)
    near, face, parts = Nearest(env, count), env.face, names.parts(env.face)
    look, n, first = eqx.filter_jit(near.observe), face.n_allies, face.first_target
    f, g, move = len(parts.enemy), len(parts.other), len(parts.move)
    met = 0
    for snapshot, whole in moments(env, 40):
        seen = look(snapshot)
        np.testing.assert_array_equal(np.asarray(seen.state), np.asarray(whole.state))
        x, y, heals = np.asarray(snapshot.x), np.asarray(snapshot.y), np.asarray(face.traits_of(snapshot.kind).heals)
        for agent in range(n):
            away = (x - x[agent]) ** 2 + (y - y[agent]) ** 2
            own = np.split(np.asarray(whole.obs)[agent], np.cumsum([move, face.n_enemies * f, (n - 1) * g]))
            got = np.split(np.asarray(seen.obs)[agent], np.cumsum([move, near.enemies * f, near.others * g]))
            np.testing.assert_array_equal(got[0], own[0])
            np.testing.assert_array_equal(got[3], own[3])
            enemies = nearest_by_hand(own[1].reshape(-1, f), list(range(face.n_enemies)), away[n:], count)
            others = nearest_by_hand(own[2].reshape(-1, g), [i for i in range(n) if i != agent], away, count)
            for found, rows in ((enemies, got[1].reshape(-1, f)), (others, got[2].reshape(-1, g))):
                for (_, expected), row in zip(found, rows, strict=False):
                    np.testing.assert_array_equal(row[1:], expected[1:])
                assert not rows[len(found) :, 1:].any()
            aims = [number for number, _ in (others if heals[agent] else enemies)]
            avail, can = np.asarray(seen.avail)[agent], np.asarray(whole.avail)[agent]
            np.testing.assert_array_equal(avail[: first + len(aims)], can[[*range(first), *(first + a for a in aims)]])
            np.testing.assert_array_equal(
                got[1].reshape(-1, f)[:, 0][: len(enemies)] > 0, avail[first:][: len(enemies)]
            )
            met += len(enemies) > 1
    assert met > 0


def test_an_action_aims_at_whom_its_row_shows():
    """A step with "near enemy 1" is the battle's own step with that enemy's number."""
    env = battle("battle/crowd?size=6&nearest=None")
    near, first = Nearest(env, 2), env.face.first_target
    state, step, its_step = (
        eqx.filter_jit(near.reset)(jax.random.key(3)),
        eqx.filter_jit(near.step),
        eqx.filter_jit(env.step),
    )
    observe, targets = eqx.filter_jit(near.observe), eqx.filter_jit(lambda snapshot: near.listed(snapshot).targets)
    aimed = 0
    for time in range(60):
        snapshot = env.snapshot(state)
        avail, listed = np.asarray(observe(snapshot).avail), np.asarray(targets(snapshot))
        slot = np.where(avail[:, first + 1], 1, 0)
        may = avail[np.arange(6), first + slot]
        walk = np.where(avail[:, EAST], EAST, avail[:, STOP])
        actions = np.where(may, first + slot, walk).astype(np.int32)
        numbers = np.where(may, first + listed[np.arange(6), slot], walk).astype(np.int32)
        aimed += int((may & (listed[np.arange(6), slot] != slot)).sum())
        after, outcome = step(jax.random.key(time), state, jnp.asarray(actions))
        expected, its = its_step(jax.random.key(time), state, jnp.asarray(numbers))
        assert eqx.tree_equal(after, expected)
        assert float(outcome.reward[0]) == float(its.reward[0])
        state = after
    assert aimed > 0


def test_what_is_read_does_not_grow_with_the_crowd():
    small, large = make("battle/crowd?size=20&nearest=4"), make("battle/crowd?size=60&nearest=4")
    assert small.spec.obs_features == large.spec.obs_features
    assert small.spec.actions == large.spec.actions
    assert len(small.spec.obs_features) == 4 + 4 * 5 + 4 * 5 + 1
    assert small.spec.actions[6:] == ("near enemy 1", "near enemy 2", "near enemy 3", "near enemy 4")
    assert small.spec.state_features == make("battle/crowd?size=20").spec.state_features


def test_the_state_may_be_all_observations():
    env = make("battle/crowd?size=3&nearest=1&obs_instead_of_state=true")
    seen = env.observe(env.snapshot(env.reset(jax.random.key(0))))
    np.testing.assert_array_equal(np.asarray(seen.state), np.asarray(seen.obs).ravel())
    assert len(env.spec.state_features) == 3 * len(env.spec.obs_features)


def test_it_is_a_world():
    check_env(make("battle/crowd?size=4&nearest=2"))


def test_medivacs_choose_among_the_nearest_allies():
    env = battle("battle/MMM")
    near = Nearest(env, 3)
    assert near.spec.actions[6:] == ("near target 1", "near target 2", "near target 3")
    snapshot, _ = moments(env, 1)[0]
    hurt = dataclasses.replace(snapshot, health=snapshot.health.at[:9].add(-5.0))
    medic = next(i for i, kind in enumerate(env.face.kinds or ()) if kind.label == "Medivac")
    listed = np.asarray(near.listed(hurt).targets)[medic]
    x, y = np.asarray(hurt.x)[:10], np.asarray(hurt.y)[:10]
    away = np.hypot(x - x[medic], y - y[medic])
    away[medic] = np.inf
    np.testing.assert_array_equal(listed, np.argsort(away, kind="stable")[:3])


@pytest.mark.parametrize("count", [0, -2])
def test_nobody_sees_nobody(count):
    with pytest.raises(QohortError, match=f"nearest is {count}; it must be at least 1"):
        make(f"battle/crowd?size=4&nearest={count}")
