"""The solver against numbers worked out by hand, and against those of the papers."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qohort.envs.games import MatrixGame, additive_projection, solve
from qohort.envs.games.matrix import PAYOFFS
from qohort.envs.games.partial_matrix import two_matrices
from qohort.envs.games.solve import is_additive, is_monotone, is_supermodular
from qohort.envs.games.tables import tables
from qohort.envs.games.two_step import two_step
from qohort.errors import QohortError


def projected(name):
    return additive_projection(np.array(PAYOFFS[name], float))


def test_two_step_game():
    solution = solve(two_step(), 0.99)
    np.testing.assert_allclose(solution.q[0], [[6.93, 6.93], [7.92, 7.92]], atol=1e-9)
    np.testing.assert_array_equal(solution.q[1], [[7, 7], [7, 7]])
    np.testing.assert_array_equal(solution.q[2], [[0, 1], [1, 8]])
    np.testing.assert_allclose(solution.v, [7.92, 7, 8, 0], atol=1e-9)
    np.testing.assert_array_equal(solution.policy[[0, 2]], [[1, 0], [1, 1]])
    np.testing.assert_array_equal(solution.additive, [True, True, False, True])
    assert solution.monotone.all()
    assert solution.supermodular.all()
    assert solution.igm


def test_a_stay_that_pays_is_a_geometric_series():
    """One agent: action 0 stays and gets 1, action 1 leaves with 5. With γ = 0.5 staying is worth 2, then leave."""
    moves = np.zeros((2, 2, 2))
    moves[0, 0, 0] = moves[0, 1, 1] = moves[1, :, 1] = 1.0
    game = tables(moves, [[1.0, 5.0], [9.0, 9.0]], terminal=[False, True])
    solution = solve(game, 0.5)
    np.testing.assert_allclose(solution.q, [[1 + 0.5 * 5, 5], [0, 0]], atol=1e-9)
    np.testing.assert_allclose(solve(game, 0.9).q[0], [10, 5], atol=1e-8)  # 1 / (1 - 0.9)


def test_values_of_a_chance_move():
    """From state 0 one gets to states worth 10 and 2 with chances 1/4 and 3/4: 0.9 * (2.5 + 1.5) = 3.6."""
    moves = np.zeros((4, 1, 1, 4))
    moves[0, 0, 0] = [0, 0.25, 0.75, 0]
    moves[1:, ..., 3] = 1.0
    rewards = np.array([0.0, 10.0, 2.0, 0.0]).reshape(4, 1, 1)
    assert solve(tables(moves, rewards, terminal=[False, False, False, True]), 0.9).v[0] == pytest.approx(3.6)


def test_individual_rewards_are_added_up():
    moves = np.ones((1, 2, 2, 1))
    ann, bob = [[[3.0, 0.0], [4.0, 1.0]]], [[[3.0, 4.0], [0.0, 1.0]]]
    np.testing.assert_array_equal(solve(tables(moves, [ann, bob]), 0.0).q[0], [[6, 4], [4, 2]])


def test_without_discount_the_game_must_end():
    assert solve(two_step(), 1.0).v[0] == pytest.approx(8.0)
    with pytest.raises(QohortError, match=r"still change by 1 after .* With gamma 1 every way of playing must end"):
        solve(tables(np.ones((1, 2, 1)), [[1.0, 1.0]]), 1.0)


@pytest.mark.parametrize("gamma", [-0.1, 1.1, float("nan")])
def test_a_discount_is_a_fraction(gamma):
    with pytest.raises(QohortError, match="a discount is between 0 and 1"):
        solve(two_step(), gamma)


@pytest.mark.parametrize(
    ("name", "expected", "sse"),
    [
        ("or", [[0.25, 0.75], [0.75, 1.25]], 0.25),
        ("and", [[-0.25, 0.25], [0.25, 0.75]], 0.25),
        ("qtran-matrix", np.array([[-56, -44, -44], [-44, -32, -32], [-44, -32, -32]]) / 9, 4096 / 9),
        ("qplex-matrix-3", np.array([[-68, -38, -38], [-38, -8, -8], [-38, -8, -8]]) / 9, None),
    ],
)
def test_additive_projections_of_the_literature(name, expected, sse):
    np.testing.assert_allclose(projected(name), expected, atol=1e-12)
    if sse is not None:
        assert ((projected(name) - np.array(PAYOFFS[name])) ** 2).sum() == pytest.approx(sse)


def test_additive_projection_of_two_steps_second_matrix():
    np.testing.assert_allclose(additive_projection(np.array([[0.0, 1], [1, 8]])), [[-1.5, 2.5], [2.5, 6.5]])


def test_additive_projection_misleads_in_qplex_matrix_1():
    table = projected("qplex-matrix-1")
    assert np.unravel_index(table.argmax(), (3, 3)) == (2, 2)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_no_additive_table_is_nearer_than_the_projection(sizes, seed):
    """Against least squares on one-hot rows, which knows nothing of means."""
    table = np.random.default_rng(seed).normal(size=sizes)
    joint = list(itertools.product(*map(range, sizes)))
    rows = np.array([np.concatenate([np.eye(n)[a] for n, a in zip(sizes, actions, strict=True)]) for actions in joint])
    weights = np.linalg.lstsq(rows, table.ravel(), rcond=None)[0]
    np.testing.assert_allclose(additive_projection(table).ravel(), rows @ weights, atol=1e-9)


@pytest.mark.parametrize(
    ("table", "additive", "monotone", "supermodular"),
    [
        (PAYOFFS["or"], False, True, False),
        (PAYOFFS["and"], False, True, True),
        (PAYOFFS["qtran-matrix"], False, False, False),
        (PAYOFFS["climbing"], False, False, False),
        ([[7, 7], [7, 7]], True, True, True),
        ([[0, 1], [1, 0]], False, False, False),  # exclusive or
        ([[5, 1, 3], [6, 2, 4]], True, True, True),  # actions out of order
        ([[4, 0, 1], [8, 1, 3]], False, True, True),  # the same order, and falling apart
        ([3, 1, 2], True, True, True),
        ([[[0, 0], [0, 0]], [[0, 0], [0, 1]]], False, True, True),
        ([[[0, 1], [1, 0]], [[2, 3], [3, 2]]], False, False, False),
    ],
)
def test_kinds_of_tables(table, additive, monotone, supermodular):
    table = np.array(table, float)
    assert (is_additive(table), is_monotone(table), is_supermodular(table)) == (additive, monotone, supermodular)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_monotone_means_that_some_ordering_of_the_actions_is(values):
    """Against trying all orderings; few distinct values make ties and chains common."""
    table = np.array(values, float).reshape(2, 3)
    tried = (table[np.ix_(rows, columns)] for rows in ([0, 1], [1, 0]) for columns in itertools.permutations(range(3)))
    assert is_monotone(table) == any((np.diff(t, axis=0) >= 0).all() and (np.diff(t, axis=1) >= 0).all() for t in tried)


@pytest.mark.parametrize(("seen_by", "igm"), [((0, 1), True), ((0,), False), ((1,), False), ((), False)])
def test_two_matrices_can_be_decentralised_if_both_see_which_it_is(seen_by, igm):
    solution = solve(two_matrices(seen_by=seen_by), 0.99)
    assert solution.igm is igm
    np.testing.assert_array_equal(solution.v, [10, 10, 0])
    assert solution.additive.all()
    assert solution.monotone.all()


def test_equal_best_actions_are_all_tried_for_decentralising():
    """Agent 1 is blind. Its first best action in either state is not the common one, which comes second."""
    moves = np.zeros((3, 2, 3, 3))
    moves[..., 2] = 1.0
    rewards = np.zeros((3, 2, 3))
    rewards[0, 0] = [5, 5, 0]
    rewards[1, 1] = [0, 5, 5]
    observations = np.zeros((3, 2, 1))
    observations[1, 0] = 1.0
    game = tables(moves, rewards, terminal=[False, False, True], initial=[0.5, 0.5, 0.0], observations=observations)
    assert solve(game, 0.9).igm
    rewards[1, 1] = [0, 0, 5]
    assert not solve(dataclasses.replace(game, rewards=rewards[None]), 0.9).igm


def test_states_that_are_never_reached_do_not_count_for_decentralising():
    moves = np.zeros((3, 2, 3))
    moves[..., 2] = 1.0
    rewards = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    blind = np.zeros((3, 1, 1))
    known = {"terminal": [False, False, True], "observations": blind}
    assert solve(tables(moves, rewards, **known), 0.9).igm
    assert not solve(tables(moves, rewards, initial=[0.5, 0.5, 0.0], **known), 0.9).igm


def test_agents_with_different_numbers_of_actions():
    solution = solve(MatrixGame([[1.0, 5.0, 2.0], [3.0, 4.0, 0.0]]), 0.9)
    assert solution.q.shape == (2, 2, 3)
    np.testing.assert_array_equal(solution.policy[0], [0, 1])
