"""The counterfactual advantage, with numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from qohort.estimators.counterfactual import counterfactual_advantage
from qohort.estimators.policies import floored, log_probabilities


def test_an_action_is_measured_against_the_policys_mean():
    """The baselines are 0.5 · 1 + 0.25 · 3 + 0.25 · (−5) = 0 and 0.9 · 2 + 0.1 · 12 = 3."""
    values = jnp.array([[1.0, 3.0, -5.0], [2.0, 12.0, 7.0]])
    policy = jnp.array([[0.5, 0.25, 0.25], [0.9, 0.1, 0.0]])
    np.testing.assert_allclose(counterfactual_advantage(jnp.array([3.0, 12.0]), values, policy), [3.0, 9.0], rtol=1e-6)


def test_it_is_zero_on_average_under_the_policy():
    """Whatever the critic says: a baseline that depends on the others alone does not bend the gradient."""
    keys = jax.random.split(jax.random.key(0), 3)
    shape = (5, 4, 3, 6)
    avail = jax.random.uniform(keys[0], shape) < 0.6
    avail = avail.at[..., 0].set(values=True)
    policy = floored(jnp.exp(log_probabilities(3 * jax.random.normal(keys[1], shape), avail)), avail, jnp.asarray(0.1))
    values = 10 * jax.random.normal(keys[2], shape)
    each = jnp.moveaxis(values, -1, 0)
    advantages = jax.vmap(lambda taken: counterfactual_advantage(taken, values, policy))(each)
    mean = jnp.sum(jnp.moveaxis(policy, -1, 0) * advantages, axis=0)
    np.testing.assert_allclose(mean, 0.0, atol=1e-4)
    assert float(jnp.abs(advantages).max()) > 10
