"""The nearest tables of each class, against the ground truths of the literature's payoff tables."""

import itertools

import numpy as np
import pytest

from qohort.envs.games.solve import is_monotone, is_supermodular
from qohort.lab.cones import constraints, nearest
from qohort.lab.fits import best_combine, fit
from qohort.lab.orders import search
from qohort.lab.payoffs import TABLES


def table(name: str) -> np.ndarray:
    return np.array(TABLES[name], float)


def chain(order: tuple[int, ...]) -> np.ndarray:
    """The relations of a complete order: `[a, b]` if a comes first."""
    return np.array([[order.index(a) < order.index(b) for b in range(len(order))] for a in range(len(order))])


@pytest.mark.parametrize(
    ("name", "monotone", "payoffs", "supermodular", "chosen"),
    [
        ("or", 0, [1], 0.25, [1]),
        ("and", 0, [1], 0, [1]),
        ("two-step-2b", 0, [8], 0, [8]),
        ("qtran-matrix", 288, [8], 288, [8]),
        ("qplex-matrix-3", 344, [0, 6], 344, [6]),
        ("qplex-matrix-1", 66.786667, [10, 10.4], 102.07, [10]),
        ("climbing", 997.416667, [5], 1364, [5]),
        ("penalty", 8066.666667, [2], 11503, [2]),
        ("pymarl2", 0.02, [12], 0.02, [12]),
    ],
)
def test_the_nearest_monotone_and_supermodular_tables(name, monotone, payoffs, supermodular, chosen):
    wide, narrow = fit(table(name), "monotone"), fit(table(name), "supermodular")
    assert wide.squared_error == pytest.approx(monotone, abs=1e-5)
    assert narrow.squared_error == pytest.approx(supermodular, abs=1e-5)
    assert (list(wide.greedy), list(narrow.greedy)) == (payoffs, chosen)
    assert wide.exact
    assert narrow.exact
    assert all(is_monotone(found) for found in wide.tables)
    assert all(is_supermodular(found) for found in narrow.tables)


def test_the_nearest_tables_of_the_qtran_matrix():
    additive = fit(table("qtran-matrix"), "additive")
    exact = np.array([[-56, -44, -44], [-44, -32, -32], [-44, -32, -32]]) / 9
    np.testing.assert_allclose(additive.tables[0], exact)
    assert additive.squared_error == pytest.approx(4096 / 9)
    assert additive.greedy == (0,)
    best = np.full((3, 3), -6.0)
    best[0, 0] = 8
    for kind in ("monotone", "supermodular"):
        [found] = fit(table("qtran-matrix"), kind).tables
        np.testing.assert_allclose(found, best, atol=1e-9)
    igm = fit(table("qtran-matrix"), "igm")
    assert (igm.squared_error, igm.greedy) == (0, (8,))


def test_additive_projections():
    np.testing.assert_allclose(fit(table("or"), "additive").tables[0], [[0.25, 0.75], [0.75, 1.25]])
    np.testing.assert_allclose(fit(table("and"), "additive").tables[0], [[-0.25, 0.25], [0.25, 0.75]])
    np.testing.assert_allclose(fit(table("two-step-2b"), "additive").tables[0], [[-1.5, 2.5], [2.5, 6.5]])
    assert fit(table("qplex-matrix-1"), "additive").greedy == (10,)


def test_equally_near_tables_are_all_found():
    """QPLEX's third matrix: four monotone tables, of which two prefer 6 alone."""
    assert len(fit(table("qplex-matrix-3"), "monotone").tables) == 4


def test_a_known_order_asks_for_isotonic_regression():
    """3, 1, 2 with weight one each: the pool of the first two is 2, and so is the rest."""
    found = nearest(np.array([3.0, 1.0, 2.5]), [chain((0, 1, 2))], supermodular=False)
    np.testing.assert_allclose(found, [2, 2, 2.5])


def test_a_partial_order_binds_only_what_it_relates():
    related = np.zeros((3, 3), bool)
    related[0, 1] = True
    found = nearest(np.array([3.0, 1.0, -5.0]), [related], supermodular=False)
    np.testing.assert_allclose(found, [2, 2, -5])


def test_rows_follow_covers_alone():
    """Two agents, chains of three: 12 rows of monotonicity and 4 mixed differences; a < c follows from a < b < c."""
    places, signs = constraints((3, 3), [chain((0, 1, 2))] * 2, supermodular=True)
    assert len(places) == 12 + 4
    assert np.count_nonzero(signs) == 12 * 2 + 4 * 4
    rows = np.zeros((16, 9))
    np.add.at(rows, (np.arange(16)[:, None], places), signs)
    convex = np.add.outer(np.arange(3.0), np.arange(3.0)) ** 2
    assert (rows @ convex.ravel() >= 0).all()
    assert (rows[:12] @ -convex.ravel() < 0).all()


