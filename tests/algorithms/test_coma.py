"""What is particular to COMA: the floored policy, the target's count, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.coma import COMA
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.networks.base import View
from qohort.networks.counterfactual import CounterfactualCritic
from qohort.networks.feedforward import FeedForward
from qohort.replay.fresh import Fresh
from tests.algorithms.cases import BATCH, SPEC, window_of

SMALL = COMA(team=FeedForward(hidden=8), critic=CounterfactualCritic(hidden=8))
LOGITS = jnp.log(jnp.array([[1.0, 2.0, 1.0]]))
AVAIL = jnp.array([[True, False, True]])


def test_masking_after_the_softmax_spreads_epsilon_over_all_actions_and_renormalises():
    """0.5 · (1/4, 1/2, 1/4) + 0.5/3, then the middle taken out: a half each. With logits 3 : · : 1, by hand as well."""
    found = SMALL.policy(LOGITS, AVAIL, jnp.asarray(0.5))
    np.testing.assert_allclose(found, [[0.5, 0.0, 0.5]], rtol=1e-6)
    uneven = jnp.log(jnp.array([[3.0, 4.0, 1.0]]))
    kept = np.array([0.5 * 3 / 8 + 0.5 / 3, 0.5 / 8 + 0.5 / 3])
    after = SMALL.policy(uneven, AVAIL, jnp.asarray(0.5))
    np.testing.assert_allclose(after[0, jnp.array([0, 2])], kept / kept.sum(), rtol=1e-6)
    before = dataclasses.replace(SMALL, mask_before_softmax=True).policy(uneven, AVAIL, jnp.asarray(0.5))
    np.testing.assert_allclose(before, [[0.5 * 0.75 + 0.25, 0.0, 0.5 * 0.25 + 0.25]], rtol=1e-6)


def test_acting_draws_from_the_floored_policy_and_is_greedy_without_exploration():
    team = SMALL.team.build(SPEC, jax.random.key(0))
    window = window_of()
    view: View = jax.tree.map(lambda leaf: leaf[0], window.view)
    values = team(team.initial(BATCH), jax.tree.map(lambda leaf: leaf[None], view), window.first[:1])[0].values[0]

    def act(key: jax.Array, exploration: float) -> jax.Array:
        return SMALL.act(
            team, team.initial(BATCH), view, first=window.first[0], key=key, exploration=jnp.asarray(exploration)
        )[0]

    keys = jax.random.split(jax.random.key(1), 4000)
    drawn = jax.vmap(lambda key: act(key, 0.3))(keys)
    shares = jnp.mean(drawn[..., None] == jnp.arange(SPEC.n_actions)[None, None, None], axis=0)
    np.testing.assert_allclose(shares, SMALL.policy(values, view.avail, jnp.asarray(0.3)), atol=0.04)
    best = jnp.argmax(jnp.where(view.avail, values, -jnp.inf), axis=-1)
    np.testing.assert_array_equal(act(keys[0], 0.0), best)


def test_the_target_is_copied_after_so_many_steps_of_the_critic():
    """The window has five indices of time: with 6, the second update copies, and counting begins anew."""
    algorithm = dataclasses.replace(SMALL, target_interval=6)
    learner = algorithm.init(SPEC, jax.random.key(0))
    first, target = learner.params.critic, []
    update = jax.jit(algorithm.update)
    for _ in range(2):
        learner, _ = update(learner, window_of(), jax.random.key(1))
        target.append((learner.target, int(learner.since_copy)))
    assert [count for _, count in target] == [5, 0]
    for start, before, after, live in zip(
        *map(jax.tree.leaves, (first, target[0][0], target[1][0], learner.params.critic)), strict=True
    ):
        np.testing.assert_array_equal(before, start)
        np.testing.assert_array_equal(after, live)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epsilon": LinearSchedule(start=0.5, end=0.0, steps=9)}, "epsilon.end is 0.0; it must be greater than 0"),
        ({"feed": Fresh(epochs=4)}, "feed.epochs is 4, but COMA learns from a stretch once"),
        ({"td_lambda": 1.5}, "td_lambda is 1.5; it must lie between 0 and 1"),
        ({"entropy": -1.0}, "entropy is -1.0; it must be at least 0"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict, sentence: str):
    with pytest.raises(QohortError, match=sentence):
        dataclasses.replace(SMALL, **settings)
