"""The relay by hand, on a track laid for the purpose."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import check_env
from qohort.envs.games import Relay
from qohort.envs.games.relay import CROWDED, RelayState
from qohort.errors import QohortError

WAIT, LEFT, AHEAD, RIGHT = range(4)
KEY = jax.random.key(0)
TWO = Relay(runners=2, leg=2, slack=1)
step = eqx.filter_jit(lambda env, state, actions: env.step(KEY, state, actions))


def race(*hurdles, lane=1):
    """Four columns; each hurdle is (column, lane)."""
    track = jnp.zeros((4, 3), bool)
    for column, at in hurdles:
        track = track.at[column, at].set(True)
    zero = jnp.int32(0)
    return RelayState(hurdles=track, column=zero, lane=jnp.int32(lane), time=zero, knocked=zero)


def run(state, *joint_actions):
    outcome = None
    for actions in joint_actions:
        state, outcome = step(TWO, state, jnp.array(actions))
    assert outcome is not None
    return state, outcome


def test_a_clean_race_is_won():
    state, outcome = run(race(), (LEFT, WAIT), (AHEAD, WAIT), (WAIT, RIGHT), (WAIT, RIGHT))
    assert outcome.terminated
    assert not outcome.truncated
    assert outcome.reward.tolist() == [1]
    assert outcome.metrics == {"won": 1, "hurdles": 0}
    assert int(state.lane) == 2
    assert not TWO.observe(state).alive.any()


def test_a_hurdle_falls_and_costs_the_step_and_a_point():
    state, outcome = run(race((0, 0)), (LEFT, WAIT))
    assert outcome.reward.tolist() == [-1]
    assert outcome.metrics == {"won": 0, "hurdles": 1}
    assert (int(state.column), int(state.lane), int(state.time)) == (0, 1, 1)
    state, outcome = run(state, (LEFT, WAIT))
    assert outcome.reward.tolist() == [1]
    assert (int(state.column), int(state.lane)) == (1, 0)


def test_one_hurdle_more_than_allowed_loses_the_race():
    state, outcome = run(race((0, 1), (3, 1)), (AHEAD, WAIT), (AHEAD, WAIT), (AHEAD, WAIT), (WAIT, AHEAD))
    assert not outcome.truncated
    _, outcome = run(state, (WAIT, AHEAD))
    assert outcome.truncated
    assert not outcome.terminated
    assert outcome.metrics == {"won": 0, "hurdles": 2}


def test_only_the_carrier_matters():
    for others in range(4):
        reached, _ = run(race((0, 2)), (LEFT, others))
        assert (int(reached.column), int(reached.lane)) == (1, 0)


def test_who_may_do_what_and_who_is_alive():
    state = race(lane=0)
    seen = TWO.observe(state)
    np.testing.assert_array_equal(seen.avail, [[False, False, True, True], [True, False, False, False]])
    assert seen.alive.tolist() == [True, True]
    state, _ = run(state, (RIGHT, WAIT), (RIGHT, WAIT))
    seen = TWO.observe(state)
    np.testing.assert_array_equal(seen.avail, [[True, False, False, False], [False, True, True, False]])
    assert seen.alive.tolist() == [False, True]


def test_the_carrier_sees_two_columns_and_nobody_else_sees_anything():
    state, _ = run(race((1, 0), (2, 2), (3, 1)), (AHEAD, WAIT))
    seen = TWO.observe(state)
    #                                     carrying done  lane     next column  the one after
    np.testing.assert_array_equal(seen.obs[0], [1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(seen.obs[1], np.zeros(11))
    state, _ = run(state, (AHEAD, WAIT), (WAIT, AHEAD))
    seen = TWO.observe(state)  # one column before the end, beyond which there are no hurdles
    np.testing.assert_array_equal(seen.obs[0], [0, 1, *[0] * 9])
    np.testing.assert_array_equal(seen.obs[1], [1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(seen.units, seen.obs)
    np.testing.assert_allclose(seen.state[:5], [3 / 4, 3 / 5, 0, 1, 0])


def best_of_two(env, state):
    """Take a way without hurdles over the two columns in sight, if there is one."""
    ahead = jnp.concatenate([state.hurdles, jnp.zeros((2, 3), bool)])
    lanes = jnp.arange(3)
    near = jnp.abs(lanes[:, None] - lanes[None, :]) <= 1
    later = jnp.where(near, ahead[state.column + 1][None, :], True).all(1)
    cost = jnp.where(near[state.lane], ahead[state.column] * 2 + later, 9)
    return jnp.full(env.spec.n_agents, AHEAD + jnp.argmin(cost) - state.lane)


def at_random(env, state, key):
    avail = env.observe(state).avail
    return jax.random.categorical(key, jnp.where(avail, 0.0, -jnp.inf))


@eqx.filter_jit
def wins(env, choose, keys):
    def game(key):
        def one(carry, step_key):
            state, over, won = carry
            reached, outcome = env.step(step_key, state, choose(env, state, step_key))
            won = jnp.where(over, won, outcome.metrics["won"])
            over = over | outcome.terminated | outcome.truncated
            return (jax.tree.map(lambda a, b: jnp.where(over, a, b), state, reached), over, won), None

        start = (env.reset(key), jnp.array(False), jnp.float32(0))
        return jax.lax.scan(one, start, jax.random.split(key, env.spec.limit))[0][2]

    return jax.vmap(game)(keys).mean()


def test_chance_rarely_wins_and_looking_ahead_nearly_always():
    keys = jax.random.split(KEY, 500)
    assert wins(Relay(), at_random, keys) < 0.1
    assert wins(Relay(), lambda env, state, key: best_of_two(env, state), keys) > 0.97


def test_a_way_without_hurdles_always_exists():
    env = Relay()
    races = jax.vmap(env.reset)(jax.random.split(KEY, 200))
    for track, lane in zip(np.asarray(races.hurdles), np.asarray(races.lane), strict=True):
        reached = {int(lane)}
        for column in track:
            reached = {b for a in reached for b in (a - 1, a, a + 1) if 0 <= b < 3 and not column[b]}
        assert reached
    assert abs(races.hurdles.mean() - CROWDED * 2 / 3) < 0.03


@pytest.mark.parametrize("option", [{"runners": 0}, {"leg": 0}, {"slack": -1}])
def test_tracks_that_cannot_be(option):
    with pytest.raises(QohortError, match=f"`{next(iter(option))}` is"):
        Relay(**option)


def test_other_tracks_keep_the_contract():
    env = Relay(runners=1, leg=1, slack=0)
    assert (env.spec.limit, env.spec.n_agents) == (1, 1)
    check_env(env)
