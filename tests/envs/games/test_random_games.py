"""The random games are what their names say."""

import numpy as np
import pytest

from qohort.envs import check_env
from qohort.envs.games import additive_projection, solve
from qohort.envs.games.random_games import (
    random_additive_game,
    random_misleading_game,
    random_monotone_supermodular_game,
    tabular_from_q,
)
from qohort.errors import QohortError

GENERATORS = [random_additive_game, random_monotone_supermodular_game, random_misleading_game]
SIZES = [{"n_agents": 2}, {"n_agents": 3}, {"n_agents": 2, "n_actions": 4, "n_states": 5}]


def test_rewards_that_make_values_optimal_by_hand():
    """In state 0 one agent stays (first action) or goes to the end: with V(0) = 4 and γ = 0.5 staying pays 4 - 2."""
    transitions = np.zeros((2, 2, 2))
    transitions[0, 0, 0] = transitions[0, 1, 1] = 1.0
    transitions[1, :, 1] = 1.0
    rewards = tabular_from_q(np.array([[4.0, 3.0], [0.0, 0.0]]), transitions, 0.5)
    np.testing.assert_array_equal(rewards, [[2, 3], [0, 0]])


def test_values_and_transitions_must_agree():
    with pytest.raises(QohortError, match=r"`q` has the shape \(2, 3\), but `transitions` ask for \(2, 2\)"):
        tabular_from_q(np.zeros((2, 3)), np.ones((2, 2, 2)) / 2, 0.5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("generate", GENERATORS)
def test_the_solver_finds_the_known_values(generate, sizes):
    known = generate(5, gamma=0.8, **sizes)
    solution = solve(known.game, 0.8)
    np.testing.assert_allclose(solution.q, known.q, atol=2e-5)
    assert solution.igm


@pytest.mark.parametrize("generate", GENERATORS)
def test_no_best_joint_action_is_a_near_tie(generate):
    for seed in range(20):
        known = generate(seed)
        best = np.sort(known.q[:-1].reshape(len(known.q) - 1, -1), axis=1)
        assert (best[:, -1] - best[:, -2]).min() > 0.3


@pytest.mark.parametrize(
    ("generate", "additive", "supermodular"),
    [
        (random_additive_game, True, True),
        (random_monotone_supermodular_game, False, True),
        (random_misleading_game, False, False),
    ],
)
def test_kinds(generate, additive, supermodular):
    for seed in range(10):
        solution = solve(generate(seed).game, 0.9)
        assert (solution.additive[:-1] == additive).all()
        assert (solution.supermodular[:-1] == supermodular).all()


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_additive_projection_of_a_misleading_game_misleads(sizes):
    for seed in range(10):
        known = random_misleading_game(seed, **sizes)
        for table in known.q[:-1]:
            projected = additive_projection(table)
            assert table.flat[projected.argmax()] < table.max() - 0.3


def test_a_misleading_game_that_cannot_be():
    with pytest.raises(QohortError, match="No misleading table was found for 1 agents with 3 actions"):
        random_misleading_game(0, n_agents=1)


def test_seeds_decide():
    again, other = random_additive_game(1), random_additive_game(2)
    np.testing.assert_array_equal(random_additive_game(1).q, again.q)
    assert (again.q != other.q).any()


def test_random_games_keep_the_contract():
    check_env(random_misleading_game(0).game)
