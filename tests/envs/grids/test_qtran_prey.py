"""QTRAN's predator-prey by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import make
from qohort.envs.check import check_form
from qohort.envs.grids import QtranPrey
from qohort.envs.grids.qtran_prey import STAY, Chase
from qohort.errors import QohortError
from qohort.scene import Labels, Lines
from tests.envs.grids.pictures import at, places

UP, LEFT, _, RIGHT, DOWN = range(5)
KEY = jax.random.key(0)
KEYS = jax.random.split(KEY, 64)
THREE = QtranPrey(predators=3, prey=2, size=5, punishment=1.5)
steps = eqx.filter_jit(lambda env, state, actions: jax.vmap(lambda key: env.step(key, state, actions))(KEYS))
observe = eqx.filter_jit(lambda env, state: env.observe(state))

BOXED = """
a 1 . . .
2 . . . .
. . . . .
. . . . 3
. . . . b
"""


def chase(picture, env=THREE):
    """Digits are predators, letters prey."""
    zero = jnp.int32(0)
    return Chase(
        predators=places(env.board, picture, "123456789"[: env.spec.n_agents]),
        prey=places(env.board, picture, "abcdefgh"[: env.prey]),
        free=jnp.ones(env.prey, bool),
        time=zero,
        captures=zero,
        lone=zero,
    )


def test_two_beside_prey_capture_it_and_one_pays():
    """a cannot move; b stays beside 3, or leaves it to the left, out of reach."""
    _, outcome = steps(THREE, chase(BOXED), jnp.full(3, STAY))
    assert set(outcome.reward[:, 0].tolist()) == {1.0, -0.5}
    np.testing.assert_array_equal(outcome.metrics["captures"], np.ones(64))
    np.testing.assert_array_equal(outcome.metrics["lone"], outcome.reward[:, 0] < 0)
    assert 0.6 < outcome.metrics["lone"].mean() <= 0.95  # 4 of 5 whims leave b where it is
    assert not outcome.terminated.any()


def test_captured_prey_comes_back_in_a_cell_that_was_free():
    reached, _ = steps(THREE, chase(BOXED), jnp.full(3, STAY))
    back = {at(THREE.board, place) for place in reached.prey[:, 0]}
    assert len(back) > 10
    assert not back & {(0, 0), (0, 1), (1, 0), (3, 4)}
    assert reached.free.all()
    assert (reached.prey[:, 0] != reached.prey[:, 1]).all()


def test_without_a_return_the_last_capture_wins():
    env = QtranPrey(predators=2, prey=1, size=3, respawn=False)
    state, outcome = eqx.filter_jit(env.step)(KEY, chase("a 1 .\n 2 . .\n . . .", env), jnp.full(2, STAY))
    assert outcome.terminated
    assert outcome.metrics == {"won": 1, "captures": 1, "lone": 0}
    seen = env.observe(state)
    np.testing.assert_array_equal(seen.obs[:, -2:], np.zeros((2, 2)))
    assert seen.state[-1] == 0
    check_form(env)


def test_everybody_in_a_queue_moves_and_the_lower_number_goes_first():
    state = chase("""
    . . . . .
    1 2 . 3 .
    . . . . .
    . . . . .
    a . . . b
    """)
    reached, _ = steps(THREE, state, jnp.array([RIGHT, RIGHT, LEFT]))
    assert [at(THREE.board, place) for place in reached.predators[0]] == [(1, 1), (1, 2), (1, 3)]
    reached, _ = steps(THREE, state, jnp.array([RIGHT, LEFT, UP]))
    assert [at(THREE.board, place) for place in reached.predators[0]] == [(1, 0), (1, 1), (0, 3)]


def test_prey_goes_anywhere_or_stays():
    state = chase("""
    . . . . .
    . a . . .
    . . . . .
    1 2 3 . .
    . . . . b
    """)
    reached, _ = steps(THREE, state, jnp.full(3, DOWN))
    went = [at(THREE.board, place) for place in reached.prey[:, 0]]
    assert set(went) == {(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)}
    assert max(went.count(cell) for cell in set(went)) < 25
    corner = {at(THREE.board, place) for place in reached.prey[:, 1]}
    assert corner == {(4, 4), (3, 4), (4, 3)}


def test_what_is_seen_of_the_whole_board():
    seen = observe(THREE, chase(BOXED))
    #  own place from the middle, then how far the others are, in widths of the board
    np.testing.assert_allclose(seen.obs[0, :2], [-0.5, -0.3])
    np.testing.assert_allclose(seen.obs[0, 2:8].reshape(3, 2), [[0, 0], [0.2, -0.2], [0.6, 0.6]], atol=1e-6)
    np.testing.assert_allclose(seen.obs[0, 8:].reshape(2, 2), [[0, -0.2], [0.8, 0.6]], atol=1e-6)
    np.testing.assert_allclose(seen.state[:2], [-0.5, -0.3])
    np.testing.assert_allclose(seen.state[-4:], [0.3, 0.3, 1, 1], atol=1e-6)
    np.testing.assert_array_equal(seen.units[:, 2], [1, 1, 1])
    assert seen.avail.all()


def test_what_is_seen_with_a_vision():
    env = QtranPrey(predators=3, prey=2, size=5, vision=1)
    seen = observe(env, chase(BOXED, env))
    first = {env.spec.obs_features[k] for k in np.flatnonzero(seen.obs[0]) if k > 1}
    assert first == {"edge at -1, -1", "edge at -1, +0", "edge at -1, +1", "prey at +0, -1", "predator at +0, +0"} | {
        "predator at +1, -1"
    }


@eqx.filter_jit
def wander(env, key):
    def one(state, key):
        action_key, step_key = jax.random.split(key)
        actions = jax.random.randint(action_key, (env.spec.n_agents,), 0, 5)
        reached, outcome = env.step(step_key, state, actions)
        return reached, (reached, outcome)

    return jax.lax.scan(one, env.reset(key), jax.random.split(key, 100))[1]


def test_nobody_shares_a_cell_and_the_rewards_are_those_of_the_counts():
    env = QtranPrey(predators=4)
    states, outcomes = wander(env, KEY)
    everybody = np.concatenate([states.predators, states.prey], axis=1)
    assert all(len(set(where)) == 6 for where in everybody.tolist())
    assert set(everybody.ravel().tolist()) <= set(env.board.inner.tolist())
    assert states.captures[-1] >= 3
    np.testing.assert_allclose(np.cumsum(outcomes.reward[:, 0]), states.captures - 0.5 * states.lone)
    assert outcomes.truncated.tolist() == [False] * 99 + [True]


def test_the_boards_of_the_paper():
    sizes = [(env.board.size, env.prey) for env in (QtranPrey(predators=2), QtranPrey(predators=4))]
    assert sizes == [(5, 1), (7, 2)]


def test_every_episode_begins_elsewhere():
    states = jax.vmap(THREE.reset)(jax.random.split(KEY, 200))
    for places_ in (states.predators, states.prey):
        assert set(np.unique(places_)) == set(THREE.board.inner)


def test_prey_that_does_not_come_back_needs_no_room_for_it():
    env = QtranPrey(predators=2, prey=2, size=2, respawn=False)
    assert env.spec.metrics[0] == "won"


def test_the_picture_shows_who_is_beside_prey():
    reach = THREE.scene(chase(BOXED)).layers[2]
    assert isinstance(reach, Lines)
    assert np.asarray(reach.visible).sum() == 3  # predators 1 and 2 beside prey a, predator 3 beside b
    numbers = THREE.scene(chase(BOXED)).layers[-2]
    assert isinstance(numbers, Labels)
    assert numbers.texts == ("1", "2", "3")


def test_pages_do_not_grow_with_the_captures_that_there_may_be():
    env = QtranPrey(predators=2, limit=10**6)
    counted = env.scene(env.reset(KEY)).layers[-1]
    assert isinstance(counted, Labels)
    assert counted.texts[-1] == "captures: 1000 or more"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"predators": 1}, "`predators` is 1, but it must be at least 2"),
        ({"prey": 0}, "`prey` is 0"),
        ({"size": 1}, "`size` is 1"),
        ({"prey": 2, "size": 2}, "6 cells are needed for 2 predators, 2 prey, and as many to come back"),
        ({"prey": 2, "size": 1, "respawn": False}, "`size` is 1"),
        ({"prey": 3, "size": 2, "respawn": False}, "5 cells are needed for 2 predators, 3 prey,"),
        ({"density": 2.0}, "`density` is 2"),
        ({"size": 7, "density": 0.5}, "`size` is 7 and `density` 0.5, but the size of the board is given by one"),
        ({"punishment": -0.5}, "`punishment` is -0.5, but it must be at least 0"),
        ({"vision": 0}, "`vision` is 0"),
        ({"limit": 0}, "`limit` is 0"),
    ],
)
def test_chases_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=f"pursuit/qtran-prey: {words}"):
        make("pursuit/qtran-prey", **option)