def closed(*pairs: tuple[int, int]) -> np.ndarray:
    """The relations of five actions, and what follows from them."""
    related = np.zeros((5, 5), bool)
    related[tuple(np.transpose(pairs))] = True
    for action in range(5):
        related |= related[:, [action]] & related[[action]]
    return related


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        (closed((1, 3), (2, 4), (3, 0), (4, 1)), closed((1, 2), (2, 0), (3, 4), (4, 0)), 28 / 9),
        (closed((0, 3), (2, 1), (3, 4), (4, 2)), closed((0, 2), (2, 3), (3, 1), (4, 1)), 3.15),
    ],
)
def test_constraints_that_depend_on_each_other(first, second, error):
    """Tables of few numbers make them so."""
    found = nearest(np.eye(5), [first, second], supermodular=False)
    places, signs = constraints((5, 5), [first, second], supermodular=False)
    assert (found.ravel()[places] * signs).sum(axis=1).min() > -1e-9
    assert ((found - np.eye(5)) ** 2).sum() == pytest.approx(error)


def test_all_nearest_tables_of_few_numbers():
    """Whatever names the actions of the identity have, its nearest tables are the same ones."""
    found = search(np.eye(5), supermodular=False)
    assert (len(found.tables), found.ended) == (120, True)
    assert found.squared_error == pytest.approx(28 / 9)
    for table in found.tables:
        assert ((table - np.eye(5)) ** 2).sum() == pytest.approx(28 / 9)
        assert is_monotone(table)
        assert any(np.allclose(np.roll(table, (1, 1), (0, 1)), other, atol=1e-9) for other in found.tables)
    mixed = np.array([[3.0, 2, -3, -1, -3], [3, -2, 2, 3, 0], [0, -3, 3, 3, 0], [-2, -2, -2, -1, 0]])
    assert fit(mixed, "monotone").exact


def integers(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-3, 4, size=shape).astype(float)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape)


@pytest.mark.parametrize(
    "payoff",
    [normal(3, 4), normal(2, 3, 2), normal(2, 2, 2, 2), integers(3, 4), integers(2, 3, 3), np.eye(3)],
    ids=lambda payoff: str(payoff.shape),
)
@pytest.mark.parametrize("supermodular", [False, True])
def test_branch_and_bound_finds_what_all_orders_find(payoff, supermodular):
    orders = itertools.product(*(itertools.permutations(range(count)) for count in payoff.shape))
    errors = [
        ((nearest(payoff, [chain(order) for order in every], supermodular=supermodular) - payoff) ** 2).sum()
        for every in orders
    ]
    found = search(payoff, supermodular=supermodular)
    assert found.bound == found.squared_error
    assert found.squared_error == pytest.approx(min(errors), abs=1e-9)
    np.testing.assert_allclose(((found.tables[0] - payoff) ** 2).sum(), min(errors), atol=1e-9)


def test_a_search_that_is_given_up_says_between_what_the_truth_lies():
    payoff = np.random.default_rng(0).normal(size=(5, 5))
    whole, cut = (search(payoff, supermodular=True, nodes=nodes) for nodes in (10_000, 5))
    assert whole.bound == whole.squared_error
    assert cut.bound < cut.squared_error
    assert cut.bound < whole.squared_error <= cut.squared_error
    assert is_supermodular(cut.tables[0])


@pytest.mark.parametrize("nodes", range(1, 12))
def test_a_search_that_is_given_up_returns_tables_of_the_error_that_it_claims(nodes):
    payoff = np.array([[2.0, 1.0, -2.0], [0.0, 2.0, 0.0], [-2.0, 1.0, 2.0]])
    found = search(payoff, supermodular=False, nodes=nodes)
    for table in found.tables:
        assert ((table - payoff) ** 2).sum() == pytest.approx(found.squared_error)
    assert (found.squared_error == pytest.approx(11.2)) == (nodes >= 10)
    assert (len(found.tables), found.ended) == ((2, True) if nodes == 11 else (1, False))


def test_best_joint_actions_that_combine():
    assert best_combine(table("qtran-matrix"))
    assert best_combine(np.array([[1.0, 1.0], [0.0, 0.0]]))
    assert not best_combine(table("penalty"))
