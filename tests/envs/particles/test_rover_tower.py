"""Rover-Tower by hand: two pairs, two landmarks."""

import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import check_env
from qohort.envs.particles import RoverTower
from qohort.envs.particles.rover_tower import RoverTowerState
from qohort.errors import QohortError

STAY, RIGHT = 0, 1
A, B, C = 5, 6, 7
KEY = jax.random.key(0)
TWO = RoverTower(pairs=2, landmarks=2, symbols=3)
step = eqx.filter_jit(lambda env, state, actions: env.step(KEY, state, jnp.array(actions)))
observe = eqx.filter_jit(lambda env, state: env.observe(state))


def moment():
    """Rover 1 follows tower 2, which means landmark 1; rover 2 follows tower 1, which means landmark 2."""
    return RoverTowerState(
        position=jnp.array([[0.0, 0.0], [0.5, 0.0]]),
        velocity=jnp.zeros((2, 2)),
        landmarks=jnp.array([[0.3, 0.0], [0.5, 1.0]]),
        goal=jnp.array([1, 0], jnp.int32),
        tower=jnp.array([1, 0], jnp.int32),
        said=jnp.array([-1, -1], jnp.int32),
        time=jnp.int32(0),
    )


def test_a_pair_is_paid_by_the_distance_and_for_being_near():
    _, outcome = step(TWO, moment(), [STAY, STAY, A, A])
    # 0.3 away, and 0.09 is less than 0.1725; 1 away. Tower 1 shares with rover 2, tower 2 with rover 1.
    np.testing.assert_allclose(outcome.reward, [9.91, -1, -1, 9.91], rtol=1e-6)
    assert outcome.metrics == {"won": 0, "arrived": 0.5}


def test_a_rover_that_moves_gets_nearer():
    state, outcome = step(TWO, moment(), [RIGHT, STAY, A, A])
    np.testing.assert_allclose(state.position, [[0.0225, 0], [0.5, 0]], rtol=1e-6)
    np.testing.assert_allclose(outcome.reward[0], 10 - 0.2775**2, rtol=1e-6)


@pytest.mark.parametrize(("square", "reward"), [(0.17, 9.83), (0.175, -0.175)])
def test_near_is_a_squared_distance_below_1_5_sums_of_radii(square, reward):
    state = eqx.tree_at(lambda s: s.position, moment(), jnp.array([[0.3 - np.sqrt(square), 0.0], [0.5, 0.0]]))
    _, outcome = step(TWO, state, [STAY, STAY, A, A])
    np.testing.assert_allclose(outcome.reward[0], reward, rtol=1e-5)


def test_the_bonus_and_how_near_it_begins_can_be_chosen():
    env = RoverTower(pairs=2, landmarks=2, symbols=3, bonus=2.0, near=1.1)
    _, outcome = step(env, moment(), [STAY, STAY, A, A])
    np.testing.assert_allclose(outcome.reward, [1.91, 1, 1, 1.91], rtol=1e-6)  # at 0.09 and at 1


def test_all_rovers_near_their_landmarks_have_won():
    state = eqx.tree_at(lambda s: s.position, moment(), jnp.array([[0.3, 0.1], [0.5, 0.9]]))
    _, outcome = step(TWO, state, [STAY, STAY, A, A])
    assert outcome.metrics == {"won": 1, "arrived": 1}


def test_rovers_drive_through_each_other():
    state = eqx.tree_at(lambda s: s.position, moment(), jnp.array([[0.4, 0.0], [0.45, 0.0]]))
    state, _ = step(TWO, state, [STAY, STAY, A, A])
    np.testing.assert_allclose(state.position, [[0.4, 0], [0.45, 0]])


def test_the_reward_of_the_team_is_the_sum_over_pairs():
    team = RoverTower(pairs=2, landmarks=2, symbols=3, reward="team")
    _, outcome = step(team, moment(), [STAY, STAY, A, A])
    np.testing.assert_allclose(outcome.reward, [8.91], rtol=1e-6)


