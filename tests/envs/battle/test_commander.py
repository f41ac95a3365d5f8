"""Enemies that are commanded from their own side of the map."""

import dataclasses
import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qohort
from qohort.envs.battle.commander import Commander, Script, against, other_side
from qohort.envs.battle.factory import battle
from qohort.envs.battle.heuristic import heuristic, no_targets
from qohort.envs.battle.orders import Order
from qohort.errors import QohortError
from qohort.training.load import LoadedTeam
from qohort.training.sparring import frozen_team

STOP, NORTH = 1, 2


def _north_and_stop(key, observation, memory):
    """The first goes north, the others stop."""
    return jnp.array([NORTH, STOP, STOP]), memory + 1


@functools.cache
def _marines():
    return battle("3m", head_start=0.0)


def _mirrored(env, state):
    """The same with the enemies turned round, as the agents look from the other side: they stand round (23, 16)."""
    enemy = jnp.arange(len(state.x)) >= env.face.n_allies
    return dataclasses.replace(
        state, x=jnp.where(enemy, 46 - state.x, state.x), y=jnp.where(enemy, 32 - state.y, state.y)
    )


@eqx.filter_jit
def _first(env, key, nearer=0.0):
    """The first state of a battle, what the enemies are told then, and what their commander remembers."""
    state = env.reset(key)
    state = _mirrored(env, state) if env.face.n_allies == env.face.n_enemies else state
    enemy = jnp.arange(len(state.x)) >= env.face.n_allies
    state = dataclasses.replace(state, x=state.x - nearer * enemy)
    return state, *env.opponent.command(key, env._arena(state.kind), state)


def test_the_other_side_sees_what_the_agents_see():
    """In a battle between equals that mirror each other, first observations and states are the same."""
    env = battle("2s3z", head_start=0.0)

    def remember(key, observation, memory):
        return jnp.full(5, STOP), (observation.obs, observation.state, observation.avail)

    state, _, watch = _first(against(env, remember), jax.random.key(0))
    ours = env.observe(env.snapshot(state))
    obs, whole, avail = watch.memory
    np.testing.assert_allclose(obs, ours.obs, atol=1e-6)
    np.testing.assert_allclose(whole, ours.state, atol=1e-6)
    np.testing.assert_array_equal(avail, ours.avail)


def test_orders_are_turned_back():
    """North for the commander is south on the map. Its first agent is the enemy farthest in the east."""
    env = against(_marines(), _north_and_stop, jnp.int32(0))
    state, orders, watch = _first(env, jax.random.key(0))
    assert not env.opponent.autonomous
    first = int(jnp.argmax(state.x[3:]))
    assert watch.order[0] == first
    assert watch.memory == 1
    assert watch.last_action.tolist() == [NORTH, STOP, STOP]
    others = [enemy for enemy in range(3) if enemy != first]
    assert (orders.order[first], *orders.order[jnp.array(others)]) == (Order.MOVE, Order.STOP, Order.STOP)
    assert float(orders.x[first]) == float(state.x[3 + first])
    np.testing.assert_allclose(orders.y[first], state.y[3 + first] - 2, atol=1e-5)


def test_targets_are_turned_back():
    """Enemies aim at agents by their place among all units, whatever the order in which they see them."""
    env = against(_marines(), lambda key, observation, memory: (jnp.array([8, 7, 6]), memory))
    _, orders, watch = _first(env, jax.random.key(0), nearer=10.0)
    assert (orders.order == Order.ATTACK).all()
    assert isinstance(env.opponent, Commander)
    np.testing.assert_array_equal(orders.target[watch.order], env.opponent.others[::-1])


@eqx.filter_jit
def _duels(env, keys):
    """Both sides follow the script: how often the allies have won, and lost."""

    def duel(key):
        def going(carry):
            state, _, _, over = carry
            return ~over & (state.step < env.spec.limit)

        def step(carry):
            state, targets, _, _ = carry
            actions, targets = heuristic(env.face, env.snapshot(state), targets)
            state, outcome = env.step(jax.random.fold_in(key, state.step), state, actions)
            return state, targets, outcome.metrics["won"] > 0, outcome.terminated

        state = _mirrored(env, env.reset(jax.random.fold_in(key, 1 << 16)))
        first = state, no_targets(env.face), jnp.array(False), jnp.array(False)
        state, _, won, over = jax.lax.while_loop(going, step, first)
        return won, over & ~won & jnp.any(state.alive[env.face.n_allies :])

    won, lost = jax.vmap(duel)(keys)
    return jnp.sum(won), jnp.sum(lost)


def _unfairness(name, battles):
    """Standard errors between the shares of won and of lost battles."""
    env = against(battle(name, last_medivacs="any"), Script())
    won, lost = map(int, _duels(env, jax.random.split(jax.random.key(7), battles)))
    assert won + lost > 0.8 * battles
    return (won - lost) / math.sqrt(won + lost)


def test_sides_are_equal():
    assert abs(_unfairness("3m", 512)) < 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["3m", "8m", "2s3z", "MMM"])
def test_sides_are_equal_on_mirrored_maps(name):
    assert abs(_unfairness(name, 2048)) < 3


def test_opponents_without_arrays_can_be_replaced_and_teams_be_drawn():
    """With cones and hidden enemies, the commander has cones and sees nobody before it has found them, too."""

    def look_north(key, observation, memory):
        return jnp.where(observation.alive, 9, 0), observation.obs

    env = against(battle("terran_5_vs_5", conic_fov=True, prob_obs_enemy=0.0), look_north)
    assert isinstance(env.opponent, Commander)
    state, orders, watch = _first(env, jax.random.key(0))
    assert watch.facing.tolist() == [3] * 5
    assert watch.permission.packed.shape == state.permission.packed.shape
    assert sorted(watch.order.tolist()) == [0, 1, 2, 3, 4]
    assert (orders.order == Order.NONE).all()


def test_the_other_side_of_unequal_teams_has_its_own_sizes():
    face = other_side(battle("5m_vs_6m"))
    assert (face.n_allies, face.n_enemies, face.n_actions) == (6, 5, 11)


ALGORITHM = qohort.ValueDecomposition(team=qohort.Recurrent(hidden=8), mixer=qohort.VDN())


@pytest.fixture(scope="module")
def team():
    """Not trained, but a team."""
    learner = ALGORITHM.init(_marines().spec, jax.random.key(3))
    return LoadedTeam(ALGORITHM, learner.params.team, _marines().spec, step=0)


def test_a_team_can_be_the_enemy(team):
    """Its first actions are those of the team in the place of the agents; then it remembers."""
    own = _marines()
    seen = own.observe(own.snapshot(own.reset(jax.random.key(0))))
    wanted = team.act(np.asarray(seen.obs), np.asarray(seen.avail))
    env = frozen_team(team, own)
    state, _, watch = _first(env, jax.random.key(0))
    np.testing.assert_array_equal(watch.last_action, wanted)
    assert state.opponent.memory[2].all()
    assert not watch.memory[2].any()


def test_teams_that_do_not_fit_are_refused(team, tmp_path):
    with pytest.raises(
        QohortError, match="trained on battle/3m and has 3 agents; as the enemies of battle/8m it would"
    ):
        frozen_team(team, "battle/8m")
    with pytest.raises(QohortError, match="games/two-step is no battle"):
        frozen_team(team, "games/two-step")
    with pytest.raises(QohortError, match=str(tmp_path)):
        frozen_team(tmp_path, "battle/3m")
