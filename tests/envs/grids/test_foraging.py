"""Level-based foraging by hand."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import make
from qohort.envs.grids import Foraging
from qohort.envs.grids.foraging import LOAD, NONE, Forage
from qohort.errors import QohortError
from qohort.scene import Labels
from tests.envs.grids.pictures import at, places

NORTH, SOUTH, WEST, EAST = range(1, 5)
KEY = jax.random.key(0)
THREE = Foraging(size=6, players=3, foods=2, penalty=0.25, reward="individual", limit=3)
step = eqx.filter_jit(lambda env, state, actions: env.step(KEY, state, actions))
observe = eqx.filter_jit(lambda env, state: env.observe(state))

MEAL = """
. . . . . .
1 a 2 . . .
. . . . . .
. . . . b 3
. . . . . .
. . . . . .
"""


def forage(picture, *, levels=(1, 2, 2), foods=(3, 2), env=THREE):
    """Digits are players, letters food."""
    return Forage(
        players=places(env.board, picture, "12345"[: env.spec.n_agents]),
        levels=jnp.array(levels),
        foods=places(env.board, picture, "abcde"[: env.foods]),
        food_levels=jnp.array(foods),
        grown=jnp.int32(sum(foods)),
        time=jnp.int32(0),
    )


def play(state, *actions, env=THREE):
    return step(env, state, jnp.array(actions))


def where(state, env=THREE):
    return [at(env.board, place) for place in state.players]


def test_food_is_shared_by_level():
    """1 and 2, of the levels 1 and 2, get 3 of all 5 levels; 3 gets the other 2."""
    state, outcome = play(forage(MEAL), LOAD, LOAD, NONE)
    np.testing.assert_allclose(outcome.reward, [1 / 3 * 3 / 5, 2 / 3 * 3 / 5, 0], rtol=1e-6)
    assert state.food_levels.tolist() == [0, 2]
    np.testing.assert_allclose(outcome.metrics["share"], 3 / 5, rtol=1e-6)
    assert not outcome.terminated
    _, outcome = play(state, NONE, NONE, LOAD)
    np.testing.assert_allclose(outcome.reward, [0, 0, 2 / 5], rtol=1e-6)
    assert outcome.terminated
    assert outcome.metrics == {"won": 1, "share": 1}


def test_a_team_gets_the_sum():
    env = Foraging(size=6, players=3, foods=2, limit=3)
    _, outcome = play(forage(MEAL), LOAD, LOAD, LOAD, env=env)
    np.testing.assert_allclose(outcome.reward, [1.0], rtol=1e-6)
    assert outcome.terminated


def test_too_few_lose_the_penalty_and_the_food_stays():
    state, outcome = play(forage(MEAL), NONE, LOAD, LOAD)
    np.testing.assert_allclose(outcome.reward, [0, -0.25, 2 / 5], rtol=1e-6)
    assert state.food_levels.tolist() == [3, 0]


def test_loading_is_at_the_time_of_those_beside_who_load():
    """3 walks away from b, 2 does nothing: nobody helps 1."""
    _, outcome = play(forage(MEAL), LOAD, NONE, NORTH)
    np.testing.assert_allclose(outcome.reward, [-0.25, 0, 0])


CROWD = """
. . . . . .
1 . 2 . . .
. . . . . .
. a . . b .
3 . . . . .
. . . . . .
"""


def test_who_would_be_in_one_cell_stays_and_swaps_are_allowed():
    state = forage(CROWD)
    reached, _ = play(state, EAST, WEST, NONE)
    assert where(reached) == [(1, 0), (1, 2), (4, 0)]
    reached, _ = play(state, EAST, NONE, SOUTH)
    assert where(reached) == [(1, 1), (1, 2), (5, 0)]
    reached, _ = play(reached, EAST, WEST, NONE)
    assert where(reached) == [(1, 2), (1, 1), (5, 0)]
    reached, _ = play(reached, NONE, EAST, NONE)
    assert where(reached) == [(1, 2), (1, 1), (5, 0)]


def test_a_cell_is_shared_if_who_wanted_to_leave_it_could_not():
    state = forage("""
    . . . . . .
    1 2 . 3 . .
    . . . . . .
    . a . . b .
    . . . . . .
    . . . . . .
    """)
    reached, _ = play(state, EAST, EAST, WEST)
    assert where(reached) == [(1, 1), (1, 1), (1, 3)]


def test_what_is_possible():
    seen = observe(THREE, forage(MEAL))
    #                        none  north south west   east   load
    np.testing.assert_array_equal(seen.avail[0], [True, True, True, False, False, True])
    np.testing.assert_array_equal(seen.avail[1], [True, True, True, False, True, True])
    np.testing.assert_array_equal(seen.avail[2], [True, True, True, False, False, True])
    np.testing.assert_array_equal(observe(THREE, forage(CROWD)).avail[1], [True] * 5 + [False])


def test_without_a_mask_impossible_actions_do_nothing():
    env = Foraging(size=6, players=3, foods=2, masked=False, limit=3)
    state = forage(MEAL)
    assert observe(env, state).avail.all()
    reached, outcome = play(state, EAST, WEST, EAST, env=env)
    assert where(reached) == where(state)
    assert outcome.reward.tolist() == [0]
    reached, _ = play(forage(CROWD), LOAD, LOAD, LOAD, env=env)
    assert reached.food_levels.tolist() == [3, 2]


def test_what_is_seen_of_the_whole_board():
    seen = observe(THREE, forage(MEAL))
    food, players = seen.obs[1, :6].reshape(2, 3), seen.obs[1, 6:].reshape(3, 3)
    np.testing.assert_array_equal(food, [[1, 1, 3], [3, 4, 2]])
    np.testing.assert_array_equal(players, [[1, 2, 2], [1, 0, 1], [3, 5, 2]])
    np.testing.assert_allclose(seen.state[:6], [1 / 5, 1 / 5, 3 / 6, 3 / 5, 4 / 5, 2 / 6], rtol=1e-6)
    np.testing.assert_allclose(seen.units[2], [3 / 5, 1, 2 / 6, 2 / 6], rtol=1e-6)
    seen = observe(THREE, forage(MEAL, foods=(0, 2)))
    np.testing.assert_array_equal(seen.obs[1, :6].reshape(2, 3), [[3, 4, 2], [-1, -1, 0]])
    assert not seen.state[:3].any()


def test_what_is_seen_in_sight():
    """Counted from the upper left corner of the view, which ends at the edge of the board."""
    env = Foraging(size=6, players=3, foods=2, sight=2, limit=3)
    state = forage(
        """
        . . . . . .
        . . . 1 . .
        . a . . . .
        . . . . . .
        . . . . b 3
        . 2 . . . .
        """
    )
    seen = observe(env, state)
    np.testing.assert_array_equal(seen.obs[0, :6].reshape(2, 3), [[2, 0, 3], [-1, -1, 0]])
    np.testing.assert_array_equal(seen.obs[0, 6:].reshape(3, 3), [[1, 2, 1], [4, 4, 2], [-1, -1, 0]])
    np.testing.assert_array_equal(seen.obs[2, :6].reshape(2, 3), [[2, 1, 2], [-1, -1, 0]])
    np.testing.assert_array_equal(seen.obs[2, 6:].reshape(3, 3), [[2, 2, 2], [-1, -1, 0], [-1, -1, 0]])


def resets(env, n=200):
    return jax.jit(jax.vmap(env.reset))(jax.random.split(KEY, n))


def test_food_grows_off_the_edge_apart_and_with_fitting_levels():
    env = Foraging(size=10, players=4, foods=4)
    states = resets(env)
    row, column = (np.asarray(x) - env.board.rim for x in np.divmod(states.foods, env.board.width))
    assert row.min() == column.min() == 1
    assert row.max() == column.max() == 8
    down, right = (np.abs(x[:, :, None] - x[:, None, :]) for x in (row, column))
    apart = down + right + 9 * np.eye(4, dtype=int)[None]
    assert apart.min() == 3
    assert not (np.asarray(states.foods)[:, :, None] == np.asarray(states.players)[:, None, :]).any()
    most = np.sort(states.levels, axis=1)[:, :3].sum(1)
    assert set(np.unique(states.levels)) == {1, 2}
    assert (states.food_levels >= 1).all()
    assert (np.asarray(states.food_levels) <= most[:, None]).all()
    assert (np.asarray(states.food_levels).max(1) < most).any()


def test_every_episode_begins_elsewhere():
    env = Foraging(size=5, players=2, foods=1)
    states = resets(env)
    assert set(np.unique(states.players)) == set(env.board.inner)
    assert len(np.unique(states.foods)) == 9


def test_levels_are_drawn_up_to_those_that_are_asked_for():
    states = resets(Foraging(size=8, max_player_level=4, max_food_level=3))
    assert set(np.unique(states.levels)) == {1, 2, 3, 4}
    assert set(np.unique(states.food_levels)) == {1, 2, 3}


def test_great_levels_are_shared_as_small_ones_are():
    env = Foraging(size=6, players=3, foods=2, reward="individual", max_player_level=20_000)
    state = forage(MEAL, levels=(20_000, 20_000, 1), foods=(40_000, 40_000), env=env)
    _, outcome = play(state, LOAD, LOAD, NONE, env=env)
    np.testing.assert_allclose(outcome.reward, [0.25, 0.25, 0.0], rtol=1e-6)


def test_the_picture_shows_levels_strength_and_everybody():
    """Two share a cell beside food a; of the strength that it needs half is there."""
    state = forage(MEAL, levels=(1, 1, 2), foods=(4, 2))
    together = eqx.tree_at(lambda s: s.players, state, state.players.at[1].set(state.players[0]))
    layers: Any = THREE.scene(together).layers
    *_, marks, levels, enough, counted = layers
    assert [levels.texts[int(which)] for which in levels.which] == ["4", "2", "1", "1", "2"]
    np.testing.assert_allclose(enough.full, [0.5, 1.0])
    assert not np.allclose(marks.centre[2], marks.centre[3])
    alone: Any = THREE.scene(state).layers[2]
    np.testing.assert_allclose((marks.centre[2] + marks.centre[3]) / 2, alone.centre[2], rtol=1e-6)
    assert counted.texts[int(counted.which[0])] == "food left: 2"


def test_pages_do_not_grow_with_levels():
    scene = Foraging(max_food_level=10**6, max_player_level=10**6).scene(Foraging().reset(KEY))
    assert max(len(layer.texts) for layer in scene.layers if isinstance(layer, Labels)) <= 1001


def test_all_food_of_a_cooperative_game_has_the_greatest_level():
    states = resets(make("foraging/8x8-2p-2f-coop"))
    np.testing.assert_array_equal(states.food_levels, np.repeat(np.asarray(states.levels).sum(1)[:, None], 2, axis=1))


def test_no_more_food_grows_than_there_is_room_for():
    env = Foraging(size=4, players=2, foods=3)
    states = resets(env, 50)
    growing = np.asarray(states.food_levels) > 0
    assert growing.sum(1).max() == 1
    np.testing.assert_array_equal(states.grown, (states.food_levels * growing).sum(1))
    eaten, outcome = play(jax.tree.map(lambda leaf: leaf[0], states), NONE, NONE, env=env)
    assert jnp.isfinite(env.observe(eaten).obs).all()
    assert 0 <= outcome.metrics["share"] <= 1


@eqx.filter_jit
def wander(env, key):
    def one(state, key):
        avail = env.observe(env.snapshot(state)).avail
        actions = jax.random.categorical(key, jnp.where(avail, 0.0, -jnp.inf))
        reached, outcome = env.step(key, state, actions)
        return reached, (reached, outcome)

    return jax.lax.scan(one, env.reset(key), jax.random.split(key, 300))[1]


def test_all_food_brings_1_however_it_is_eaten():
    env = Foraging(size=5, players=3, foods=2, reward="individual", limit=300)
    states, outcomes = jax.vmap(lambda key: wander(env, key))(jax.random.split(KEY, 8))
    eaten = 1 - np.asarray(states.food_levels).sum(2) / np.asarray(states.grown)
    np.testing.assert_allclose(np.cumsum(outcomes.reward.sum(2), axis=1), eaten, atol=1e-5)
    assert (outcomes.reward >= 0).all()
    assert eaten[:, -1].max() == 1
    assert set(np.unique(states.players)) <= set(env.board.inner.tolist())


@pytest.mark.parametrize("name", ["8x8-2p-2f-2s-coop", "10x10-3p-3f", "15x15-4p-5f"])
def test_names_tell_the_sizes(name):
    env = make(f"foraging/{name}")
    assert isinstance(env, Foraging)
    assert env.spec.name == f"foraging/{name}"
    assert f"{env.board.size}x{env.board.size}-{env.spec.n_agents}p-{env.foods}f" in name


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"size": 2}, "2x2-2p-2f: `size` is 2, but it must be at least 3"),
        ({"size": 3}, "3x3-2p-2f: `size` 3 leaves 1 cells off the edge, .* 2 players may stand .* take at least 4"),
        ({"size": 5, "players": 9}, "5x5-9p-2f: `size` 5 leaves 9 cells .* take at least 6"),
        ({"coop": True, "max_food_level": 7}, "8x8-2p-2f-coop: `max_food_level` is 7, .* at most level 2 can lift 4"),
        ({"players": 0}, "8x8-0p-2f: `players` is 0"),
        ({"foods": 0}, "8x8-2p-0f: `foods` is 0"),
        ({"sight": 0}, "8x8-2p-2f-0s: `sight` is 0"),
        ({"max_player_level": 0}, "8x8-2p-2f: `max_player_level` is 0"),
        ({"max_food_level": 0}, "8x8-2p-2f: `max_food_level` is 0"),
        ({"penalty": -0.1}, "8x8-2p-2f: `penalty` is -0.1"),
        ({"limit": 0}, "8x8-2p-2f: `limit` is 0"),
        ({"reward": "mean"}, '8x8-2p-2f: `reward` is \'mean\', but it must be "team" or "individual"'),
    ],
)
def test_games_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=f"foraging/{words}"):
        Foraging(**option)