def test_a_rover_hears_its_own_tower_alone():
    silent = observe(TWO, moment())
    assert not silent.obs[:2, 6:9].any()
    state, _ = step(TWO, moment(), [RIGHT, STAY, A, C])
    seen = observe(TWO, state)
    #                                    partner  own place and speed     hears C   of towers
    np.testing.assert_allclose(seen.obs[0], [0, 1, 0.0225, 0, 0.225, 0, 0, 0, 1, 0, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(seen.obs[1], [1, 0, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], rtol=1e-6)


def test_a_tower_sees_its_rover_and_the_goal():
    seen = observe(TWO, moment())
    np.testing.assert_allclose(seen.obs[2], [0, 1, *[0] * 7, 0.5, 0, 0.5, 1], rtol=1e-6)
    np.testing.assert_allclose(seen.obs[3], [1, 0, *[0] * 7, 0, 0, 0.3, 0], rtol=1e-6)


def test_rovers_do_not_know_the_goal():
    state = moment()
    elsewhere = eqx.tree_at(lambda s: (s.landmarks, s.goal), state, (-state.landmarks, 1 - state.goal))
    np.testing.assert_array_equal(observe(TWO, state).obs[:2], observe(TWO, elsewhere).obs[:2])


def test_rovers_move_and_towers_speak():
    seen = observe(TWO, moment())
    moves = [True] * 5 + [False] * 3
    np.testing.assert_array_equal(seen.avail, [moves, moves, np.logical_not(moves), np.logical_not(moves)])
    assert TWO.spec.groups == ("rover", "rover", "tower", "tower")
    assert TWO.spec.actions == ("stay", "go right", "go left", "go up", "go down", "say A", "say B", "say C")


def test_the_state_tells_who_is_with_whom():
    state, _ = step(TWO, moment(), [STAY, STAY, B, C])
    seen = observe(TWO, state)
    units = [
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0.5, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0.5, 1, 0, 1, 0],
        [0, 0, 0, 0, 0.3, 0, 0, 0, 1],
    ]
    np.testing.assert_allclose(seen.units, units, rtol=1e-6)
    np.testing.assert_allclose(seen.state, [1 / 25, *np.ravel(units), 0, 1, 1, 0, 0.3, 0, 0.5, 1], rtol=1e-6)


@pytest.mark.parametrize("which", range(2))
def test_as_the_published_environment_has_it(which):
    """Moments, and what MAAC's environment made of them."""
    moments = json.loads((pathlib.Path(__file__).parent / "moments.json").read_text())
    now = moments["rover-tower"][which]
    then, env = now["then"], RoverTower()
    state = RoverTowerState(
        position=jnp.array(now["position"]),
        velocity=jnp.array(now["velocity"]),
        landmarks=jnp.array(now["landmarks"]),
        goal=jnp.array(now["goal"], jnp.int32),
        tower=jnp.array(now["tower"], jnp.int32),
        said=jnp.full(4, -1, jnp.int32),
        time=jnp.int32(0),
    )
    after, outcome = step(env, state, now["actions"])
    np.testing.assert_allclose(after.position, then["position"], atol=1e-5)
    np.testing.assert_allclose(after.velocity, then["velocity"], atol=1e-5)
    np.testing.assert_allclose(outcome.reward, then["reward"], atol=1e-5)
    seen = observe(env, after).obs
    assert seen[:4, 8:13].argmax(axis=1).tolist() == then["heard"]
    partner = np.argsort(now["tower"])  # of each tower, a rover
    np.testing.assert_allclose(seen[4:, -4:-2], np.asarray(then["position"])[partner], atol=1e-5)


def test_the_published_sizes():
    spec = RoverTower().spec
    assert (spec.n_agents, spec.n_actions, spec.obs_size, spec.limit) == (8, 5 + 5, 4 + 4 + 5 + 4, 25)


def test_episodes_pair_anew_and_goals_may_be_the_same():
    env = RoverTower()
    starts = eqx.filter_jit(lambda env, keys: jax.vmap(env.reset)(keys))(env, jax.random.split(KEY, 600))
    towers, goals = np.asarray(starts.tower), np.asarray(starts.goal)
    assert (np.sort(towers, axis=1) == np.arange(4)).all()
    # Each of 24 pairings about 25 times, each of 6 landmarks for a sixth of 2400 towers
    assert len({tuple(row) for row in towers.tolist()}) == 24
    np.testing.assert_allclose(np.bincount(goals.ravel(), minlength=6), 400, atol=90)
    assert (np.abs(starts.position) <= 1).all()


def test_what_holds_in_any_game():
    env = RoverTower()

    @eqx.filter_jit
    def play(env, key):
        def one(state, key):
            avail = env.observe(state).avail
            actions = jax.random.categorical(key, jnp.where(avail, 0.0, -jnp.inf))
            reached, outcome = env.step(key, state, actions)
            return reached, (reached, actions, outcome)

        return jax.lax.scan(one, env.reset(key), jax.random.split(key, 25))[1]

    states, actions, outcome = jax.tree.map(np.asarray, play(env, jax.random.key(2)))
    np.testing.assert_array_equal(states.said, actions[:, 4:] - 5)
    for t in range(25):
        for rover in range(4):
            tower = states.tower[t, rover]
            goal = states.landmarks[t, states.goal[t, tower]]
            square = ((states.position[t, rover] - goal) ** 2).sum()
            expected = -square + (10 if square < 0.1725 else 0)
            np.testing.assert_allclose(outcome.reward[t, [rover, 4 + tower]], expected, rtol=1e-4)
    assert (states.tower == states.tower[0]).all()
    assert outcome.truncated.tolist() == [False] * 24 + [True]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        *(({name: 0}, f"`{name}` is 0") for name in ("pairs", "landmarks", "symbols", "limit")),
        *(({name: -1.0}, f"`{name}` is -1") for name in ("bonus", "near", "acceleration", "top_speed")),
        ({"symbols": 27}, "`symbols` is 27.*at most 26"),
    ],
)
def test_games_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=words):
        RoverTower(**option)


def test_another_game_keeps_the_contract():
    check_env(RoverTower(pairs=1, landmarks=1, symbols=1, limit=3))
