"""Heads are matched whatever order a seed has them in."""

import itertools

import numpy as np
import pytest

from qohort.analyse.heads import agreement, assignment, match


def test_the_assignment_with_the_least_cost():
    """Greedily 1 + 9; the best is 2 + 3."""
    np.testing.assert_array_equal(assignment(np.array([[1.0, 2.0], [3.0, 9.0]])), [1, 0])


@pytest.mark.parametrize("seed", range(3))
def test_no_other_assignment_is_better(seed):
    cost = np.random.default_rng(seed).uniform(size=(5, 5))
    best = min(sum(cost[row, column] for row, column in enumerate(p)) for p in itertools.permutations(range(5)))
    assert cost[np.arange(5), assignment(cost)].sum() == pytest.approx(best, abs=1e-6)


def test_heads_are_found_again_in_any_order():
    """Four roles, seen with noise by five seeds that number them differently."""
    rng = np.random.default_rng(1)
    roles = np.array([[0.9, 0, 0], [-0.9, 0, 0], [0, 0.8, 0], [0, 0, -0.7]])
    orders = np.stack([rng.permutation(4) for _ in range(5)])
    profiles = np.stack([roles[order] + rng.normal(0, 0.05, roles.shape) for order in orders])
    places = match(profiles)
    found = np.take_along_axis(orders, places, axis=1)
    assert (found == found[0]).all()
    assert agreement(np.take_along_axis(profiles, places[..., None], axis=1)) > 0.95
    assert agreement(profiles) < 0.7


def test_agreement_by_hand():
    """One place points the same way, in the other one the seeds are opposed: the mean of 1 and −1."""
    assert agreement(np.array([[[1.0, 0], [0, 1]], [[2.0, 0], [0, -3]]])) == pytest.approx(0)
    assert np.isnan(agreement(np.ones((1, 2, 3))))
