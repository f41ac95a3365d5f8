"""Schedules, masks and ε-greedy choice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule, epsilon_greedy, greedy, mask_unavailable


def test_a_schedule_moves_in_a_straight_line_and_stays():
    schedule = LinearSchedule(start=1.0, end=0.2, steps=100)
    assert [schedule.at(step) for step in (0, 50, 100, 10**9)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert LinearSchedule(start=1.0, end=0.05, steps=0).at(0) == 0.05


def test_a_schedule_of_negative_length_is_refused():
    with pytest.raises(QohortError, match=r"-1 steps.*0 or more"):
        LinearSchedule(start=1.0, end=0.0, steps=-1)


def test_greedy_takes_the_first_of_equals_among_the_available():
    values = jnp.array([[3.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    avail = jnp.array([[False, True, True], [True, True, True]])
    np.testing.assert_array_equal(greedy(values, avail), [1, 0])
    # Rows in which nothing is available (padding) tie: the first index, and a finite value.
    nothing = jnp.zeros((1, 3), bool)
    assert greedy(values[:1], nothing)[0] == 0
    assert mask_unavailable(values[:1], nothing).max() == -9999999.0


def test_epsilon_greedy_draws_uniformly_from_the_available_actions():
    rows = 60_000
    values = jnp.tile(jnp.array([0.0, 5.0, 1.0, 9.0]), (rows, 1))
    avail = jnp.tile(jnp.array([True, True, True, False]), (rows, 1))
    drawn = epsilon_greedy(jax.random.key(0), values, avail, jnp.asarray(0.3))
    share = np.bincount(np.asarray(drawn), minlength=4) / rows
    np.testing.assert_allclose(share, [0.1, 0.8, 0.1, 0.0], atol=0.006)
    assert share[3] == 0


def test_epsilon_zero_is_greedy_and_one_ignores_the_values():
    values = jax.random.normal(jax.random.key(1), (500, 4))
    avail = jax.random.uniform(jax.random.key(2), (500, 4)) < 0.6
    avail = avail.at[:, 0].set(True)
    chosen = epsilon_greedy(jax.random.key(3), values, avail, jnp.asarray(0.0))
    np.testing.assert_array_equal(chosen, greedy(values, avail))
    free = epsilon_greedy(jax.random.key(3), values, avail, jnp.asarray(1.0))
    other = epsilon_greedy(jax.random.key(3), -values, avail, jnp.asarray(1.0))
    np.testing.assert_array_equal(free, other)
    assert jnp.all(jnp.take_along_axis(avail, free[:, None], axis=1))
