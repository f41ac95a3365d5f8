"""A bonus for states that were seen seldom."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.novelty import Novelty, newest
from qohort.errors import QohortError
from tests.algorithms.cases import BATCH, CASES, SPEC, STEPS, VARIANTS, window_of

NOVELTY = Novelty(weight=0.5, features=8, hidden=16)
WINDOW = dataclasses.replace(window_of(), reward=jnp.zeros((STEPS, BATCH, 1)))
ENDED = (2, 0)
"""A step that terminates; what follows it is another episode's first state."""
PADDED = (3, 2)


def with_states(*paths: tuple[float, ...]):
    """A window whose columns go through points, all of whose features are equal; the last point is stayed at."""
    columns = jnp.array([[*path, *[path[-1]] * (STEPS + 1 - len(path))] for path in paths]).T[..., None]
    state = jnp.broadcast_to(columns, (STEPS + 1, BATCH, SPEC.state_size))
    whole = jnp.ones_like(WINDOW.valid)
    observations = dataclasses.replace(WINDOW.observations, state=state)
    return dataclasses.replace(WINDOW, observations=observations, valid=whole, terminated=~whole)


@pytest.fixture(scope="module")
def taught():
    """What is known after 300 updates at -1 and 1, and a function of what is paid then."""
    pay = jax.jit(lambda surprise, window, updates: NOVELTY.pay(surprise, window, updates=updates))
    surprise = NOVELTY.init(SPEC, jax.random.key(0))
    for index in range(300):
        _, surprise, _ = pay(surprise, with_states((1.0,), (-1.0,), (1.0, -1.0)), jnp.asarray(index))
    return surprise, lambda *paths: pay(surprise, with_states(*paths), jnp.asarray(300))


def test_steps_to_what_is_new_are_paid_for_and_staying_there_is_not(taught):
    _, pay = taught
    paid, _, told = pay((1.0, 6.0), (1.0, -1.0), (6.0, 1.0))
    bonus = np.asarray(paid.reward)[..., 0]
    assert bonus[0, 0] > 1.0
    assert bonus.max() <= 0.5 * 5
    np.testing.assert_array_equal(bonus[1:, 0], 0.0)
    np.testing.assert_allclose(bonus[:, 1], 0.0, atol=1e-2)
    np.testing.assert_array_equal(bonus[:, 2], 0.0)
    np.testing.assert_allclose(told["novelty/bonus"], bonus.mean(), rtol=1e-5)


def test_the_bonus_by_its_equation(taught):
    """b from the networks themselves, the newest state so far by a loop, σ from the errors of all batches so far."""
    surprise, pay = taught
    window = with_states((1.0, 1.5, 1.2, 2.0), (-1.0, 0.0), (0.0, 3.0, 1.0))
    paid, after, _ = pay((1.0, 1.5, 1.2, 2.0), (-1.0, 0.0), (0.0, 3.0, 1.0))
    mean, square = np.asarray(after.states.mean), np.asarray(after.states.square)
    state = np.asarray(window.observations.state)
    seen = np.clip((state - mean) / np.sqrt(square - mean**2 + 1e-6), -5, 5)

    def outputs(network):
        return np.asarray(jax.vmap(jax.vmap(network))(jnp.asarray(seen)))

    error = ((outputs(surprise.guess) - outputs(surprise.fixed)) ** 2).mean(-1)
    old, share = surprise.errors, 1 / 301
    first = old.mean[0] * (1 - share) + error[1:].mean() * share
    second = old.square[0] * (1 - share) + (error[1:] ** 2).mean() * share
    so_far = error.copy()
    for row in range(1, STEPS + 1):
        so_far[row] = np.where(WINDOW.first[row], error[row], np.maximum(so_far[row - 1], error[row]))
    expected = 0.5 * np.clip((error[1:] - so_far[:-1]) / np.sqrt(second - first**2), 0, 5)
    assert (expected > 0).sum() > 2
    np.testing.assert_allclose(np.asarray(paid.reward)[..., 0], expected, rtol=1e-3, atol=1e-4)


def test_what_was_as_new_before_in_the_episode_is_not_paid_for_again(taught):
    """Column 0 begins another episode at its fourth state; column 1 goes the same way in one."""
    _, pay = taught
    there_and_back = (6.0, 1.0, 1.0, 1.0, 6.0, 6.0)
    bonus = np.asarray(pay(there_and_back, there_and_back, (1.0, 6.0, 1.0, 6.0))[0].reward)[..., 0]
    assert WINDOW.first[3, 0]
    assert bonus[3, 0] > 1.0
    np.testing.assert_array_equal(bonus[:, 1], 0.0)
    assert bonus[0, 2] > 1.0
    np.testing.assert_array_equal(bonus[1:, 2], 0.0)


