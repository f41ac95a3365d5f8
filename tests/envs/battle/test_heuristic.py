"""The scripted policy, worked out by hand on a few units, and what it achieves."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle.catalogue import CATALOGUE
from qohort.envs.battle.factory import battle
from qohort.envs.battle.heuristic import heuristic, no_targets, random_policy, scripted
from qohort.envs.battle.orders import NOBODY, Order
from qohort.envs.battle.scenario import Group
from qohort.envs.battle.units import Kind

STOP, NORTH, SOUTH, EAST, WEST, FIRST = 1, 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def marines():
    return battle("3m")


@pytest.fixture(scope="module")
def medics():
    return battle("MMM")


@eqx.filter_jit
def _first(env):
    return env.snapshot(env.reset(jax.random.key(0)))


@eqx.filter_jit
def _chosen(face, snapshot, targets=None):
    return heuristic(face, snapshot, no_targets(face) if targets is None else targets)


def _moment(env, *, at, health=None):
    """The first snapshot with some units elsewhere, or in another state of health."""
    snapshot = _first(env)
    x, y, points = (np.array(row) for row in (snapshot.x, snapshot.y, snapshot.health))
    for unit, place in at.items():
        x[unit], y[unit] = place
    for unit, left in (health or {}).items():
        points[unit] = left
    return dataclasses.replace(snapshot, x=jnp.asarray(x), y=jnp.asarray(y), health=jnp.asarray(points))


def test_each_agent_keeps_the_nearest_enemy_until_it_is_dead(marines):
    face = marines.face
    at = {0: (10, 16), 1: (10, 20), 2: (10, 12), 3: (14, 16), 4: (13, 20), 5: (15, 12)}
    actions, targets = _chosen(face, _moment(marines, at=at))
    assert targets.tolist() == [0, 1, 2]
    assert actions.tolist() == [FIRST, FIRST + 1, FIRST + 2]

    nearer = at | {4: (10.5, 16)}  # another enemy comes nearer to agent 0: it does not care
    assert _chosen(face, _moment(marines, at=nearer), targets)[1].tolist() == [0, 1, 2]
    _, after = _chosen(face, _moment(marines, at=nearer, health={3: 0}), targets)
    assert after.tolist() == [1, 1, 2]


def test_it_walks_along_the_longer_side_and_around_what_is_in_the_way(marines):
    face = marines.face
    # 11 to the east and 4 to the north; 2 to the east and 8 to the south; straight to the west.
    at = {0: (9, 12), 1: (18, 24.5), 2: (29, 16), 3: (20, 16), 4: (20, 16.5), 5: (20, 16)}
    moment = _moment(marines, at=at)
    assert _chosen(face, moment, jnp.array([0, 1, 2]))[0].tolist() == [EAST, SOUTH, WEST]
    # The ground ends at y = 7: there, one goes along the shorter side, if there is one.
    walled = _moment(marines, at={0: (16, 7.5), 1: (17, 7.5), 2: (18, 7.5), 3: (17, 0)})
    assert _chosen(face, walled, jnp.array([0, 0, 0]))[0].tolist() == [EAST, STOP, WEST]


def test_the_dead_and_those_without_a_target_do_nothing(medics):
    face = medics.face
    actions, targets = _chosen(face, _moment(medics, at={}, health={2: 0}))
    assert (actions[2], actions[9], targets[9]) == (0, STOP, NOBODY)  # nobody is hurt: the Medivac waits


def test_medivacs_look_after_the_nearest_who_is_hurt(medics):
    face = medics.face
    hurt = _moment(medics, at={9: (9, 16), 3: (9, 18), 4: (9, 13)}, health={3: 20, 4: 20})
    actions, targets = _chosen(face, hurt)
    assert (targets[9], actions[9]) == (3, FIRST + 3)
    healed = _moment(medics, at={9: (9, 16), 3: (9, 18), 4: (9, 13)}, health={4: 20})
    assert _chosen(face, healed, targets)[1][9] == 4


def test_marauders_leave_medivacs_alone(medics):
    face = medics.face
    near = _moment(medics, at={0: (20, 16), 2: (20, 15), 19: (20, 15.4)})
    targets = _chosen(face, near, no_targets(face))[1]
    assert targets[0] != 9
    assert targets[2] == 9


def test_without_rest_units_are_sent_to_attack_from_afar(marines):
    face = marines.face
    moment = _moment(marines, at={})
    numbers, orders, targets = scripted(face, moment, no_targets(face), rest=False)
    assert orders.order.tolist() == [Order.ATTACK] * 3
    np.testing.assert_array_equal(orders.target, targets + 3)
    np.testing.assert_array_equal(numbers, targets + FIRST)
    numbers, orders, _ = scripted(face, moment, no_targets(face), rest=True)
    assert orders.order.tolist() == [Order.MOVE] * 3
    assert numbers.tolist() == [EAST] * 3
    np.testing.assert_array_equal(orders.x, moment.x[:3] + 2)


def test_random_actions_are_available_and_all_come_up():
    avail = jnp.array([[True, False, False], [False, True, True]])
    drawn = jax.vmap(lambda key: random_policy(key, avail))(jax.random.split(jax.random.key(0), 64))
    assert set(drawn[:, 0].tolist()) == {0}
    assert set(drawn[:, 1].tolist()) == {1, 2}


@jax.jit
def _play(env, keys):
    """Which battles the policy wins, and whether all its actions were available."""

    def play(key):
        state = env.reset(key)

        def step(carry, key):
            state, targets, going, won = carry
            snapshot = env.snapshot(state)
            actions, targets = heuristic(env.face, snapshot, targets)
            can = jnp.take_along_axis(env.observe(snapshot).avail, actions[:, None], axis=1)
            state, outcome = env.step(key, state, actions)
            won = jnp.where(going, outcome.metrics["won"], won)
            return (state, targets, going & ~outcome.terminated, won), jnp.all(can | ~going)

        keys = jax.random.split(jax.random.fold_in(key, 1), env.spec.limit)
        (_, _, _, won), can = jax.lax.scan(step, (state, no_targets(env.face), True, 0.0), keys)
        return won, jnp.all(can)

    return jax.vmap(play)(keys)


def test_it_chooses_available_actions_and_wins_when_it_should():
    few = dataclasses.replace(CATALOGUE["MMM"], enemies=(Group(kind=Kind.MARINE, count=3, at=(23.0, 16.0)),))
    won, can = _play(battle(scenario=few), jax.random.split(jax.random.key(0), 8))
    assert can.all()
    assert won.all()
