"""The stag hunt by hand: who catches, who leaves, who goes where."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import make
from qohort.envs.grids import StagHunt
from qohort.envs.grids.stag_hunt import CATCH, STAY, Hunt
from qohort.errors import QohortError
from qohort.scene import Lines
from tests.envs.grids.pictures import at, places

RIGHT, DOWN, LEFT, UP = range(4)
KEY = jax.random.key(0)
KEYS = jax.random.split(KEY, 64)
FOUR = StagHunt(hunters=4, stags=2, size=4, sight=1, limit=3)
step = eqx.filter_jit(lambda env, state, actions, key: env.step(key, state, actions))
steps = eqx.filter_jit(lambda env, state, actions: jax.vmap(lambda key: env.step(key, state, actions))(KEYS))
observe = eqx.filter_jit(lambda env, state: env.observe(state))


def hunt(picture, env=FOUR):
    """Digits are hunters, letters stags."""
    hunters, stags = "123456789"[: env.spec.n_agents], "abcdefgh"[: env.stags]
    return Hunt(
        hunters=places(env.board, picture, hunters),
        hunting=jnp.ones(len(hunters), bool),
        stags=places(env.board, picture, stags),
        free=jnp.ones(len(stags), bool),
        time=jnp.int32(0),
        lone=jnp.int32(0),
    )


def play(state, *actions, env=FOUR):
    return step(env, state, jnp.array(actions), KEY)


PAIR = """
. 1 a 2
. . . .
3 . . .
. 4 . b
"""


def test_two_catch_a_stag_and_leave_with_it():
    state, outcome = play(hunt(PAIR), CATCH, CATCH, UP, STAY)
    assert outcome.reward.tolist() == [10]
    assert state.hunting.tolist() == [False, False, True, True]
    assert state.free.tolist() == [False, True]
    assert outcome.metrics == {"won": 0, "caught": 1, "lone": 0}
    assert not outcome.terminated
    seen = observe(FOUR, state)
    assert seen.alive.tolist() == state.hunting.tolist()
    np.testing.assert_array_equal(seen.avail[0], [a == STAY for a in range(6)])
    assert not seen.obs[:2].any()
    assert not seen.units[:2].any()


@pytest.mark.parametrize("punishment", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_a_lone_catch_is_punished(punishment):
    env = StagHunt(hunters=4, stags=2, size=4, sight=1, limit=3, punishment=punishment)
    state, outcome = play(hunt(PAIR), CATCH, STAY, STAY, STAY, env=env)
    assert outcome.reward.tolist() == [-punishment]
    assert outcome.metrics == {"won": 0, "caught": 0, "lone": 1}
    assert state.hunting.all()
    assert state.free.all()


def test_one_who_left_with_a_stag_does_not_try_for_the_next():
    """1 can try both. If a comes first, it is caught and nobody is left beside b, else b costs 2."""
    state = hunt("""
    . 2 . .
    . a 1 b
    . . . .
    3 . . 4
    """)
    reached, outcome = steps(FOUR, state, jnp.array([CATCH, CATCH, STAY, STAY]))
    assert set(outcome.reward[:, 0].tolist()) == {10.0, 8.0}
    assert 0.3 < (outcome.reward == 10).mean() < 0.7
    np.testing.assert_array_equal(reached.lone == 1, outcome.reward[:, 0] == 8)
    assert (reached.hunting.sum(1) == 2).all()
    assert (reached.free.sum(1) == 1).all()


def test_a_stag_goes_where_one_who_left_was_if_its_turn_is_later():
    """b has no way but the cell of 2, who leaves with a."""
    state = hunt("""
    1 a 2 b
    . . 3 4
    . . . .
    . . . .
    """)
    reached, _ = steps(FOUR, state, jnp.array([CATCH, CATCH, STAY, STAY]))
    went = {at(FOUR.board, place) for place in reached.stags[:, 1]}
    assert went == {(0, 3), (0, 2)}


def test_a_stag_goes_to_any_free_cell_beside_it_and_stays_if_there_is_none():
    state = hunt("""
    a . . .
    . 1 4 .
    . 3 b 2
    . . . .
    """)
    reached, _ = steps(FOUR, state, jnp.full(4, STAY))
    corner = [at(FOUR.board, place) for place in reached.stags[:, 0]]
    assert set(corner) == {(0, 1), (1, 0)}
    assert 0.3 < np.mean([cell == (0, 1) for cell in corner]) < 0.7
    assert {at(FOUR.board, place) for place in reached.stags[:, 1]} == {(3, 2)}
    boxed = hunt("""
    a 1 . .
    2 . . .
    . . . b
    3 4 . .
    """)
    reached, _ = steps(FOUR, boxed, jnp.full(4, STAY))
    assert (reached.stags[:, 0] == boxed.stags[0]).all()


def test_resting_stags_stay():
    env = StagHunt(hunters=4, stags=2, size=4, sight=1, limit=3, rest=1.0)
    state = hunt(PAIR)
    reached, _ = steps(env, state, jnp.full(4, STAY))
    assert (reached.stags == state.stags[None]).all()


def test_stags_rest_as_often_as_is_asked():
    """Stag b may go to two cells; 64 keys with a rest of 0.5 leave it where it is some 32 times, 16 ± 4 without one."""
    env = StagHunt(hunters=4, stags=2, size=4, sight=1, limit=3, rest=0.5)
    state = hunt(PAIR)
    reached, _ = steps(env, state, jnp.full(4, STAY))
    stayed = int((reached.stags[:, 1] == state.stags[1]).sum())
    assert 20 <= stayed <= 44


def test_a_stag_brings_its_prize():
    env = StagHunt(hunters=4, stags=2, size=4, sight=1, limit=3, prize=3.0)
    _, outcome = play(hunt(PAIR), CATCH, CATCH, STAY, STAY, env=env)
    np.testing.assert_allclose(outcome.reward, [3.0])


def test_one_of_two_gets_a_cell_and_nobody_enters_a_taken_one():
    state = hunt("""
    1 . 2 b
    . . . .
    . . a 3
    . . . 4
    """)
    reached, _ = steps(FOUR, state, jnp.array([RIGHT, LEFT, LEFT, UP]))
    first = [at(FOUR.board, place) for place in reached.hunters[:, 0]]
    second = [at(FOUR.board, place) for place in reached.hunters[:, 1]]
    assert set(zip(first, second, strict=True)) == {((0, 1), (0, 2)), ((0, 0), (0, 1))}
    assert (reached.hunters[:, 2:] == state.hunters[2:][None]).all()


def test_it_is_won_with_as_many_stags_as_pairs_and_over_when_nobody_hunts():
    env = StagHunt(hunters=4, stags=3, size=4, sight=1)
    state = hunt(
        """
        1 a 2 .
        . . . .
        3 b 4 .
        . . . c
        """,
        env,
    )
    _, outcome = play(state, CATCH, CATCH, CATCH, CATCH, env=env)
    assert outcome.reward.tolist() == [20]
    assert outcome.terminated
    assert outcome.metrics["won"] == 1


def test_time_runs_out():
    state = hunt(PAIR)
    for _ in range(2):
        state, outcome = play(state, STAY, STAY, STAY, STAY)
        assert not outcome.truncated
    _, outcome = play(state, STAY, STAY, STAY, STAY)
    assert outcome.truncated
    assert not outcome.terminated


def test_what_is_seen_and_what_can_be_done():
    seen = observe(FOUR, hunt(PAIR))
    #   hunters and stags around, row by row; beyond the edge there is nobody
    np.testing.assert_array_equal(seen.obs[0].reshape(3, 3, 2)[1], [[0, 0], [1, 0], [0, 1]])
    assert seen.obs[0].sum() == 2
    np.testing.assert_array_equal(seen.avail[0], [True, True, True, False, True, True])
    np.testing.assert_array_equal(seen.avail[1], [False, True, True, False, True, True])
    np.testing.assert_array_equal(seen.avail[2], [True, True, False, True, True, False])
    np.testing.assert_allclose(seen.units[0], [1, 0, 1 / 3, 1, 0])
    np.testing.assert_allclose(seen.units[3], [1, 1, 1 / 3, 0, 0])
    board = seen.state.reshape(4, 4, 2)
    assert [tuple(cell) for cell in np.argwhere(board[..., 0] == 1)] == [(0, 1), (0, 3), (2, 0), (3, 1)]
    assert [tuple(cell) for cell in np.argwhere(board[..., 1] == 1)] == [(0, 2), (3, 3)]
    named = {FOUR.spec.obs_features[k] for k in np.flatnonzero(seen.obs[0])}
    assert named == {"hunter at +0, +0", "stag at +0, +1"}


def test_the_picture_shows_who_can_catch_what():
    reach = FOUR.scene(hunt(PAIR)).layers[2]
    assert isinstance(reach, Lines)
    assert reach.visible.sum() == 2
    np.testing.assert_allclose(reach.start[reach.visible], [[1.5, 3.5], [3.5, 3.5]])
    np.testing.assert_allclose(reach.end[reach.visible], [[2.5, 3.5], [2.5, 3.5]])


@eqx.filter_jit
def wander(env, key):
    """Random available actions; the states, and the outcomes that led to them."""

    def one(state, key):
        action_key, step_key = jax.random.split(key)
        avail = env.observe(env.snapshot(state)).avail
        actions = jax.random.categorical(action_key, jnp.where(avail, 0.0, -jnp.inf))
        reached, outcome = env.step(step_key, state, actions)
        return reached, (reached, outcome)

    reset_key, steps_key = jax.random.split(key)
    return jax.lax.scan(one, env.reset(reset_key), jax.random.split(steps_key, 150))[1]


def test_nobody_shares_a_cell_and_the_rewards_are_those_of_the_counts():
    env = StagHunt(hunters=20, density=0.2)
    states, outcomes = wander(env, KEY)
    together = np.concatenate([states.hunters, states.stags], axis=1)
    there = np.concatenate([states.hunting, states.free], axis=1)
    for where, present in zip(together, there, strict=True):
        assert len(set(where[present].tolist())) == present.sum()
        assert set(where[present].tolist()) <= set(env.board.inner.tolist())
    caught, lone = (~np.asarray(states.free)).sum(1), np.asarray(states.lone)
    assert caught[-1] >= 3
    assert lone[-1] >= 20
    np.testing.assert_allclose(np.cumsum(outcomes.reward[:, 0]), 10.0 * caught - 2.0 * lone)
    assert (np.diff(states.hunting.astype(int), axis=0) <= 0).all()
    assert (2 * caught <= (~np.asarray(states.hunting)).sum(1)).all()


def largest(env):
    """The number of entries of the largest array in a step and what is seen after it."""

    def moment(key, state, actions):
        reached, outcome = env.step(key, state, actions)
        return env.observe(env.snapshot(reached)), outcome

    state = jax.eval_shape(env.reset, KEY)
    program = jax.make_jaxpr(moment)(KEY, state, jnp.zeros(env.spec.n_agents, jnp.int32))
    sizes = [0]

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            sizes.extend(np.prod(v.aval.shape, dtype=int) for v in equation.outvars if hasattr(v.aval, "shape"))
            for value in jax.tree.leaves(tuple(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")):
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    walk(inner)

    walk(program.jaxpr)
    return max(sizes)


@pytest.mark.parametrize("name", ["pursuit/stag-hunt?hunters={}", "pursuit/qtran-prey?vision=2&predators={}"])
def test_memory_grows_like_the_number_of_agents(name):
    small, large = (make(name.format(n)) for n in (100, 300))
    assert large.spec.n_agents == 300
    assert largest(large) <= 3.3 * largest(small)
    assert largest(large) <= 300 * 100


def test_boards_grow_with_their_inhabitants():
    assert [StagHunt(hunters=n).board.size for n in (8, 100, 300)] == [10, 35, 61]
    assert StagHunt(hunters=100, density=0.01).board.size == 100


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"hunters": 1}, "`hunters` is 1, but it must be at least 2"),
        ({"stags": 0}, "`stags` is 0"),
        ({"size": 1}, "`size` is 1"),
        ({"size": 3}, "16 cells are needed for 8 hunters and 8 stags, but `size` 3 gives 9; take at least 4"),
        ({"density": 0.0}, "`density` is 0"),
        ({"density": 0.9}, "16 cells are needed"),
        ({"punishment": -2.0}, "`punishment` is -2, but it must be at least 0"),
        ({"prize": -1.0}, "`prize` is -1"),
        ({"sight": 0}, "`sight` is 0"),
        ({"rest": 1.5}, "`rest` is 1.5, but a chance is between 0 and 1"),
        ({"limit": 0}, "`limit` is 0"),
    ],
)
def test_hunts_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=f"pursuit/stag-hunt: {words}"):
        make("pursuit/stag-hunt", **option)
