"""Shapley values and counterfactuals of games that everybody knows."""

import numpy as np
import pytest

from qohort.analyse.shapley import coalition_values, coalitions, counterfactual, shapley
from qohort.errors import QohortError


def game(n: int, value) -> np.ndarray:
    return np.array([value({int(agent) for agent in np.flatnonzero(row)}) for row in coalitions(n)], float)


def test_gloves():
    """Agent 0 has a left glove, the others have right ones; a pair is worth 1: 2/3, 1/6, 1/6."""
    values = game(3, lambda c: float(0 in c and len(c) > 1))
    np.testing.assert_allclose(shapley(values), [2 / 3, 1 / 6, 1 / 6])
    np.testing.assert_allclose(counterfactual(values), [1, 0, 0])


def test_a_runway():
    """Aircraft that need 1, 2 and 3 units of runway share its cost: 1/3, 1/3 + 1/2, 1/3 + 1/2 + 1."""
    values = game(3, lambda c: max((agent + 1 for agent in c), default=0))
    np.testing.assert_allclose(shapley(values), [1 / 3, 5 / 6, 11 / 6])


def test_a_council():
    """One member must agree, and two of the three others; it decides in half of the orders, each other one in 1/6."""
    values = game(4, lambda c: float(0 in c and len(c) > 2))
    np.testing.assert_allclose(shapley(values), [1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_shares_add_up_and_rows_are_carried_along():
    values = np.random.default_rng(0).normal(size=(16, 3, 2))
    np.testing.assert_allclose(shapley(values).sum(axis=0), values[-1] - values[0])
    np.testing.assert_allclose(shapley(values)[:, 1, 1], shapley(values[:, 1, 1]))


def test_coalitions_of_and():
    """Both choose 1; whoever is left out does either: 1/4, 1/2, 1/2, 1. Each adds 3/8, and misses 1/2 if left out."""
    table = np.array([[0.0, 0.0], [0.0, 1.0]])
    values = coalition_values(table, np.array([1, 1]), np.ones((2, 2), bool))
    np.testing.assert_allclose(values, [0.25, 0.5, 0.5, 1.0])
    np.testing.assert_allclose(shapley(values), [0.375, 0.375])
    np.testing.assert_allclose(counterfactual(values), [0.5, 0.5])


def test_what_is_not_available_is_not_chosen_by_those_left_out():
    table = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 100.0]])
    avail = np.array([[True, True, False], [True, True, False]])
    values = coalition_values(table, np.array([0, 1]), avail)
    np.testing.assert_allclose(values, [0.75, 1.5, 1.0, 2.0])


def test_too_many_agents_are_refused():
    with pytest.raises(QohortError, match="13 agents; exact credit asks 2\\^N coalitions, so it is for at most 12"):
        coalitions(13)
