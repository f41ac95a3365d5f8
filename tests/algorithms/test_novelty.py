"""A bonus for states that were seen seldom."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.novelty import Novelty
from qohort.errors import QohortError
from tests.algorithms.cases import BATCH, CASES, SPEC, STEPS, VARIANTS, window_of

NOVELTY = Novelty(weight=0.5, features=8, hidden=16)
WINDOW = dataclasses.replace(window_of(), reward=jnp.zeros((STEPS, BATCH, 1)))
ENDED = (2, 0)
"""A step that terminates; what follows it is another episode's first state."""
PADDED = (3, 2)


def with_states(*values: float):
    """A window whose columns each stay at one point, all of whose features are equal."""
    columns = jnp.asarray(values)[None, :, None]
    state = jnp.broadcast_to(columns, (STEPS + 1, BATCH, SPEC.state_size))
    return dataclasses.replace(WINDOW, observations=dataclasses.replace(WINDOW.observations, state=state))


def test_what_is_new_is_paid_for_and_what_is_known_is_not():
    surprise = NOVELTY.init(SPEC, jax.random.key(0))
    pay = jax.jit(lambda surprise, window, updates: NOVELTY.pay(surprise, window, updates=updates))
    known, one_new = with_states(1.0, -1.0, 1.0), with_states(1.0, 6.0, 1.0)
    for index in range(300):
        _, surprise, _ = pay(surprise, known, jnp.asarray(index))
    assert float(pay(surprise, known, jnp.asarray(300))[2]["novelty/error"]) < 1e-3
    paid, _, _ = pay(surprise, one_new, jnp.asarray(300))
    bonus = np.asarray(paid.reward)[..., 0]
    assert (bonus[:, 1] > 1.0).all()
    np.testing.assert_array_equal(bonus[:, [0, 2]], 0.0)
    assert bonus.max() <= 0.5 * 5


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


WRONG: list[dict[str, Any]] = [{"weight": -1.0}, {"learning_rate": 0.0}, {"features": 0}, {"hidden": 0}]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_settings_that_cannot_be(wrong: dict[str, Any]):
    [(setting, value)] = wrong.items()
    with pytest.raises(QohortError, match=f"novelty.{setting} is {value}"):
        Novelty(**wrong)