def test_how_new_the_newest_state_so_far_is():
    errors = jnp.array([[1.0, 3.0], [4.0, 2.0], [2.0, 5.0], [3.0, 1.0]])
    first = jnp.array([[True, False], [False, False], [True, False], [False, True]])
    np.testing.assert_array_equal(newest(errors, first), [[1, 3], [4, 3], [2, 5], [3, 1]])


def test_what_has_become_known_is_paid_for_less_and_less(taught):
    """Also if it is all that is learnt from, and its share of the errors stays the same."""
    surprise, _ = taught
    pay = jax.jit(lambda surprise, window, updates: NOVELTY.pay(surprise, window, updates=updates))
    window = with_states((1.0, 3.0), (-1.0, 3.0), (1.0, 3.0))
    paid = []
    for index in range(300, 700):
        _, surprise, told = pay(surprise, window, jnp.asarray(index))
        paid.append(float(told["novelty/bonus"]))
    assert paid[0] > 0.1
    assert np.mean(paid[-50:]) < 0.2 * paid[0]


def test_nothing_is_paid_for_padding_and_beyond_an_end():
    surprise = NOVELTY.init(SPEC, jax.random.key(0))
    paid, _, told = NOVELTY.pay(surprise, WINDOW, updates=jnp.asarray(0))
    bonus = np.asarray(paid.reward)[..., 0]
    assert bonus[ENDED] == bonus[PADDED] == 0
    assert bonus.max() > 0
    counted = int((WINDOW.valid & ~WINDOW.terminated).sum())
    np.testing.assert_allclose(told["novelty/bonus"], bonus.sum() / counted, rtol=1e-6)
    noise = jnp.where(WINDOW.valid[..., None], WINDOW.observations.state[1:], 1e6)
    state = jnp.concatenate([WINDOW.observations.state[:1], noise])
    changed = dataclasses.replace(WINDOW, observations=dataclasses.replace(WINDOW.observations, state=state))
    again, _, _ = NOVELTY.pay(surprise, changed, updates=jnp.asarray(0))
    np.testing.assert_array_equal(again.reward, paid.reward)


@pytest.mark.parametrize("name", ["vdn", "pqn-vdn"])
def test_learners_learn_from_rewards_and_bonus(name: str):
    """Without a weight nothing is kept and nothing is told; with it the targets are others."""
    plain = dataclasses.replace((CASES | VARIANTS)[name], environments=BATCH)
    paying = dataclasses.replace(plain, novelty=NOVELTY)
    after, told = {}, {}
    for label, algorithm in (("plain", plain), ("paying", paying)):
        learner = algorithm.init(SPEC, jax.random.key(1))
        after[label], told[label] = jax.jit(algorithm.update)(learner, WINDOW, jax.random.key(2))
    assert after["plain"].surprise is None
    assert "novelty/bonus" not in told["plain"]
    assert float(told["paying"]["novelty/bonus"]) > 0
    assert float(told["paying"]["target"]) > float(told["plain"]["target"])


@pytest.mark.parametrize("name", ["vdn", "pqn-vdn"])
def test_a_bonus_is_worth_the_same_however_rewards_of_agents_become_one(name: str):
    plain = dataclasses.replace((CASES | VARIANTS)[name], environments=BATCH, novelty=NOVELTY)
    each = dataclasses.replace(WINDOW, reward=jnp.zeros((STEPS, BATCH, SPEC.n_agents)))
    told = []
    for reduction, window in (("none", WINDOW), ("sum", each), ("mean", each)):
        algorithm = dataclasses.replace(plain, reward_reduction=reduction)
        learner = algorithm.init(SPEC, jax.random.key(1))
        told.append(jax.jit(algorithm.update)(learner, window, jax.random.key(2))[1])
    assert float(told[0]["novelty/bonus"]) > 0
    for figure in ("novelty/bonus", "target"):
        np.testing.assert_allclose([float(those[figure]) for those in told], float(told[0][figure]), rtol=1e-6)


WRONG: list[dict[str, Any]] = [{"weight": -1.0}, {"learning_rate": 0.0}, {"features": 0}, {"hidden": 0}]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_settings_that_cannot_be(wrong: dict[str, Any]):
    [(setting, value)] = wrong.items()
    with pytest.raises(QohortError, match=f"novelty.{setting} is {value}"):
        Novelty(**wrong)
