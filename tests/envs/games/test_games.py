"""The games as they are played."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import check_env, make
from qohort.envs.games import MatrixGame, TabularGame
from qohort.envs.games.partial_matrix import two_matrices
from qohort.envs.games.tables import tables
from qohort.envs.games.two_step import two_step
from qohort.errors import QohortError

KEY = jax.random.key(3)


def play(game, *joint_actions, key=KEY):
    state = game.reset(key)
    outcomes = []
    for actions in joint_actions:
        key, step_key = jax.random.split(key)
        state, outcome = game.step(step_key, state, jnp.array(actions))
        outcomes.append(outcome)
    return state, outcomes


def cycle(limit=100, **options):
    """Two states that take turns whatever is done; one agent with one action."""
    return TabularGame([[[0.0, 1.0]], [[1.0, 0.0]]], [[1.0], [2.0]], limit=limit, **options)


@pytest.mark.parametrize(("actions", "payoff", "optimal"), [((0, 0), 8, 1), ((0, 1), -12, 0), ((2, 2), 0, 0)])
def test_qtran_matrix(actions, payoff, optimal):
    _, [outcome] = play(make("games/qtran-matrix"), actions)
    np.testing.assert_array_equal(outcome.reward, [payoff])
    assert outcome.metrics["optimal"] == optimal
    assert outcome.terminated
    assert not outcome.truncated


@pytest.mark.parametrize(
    ("name", "actions", "payoff"),
    [
        ("games/and", (1, 1), 1),
        ("games/or", (0, 1), 1),
        ("games/climbing", (2, 1), 6),
        ("games/penalty", (0, 0), -100),
        ("games/penalty", (1, 1), 2),
        ("games/qplex-matrix-1", (0, 0), 10.4),
        ("games/qplex-matrix-3", (2, 2), 6),
    ],
)
def test_named_payoffs(name, actions, payoff):
    _, [outcome] = play(make(name), actions)
    np.testing.assert_allclose(outcome.reward, [payoff], rtol=1e-6)


def test_penalty_is_no_prize():
    with pytest.raises(QohortError, match="`k` is 3, but a penalty is at most 0"):
        make("games/penalty", k=3.0)


def test_shorter_lists_of_actions_are_masked_and_the_world_is_sound():
    game = MatrixGame(np.arange(12.0).reshape(2, 1, 6))
    seen = game.observe(game.reset(KEY))
    assert seen.avail.sum(1).tolist() == [2, 1, 6]
    assert seen.avail[:, 0].all()
    assert game.spec.actions == ("A", "B", "C", "D", "E", "F")
    check_env(game)


def test_all_there_is_to_see_is_one():
    seen = make("games/or").observe(jnp.int32(0))
    np.testing.assert_array_equal(seen.obs, [[1.0], [1.0]])
    np.testing.assert_array_equal(seen.units, [[1.0], [1.0]])
    np.testing.assert_array_equal(seen.state, [1.0])


@pytest.mark.parametrize("payoff", [3.0, [[], []], [1.0, float("nan")]])
def test_what_is_no_payoff(payoff):
    with pytest.raises(QohortError, match=r"`payoff` has the shape .* an axis for each agent"):
        MatrixGame(np.array(payoff))


def test_names_for_actions_must_fit():
    with pytest.raises(QohortError, match="`actions` holds 1 names, but the longest axis has 2"):
        MatrixGame([0.0, 1.0], actions=("only",))


@pytest.mark.parametrize(
    ("first", "second", "reward"), [((0, 1), (1, 0), 7), ((1, 0), (0, 0), 0), ((1, 0), (0, 1), 1), ((1, 1), (1, 1), 8)]
)
def test_two_step_game(first, second, reward):
    game = two_step()
    state, outcomes = play(game, first, second)
    assert [outcome.reward.tolist() for outcome in outcomes] == [[0], [reward]]
    assert [bool(outcome.terminated) for outcome in outcomes] == [False, True]
    assert not outcomes[1].truncated
    np.testing.assert_array_equal(game.observe(game.snapshot(state)).obs, np.zeros((2, 3)))


def test_everyone_sees_where_the_two_step_game_is():
    game = two_step()
    state, _ = play(game, (1, 0))
    seen = game.observe(game.snapshot(state))
    np.testing.assert_array_equal(seen.obs, [[0, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(seen.state, [0, 0, 1])
    assert game.spec.obs_features == ("at 1", "at 2A", "at 2B")


@pytest.mark.parametrize("seen_by", [(0, 1), (1,), ()])
def test_who_sees_which_matrix_it_is(seen_by):
    game = two_matrices(seen_by=seen_by)
    for drawn in (0, 1):
        seen = game.observe(jnp.int32(drawn))
        for agent in (0, 1):
            np.testing.assert_array_equal(seen.obs[agent], np.eye(2)[drawn] * (agent in seen_by))
        np.testing.assert_array_equal(seen.state, np.eye(2)[drawn])
    check_env(game)


def test_both_matrices_are_drawn_equally_often_and_pay():
    game = two_matrices()
    starts = jax.vmap(game.reset)(jax.random.split(KEY, 1000))
    assert set(starts.state.tolist()) == {0, 1}
    assert abs(starts.state.mean() - 0.5) < 0.06  # four standard deviations
    _, outcome = jax.vmap(game.step, in_axes=(None, 0, None))(KEY, starts, jnp.array([0, 1]))
    np.testing.assert_array_equal(outcome.reward[:, 0], jnp.where(starts.state == 0, 8.0, 3.0))


def test_only_agents_that_are_there_can_see():
    with pytest.raises(QohortError, match=r"`seen_by` is \(0, 2\), but the agents are 0 and 1"):
        two_matrices(seen_by=(0, 2))


def test_states_are_drawn_as_the_table_says():
    """Chances depend on state and both actions; four standard deviations of 4000 draws are at most 0.032."""
    chances = np.random.default_rng(0).dirichlet(np.ones(3), size=(3, 2, 2))
    game = TabularGame(chances, np.zeros((3, 2, 2)), initial=[0.2, 0.5, 0.3])
    keys = jax.random.split(KEY, 4000)

    @jax.jit
    def shares(states):
        return jax.nn.one_hot(states, 3).mean(0)

    np.testing.assert_allclose(shares(jax.vmap(game.reset)(keys).state), [0.2, 0.5, 0.3], atol=0.032)
    step = jax.jit(jax.vmap(game.step, in_axes=(0, None, None)))
    start = game.reset(KEY)
    for state, ann, bob in [(0, 0, 1), (2, 1, 0)]:
        here = type(start)(state=jnp.int32(state), time=jnp.int32(0))
        reached, _ = step(keys, here, jnp.array([ann, bob]))
        np.testing.assert_allclose(shares(reached.state), chances[state, ann, bob], atol=0.032)


def test_what_is_impossible_never_happens():
    game = TabularGame([[[0.0, 1.0]], [[0.0, 1.0]]], [[0.0], [0.0]])
    reached, _ = jax.vmap(game.step, in_axes=(0, None, None))(
        jax.random.split(KEY, 2000), game.reset(KEY), jnp.array([0])
    )
    assert (reached.state == 1).all()


def test_an_episode_is_truncated_at_the_limit():
    _, outcomes = play(cycle(limit=3), (0,), (0,), (0,))
    assert [bool(outcome.truncated) for outcome in outcomes] == [False, False, True]
    assert not any(bool(outcome.terminated) for outcome in outcomes)
    assert [outcome.reward.tolist() for outcome in outcomes] == [[1], [2], [1]]


def test_an_episode_that_terminates_at_the_limit_is_not_truncated():
    _, outcomes = play(cycle(limit=1, terminal=[False, True]), (0,))
    assert outcomes[0].terminated
    assert not outcomes[0].truncated


def test_individual_rewards():
    moves = np.ones((1, 2, 3, 1))
    rewards = np.arange(12.0).reshape(2, 1, 2, 3)
    game = TabularGame(moves, rewards)
    assert game.spec.reward == "individual"
    _, [outcome] = play(game, (1, 2))
    np.testing.assert_array_equal(outcome.reward, [5, 11])
    np.testing.assert_array_equal(game.observe(jnp.int32(0)).avail, [[True, True, False], [True, True, True]])
    np.testing.assert_array_equal(game.tabular().rewards, rewards)
    check_env(game)


def test_observations_units_and_states():
    observations = np.arange(6.0).reshape(2, 1, 3)
    game = cycle(observations=observations, states=[[7.0], [8.0]], state_features=("seven up",))
    seen = game.observe(jnp.int32(1))
    np.testing.assert_array_equal(seen.obs, [[3, 4, 5]])
    np.testing.assert_array_equal(seen.units, [[3, 4, 5]])
    np.testing.assert_array_equal(seen.state, [8])
    assert game.spec.state_features == ("seven up",)
    assert game.spec.obs_features == ("feature 0", "feature 1", "feature 2")


def test_without_observations_everyone_sees_the_state():
    seen = cycle().observe(jnp.int32(1))
    np.testing.assert_array_equal(seen.obs, [[0, 1]])
    np.testing.assert_array_equal(seen.state, [0, 1])


def test_what_the_solver_reads_is_what_was_given():
    given = tables(
        [[[0.1, 0.9]], [[0.3, 0.7]]], [[1.0], [2.0]], terminal=[False, True], observations=np.ones((2, 1, 4))
    )
    game = TabularGame(given.transitions, given.rewards[0], terminal=given.terminal, observations=given.observations)
    read = game.tabular()
    np.testing.assert_allclose(read.transitions, given.transitions, atol=1e-7)
    np.testing.assert_allclose(read.transitions.sum(-1), 1.0, atol=1e-15)
    np.testing.assert_array_equal(read.terminal, given.terminal)
    np.testing.assert_array_equal(read.observations, given.observations)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"transitions": np.ones((2, 3))},
            r"`transitions` has the shape \(2, 3\), but it must be \[S, A1, ..., AN, S\]",
        ),
        ({"transitions": np.ones((2, 1, 3)) / 3}, r"`transitions` has the shape \(2, 1, 3\)"),
        ({"transitions": [[[1.5, -0.5]], [[1, 0]]]}, r"`transitions` is -0.5 at \[0, 0, 1\].* at least 0"),
        ({"transitions": [[[0, 1]], [[0.5, 0.4]]]}, r"`transitions` adds up to 0.9 at \[1, 0\].* add up to 1"),
        ({"transitions": [[[0, 1]], [[np.nan, 0]]]}, r"`transitions` is nan at \[1, 0, 0\]"),
        ({"rewards": [1.0, 2.0]}, r"`rewards` has the shape \(2,\).* \(2, 1\) .* \(1, 2, 1\)"),
        ({"rewards": [[1.0], [np.inf]]}, r"`rewards` is inf at \[1, 0\]; every reward must be finite"),
        ({"terminal": [0, 1]}, "`terminal` has the type int64.* a bool for each of the 2 states"),
        ({"terminal": [True]}, r"`terminal` has the type bool and the shape \(1,\)"),
        ({"initial": [1.0]}, r"`initial` has the shape \(1,\), but there are 2 states"),
        ({"initial": [0.5, 0.4]}, "`initial` adds up to 0.9"),
        (
            {"terminal": [False, True], "initial": [0.5, 0.5]},
            "`initial` gives the terminal state 1 the probability 0.5",
        ),
        (
            {"observations": np.ones((2, 2, 1))},
            r"`observations` has the shape \(2, 2, 1\).*\[S, N, O\] = \(2, 1, any\)",
        ),
        ({"states": np.ones((3, 1))}, r"`states` has the shape \(3, 1\).*\[S, F\] = \(2, any\)"),
        ({"actions": ("a", "b")}, "`actions` holds 2 names, but the tables have 1"),
        ({"limit": 0}, "`limit` is 0"),
    ],
)
def test_bad_tables_get_a_sentence(changes, sentence):
    good = {"transitions": [[[0.0, 1.0]], [[1.0, 0.0]]], "rewards": [[1.0], [2.0]]}
    with pytest.raises(QohortError, match=sentence):
        TabularGame(**{**good, **changes})
