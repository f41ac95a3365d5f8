"""Means and variances of what counts."""

import jax.numpy as jnp
import numpy as np

from qohort.estimators.moments import Moments, followed, standardised

VALID = jnp.array([[True, True], [True, False]])


def test_padding_has_no_say_in_the_standard():
    """1, 2 and 6 have the mean 3 and the variance 14/3; a feature that never changes becomes 0."""
    rows = jnp.array([[1.0, 2.0], [6.0, 1e6]])[..., None, None]
    rows = jnp.concatenate([rows, jnp.full_like(rows, 7.0)], axis=-1)
    found = standardised(rows, VALID)[..., 0, :]
    np.testing.assert_allclose(found[0, :, 0], np.array([-2.0, -1.0]) / np.sqrt(14 / 3), rtol=1e-5)
    np.testing.assert_allclose(found[1, 0, 0], 3 / np.sqrt(14 / 3), rtol=1e-5)
    np.testing.assert_allclose(found[..., 1], 0.0, atol=1e-3)  # the mean's rounding, divided by √1e-5


def test_rewards_are_normalised_by_all_that_was_drawn():
    """First 1, 2, 6, then 3, 3, 9: the mean is 4, the mean of the squares 140/6, the variance 22/3."""
    first = jnp.array([[1.0, 2.0], [6.0, 1e6]])[..., None]
    second = jnp.array([[3.0, 3.0], [9.0, 1e6]])[..., None]
    moments = Moments(jnp.zeros(1), jnp.ones(1))
    for index, values in enumerate((first, second)):
        moments = followed(moments, values, VALID, updates=jnp.asarray(index))
    np.testing.assert_allclose(moments.mean, [4.0], rtol=1e-6)
    np.testing.assert_allclose(moments.square, [140 / 6], rtol=1e-6)
    np.testing.assert_allclose(moments.normalised(second)[0, 0], [-1 / np.sqrt(22 / 3)], rtol=1e-5)
    late = followed(moments, jnp.full_like(second, 1004.0), VALID, updates=jnp.asarray(10**6))
    np.testing.assert_allclose(late.mean, [5.0], rtol=1e-5)
