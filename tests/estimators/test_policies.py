"""Policies over available actions, with numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.estimators.policies import entropy, floored, log_probabilities, masked_logits, sample

LOGITS = jnp.log(jnp.array([[1.0, 2.0, 1.0], [6.0, 1.0, 3.0], [1.0, 1.0, 1.0]]))
AVAIL = jnp.array([[True, True, True], [False, True, True], [False, False, False]])
"""Everything, two of three, and the nothing of padding."""


def test_unavailable_actions_have_no_probability():
    log_pi = log_probabilities(LOGITS, AVAIL)
    np.testing.assert_allclose(jnp.exp(log_pi[:2]), [[0.25, 0.5, 0.25], [0.0, 0.25, 0.75]], atol=1e-6)
    assert log_pi[1, 0] < -1e9
    np.testing.assert_array_equal(masked_logits(LOGITS, AVAIL)[1, 1:], LOGITS[1, 1:])


def test_entropy_counts_available_actions_only():
    """ln 2 · 3/2; then −(1/4) ln(1/4) − (3/4) ln(3/4); nothing for padding."""
    np.testing.assert_allclose(entropy(LOGITS, AVAIL), [1.0397208, 0.5623351, 0.0], rtol=1e-5)


def test_entropy_has_a_finite_gradient_everywhere():
    gradient = jax.grad(lambda logits: entropy(logits, AVAIL).sum())(LOGITS)
    assert bool(jnp.isfinite(gradient).all())
    assert gradient[1, 0] == 0
    uniform = jax.grad(lambda logits: entropy(logits, jnp.ones((1, 3), bool)).sum())(jnp.zeros((1, 3)))
    np.testing.assert_allclose(uniform, 0.0, atol=1e-6)  # the maximum


def test_samples_have_the_policys_frequencies():
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = jax.vmap(lambda key: sample(key, LOGITS[:2], AVAIL[:2]))(keys)
    shares = jnp.mean(drawn[..., None] == jnp.arange(3)[None, None], axis=0)
    np.testing.assert_allclose(shares, [[0.25, 0.5, 0.25], [0.0, 0.25, 0.75]], atol=0.03)


@pytest.mark.parametrize("epsilon", [jnp.asarray(0.2), jnp.full((3, 1), 0.2)])
def test_every_available_action_keeps_its_share_of_epsilon(epsilon: jax.Array):
    """0.8 · 1/4 + 0.2/3 and 0.8 · 1/2 + 0.2/3; with two available, 0.8 · 1/4 + 0.1 and 0.8 · 3/4 + 0.1."""
    found = floored(jnp.exp(log_probabilities(LOGITS, AVAIL)), AVAIL, epsilon)
    wanted = [[0.8 / 4 + 0.2 / 3, 0.4 + 0.2 / 3, 0.2 + 0.2 / 3], [0.0, 0.3, 0.7], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
