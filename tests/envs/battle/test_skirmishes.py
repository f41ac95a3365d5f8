"""Whole fights: who wins, when, and that nothing else decides it than the rules and the key."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import engine
from qohort.envs.battle.factory import battle
from qohort.envs.battle.scenario import Hunt
from qohort.envs.battle.terrain import from_grid
from qohort.envs.battle.units import Kind
from tests.envs.battle.skirmish import Skirmish, attack, filmed_step, heal, move

MARINE, MARAUDER, MEDIVAC, STALKER, ZEALOT, COLOSSUS, ZERGLING, BANELING, HYDRALISK, SPINE = Kind


RUNWAY = from_grid(np.ones((600, 8), bool))


@pytest.mark.parametrize("seed", range(4))
def test_two_marines_kill_each_other_in_the_time_of_eight_shots(seed):
    fight = Skirmish([(MARINE, 30.0, 32.0)], [(MARINE, 34.0, 32.0)], jitter=(-1.0, 2.0), seed=seed)
    film = fight.play(16, {0: attack(1), 1: attack(0)})
    # The first shot in the second tick and seven more, 13 to 16 ticks apart each.
    dead = np.flatnonzero((film.health <= 0).any(axis=1))[0]
    assert 2 + 7 * 13 <= dead <= 2 + 7 * 16


def test_a_zealot_beats_a_stalker_hand_to_hand():
    fight = Skirmish([(STALKER, 32.0, 32.0)], [(ZEALOT, 33.2, 32.0)])
    film = fight.play(26, {0: attack(1), 1: attack(0)})
    # 80 points of shield at 8 and 80 of health at 7 are 10 and 12 hits: 11 attacks, 20 ticks apart, and the last hit 5
    # ticks after the last attack: 10 * 20 + 5 ticks after the first tick.
    assert film.health[205, 0] == 3
    assert film.health[206, 0] == 0
    # The missile of the first of nine shots lands in the fifth tick, the others 24 ticks apart: 50 points of shield,
    # and 9 of health for each of four.
    assert (film.shield[-1, 1], film.health[-1, 1]) == (0, 100 - 4 * 9)


def test_a_stalker_that_kites_a_zealot_is_never_hit():
    # On open ground: shoot when the weapon is ready and the Zealot not near, else walk away.
    fight = Skirmish([(STALKER, 20.0, 4.0)], [(ZEALOT, 14.0, 4.0)], terrain=RUNWAY, plan=Hunt())
    shots = 0
    for _ in range(250):
        state = fight.state
        if float(state.health[1]) <= 0:
            break
        away = float(state.x[0] - state.x[1])
        shoots = float(state.cooldown[0]) <= 1 and away > 3.5
        shots += shoots
        fight.play(1, {0: attack(1) if shoots else move(float(state.x[0]) + 2, 4.0)})
    assert float(fight.state.health[1]) == 0
    assert (float(fight.state.shield[0]), float(fight.state.health[0])) == (80, 80)
    # 5 shots for the shield, and 12 for 100 points of health at 9 each; shields do not come back in between.
    assert shots == 17


def test_a_stalker_that_stands_is_beaten():
    fight = Skirmish([(STALKER, 20.0, 4.0)], [(ZEALOT, 14.0, 4.0)], terrain=RUNWAY, plan=Hunt())
    film = fight.play(40, {0: attack(1)})
    assert film.health[-1, 0] == 0
    assert film.health[-1, 1] > 0


@pytest.mark.parametrize(("turns", "wins"), [(True, 16), (False, 0)])
def test_two_marines_beat_a_zealot_by_firing_in_turn(turns, wins):
    """The trick that SMAC's documentation names for this map, as a published script for the game has it.

    Both stand. The one that is farther from the Zealot shoots; the Zealot turns on it, and on the way back again. Of
    two that stand and both shoot, each dies in its turn.
    """
    env = battle("2m_vs_1z", turns_on_attackers=turns)
    stop, shoot = env.spec.actions.index("stop"), env.spec.actions.index("enemy 1")

    def step(carry, key):
        state, won = carry
        seen = env.snapshot(state)
        away = jnp.hypot(seen.x[:2] - seen.x[2], seen.y[:2] - seen.y[2])
        shoots = (jnp.arange(2) == jnp.argmax(away)) & env.observe(seen).avail[:, shoot]
        actions = jnp.where(seen.health[:2] > 0, jnp.where(shoots, shoot, stop), 0)
        state, outcome = env.step(key, state, actions)
        return (state, won | (outcome.metrics["won"] > 0)), None

    def play(key):
        first, rest = jax.random.split(key)
        begin = (env.reset(first), jnp.bool_(False))
        return jax.lax.scan(step, begin, jax.random.split(rest, 60))[0][1]

    won = jax.jit(jax.vmap(play))(jax.random.split(jax.random.key(0), 16))
    assert int(won.sum()) == wins


@pytest.mark.parametrize(("healer", "alive"), [(True, True), (False, False)])
def test_a_medivac_decides_between_equals(healer, alive):
    # A Marine deals 6 in 14 ticks, in which a Medivac heals 7.9.
    allies = [(MARINE, 30.0, 32.0), (MEDIVAC, 28.0, 33.0)]
    fight = Skirmish(allies, [(MARINE, 34.0, 32.0), (MARINE, 60.0, 5.0)])
    film = fight.play(13, {0: attack(2), 2: attack(0), **({1: heal(0)} if healer else {})})
    assert film.health[-1, 2] == 0
    assert (film.health[-1, 0] > 0) == alive


# --- Nothing else decides


def same(one, other):
    return all(
        np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def melee(team, **options):
    """Some units of each kind on both sides, all fighting."""
    allies = [(kind, 28.0, 26.0 + 2.0 * i) for i, kind in enumerate(team)]
    enemies = [(kind, 36.0, 26.0 + 2.0 * i) for i, kind in enumerate(team)]
    fight = Skirmish(allies, enemies, plan=Hunt(), jitter=(-1.0, 2.0), **options)
    n = len(team)
    return fight, fight.play(30, {i: heal(0) if kind == MEDIVAC else attack(n + i) for i, kind in enumerate(team)})


@pytest.mark.parametrize(
    "team", [(MARINE, MARAUDER, MEDIVAC), (COLOSSUS, STALKER, ZEALOT), (BANELING, HYDRALISK, ZERGLING), (MARINE,) * 3]
)
def test_rules_about_kinds_that_cannot_occur_make_no_difference(team):
    fight, all_rules = melee(team)
    own_rules = melee(team, kinds=set(team))[1]
    assert (all_rules.health[-1] < fight.arena.stats.health).sum() >= 3
    for name in ("x", "y", "health", "shield", "energy"):
        np.testing.assert_allclose(getattr(own_rules, name), getattr(all_rules, name), atol=1e-3, err_msg=name)
    np.testing.assert_array_equal(own_rules.focus, all_rules.focus)


def test_the_same_key_makes_the_same_battle_to_the_bit():
    team = (MARINE, MARAUDER, MEDIVAC)
    one, other, another = melee(team)[1], melee(team)[1], melee(team, seed=1)[1]
    assert same(one, other)
    assert not same(one, another)


def test_a_film_shows_what_the_engine_does():
    fight, _ = melee((MARINE, MARAUDER, MEDIVAC))
    key = jax.random.key(5)
    filmed, film = filmed_step(fight.arena, fight.opponent, fight.state, key)
    assert same(jax.tree.map(lambda row: row[-1], film), dataclasses.replace(filmed, step=filmed.step - 1))
    theirs, _ = fight.opponent.command(key, fight.arena, fight.state)
    assert (theirs.order == 0).all()
    advanced = eqx.filter_jit(engine.advance)(fight.arena, fight.state, key, autonomous=True)
    for name in ("x", "y", "health", "shield", "energy", "cooldown", "focus"):
        np.testing.assert_allclose(getattr(advanced, name), getattr(filmed, name), atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", ["3m", "protoss_5_vs_5"])
def test_many_battles_at_once_are_the_same_as_one_by_one(name):
    env, n = battle(name), 3
    keys = jax.random.split(jax.random.key(2), n)
    reset, step = eqx.filter_jit(env.reset), eqx.filter_jit(env.step)
    steps = eqx.filter_jit(eqx.filter_vmap(env.step))
    alone = [reset(key) for key in keys]
    before = jax.tree.map(lambda *rows: jnp.stack(rows), *alone)
    together = before
    # East, where most enemies come from, and then all at the first two in turn.
    for t in range(12):
        actions = jnp.full(env.spec.n_agents, 4 if t < 5 else 6 + t % 2, jnp.int32)
        step_keys = jax.random.split(jax.random.key(t), n)
        together, paid = steps(step_keys, together, jnp.broadcast_to(actions, (n, len(actions))))
        outcomes = []
        for i in range(n):
            alone[i], outcome = step(step_keys[i], alone[i], actions)
            outcomes.append(outcome)
        np.testing.assert_allclose(paid.reward, jnp.stack([outcome.reward for outcome in outcomes]), atol=1e-3)
    singly = jax.tree.map(lambda *rows: jnp.stack(rows), *alone)
    assert (singly.health + singly.shield < before.health + before.shield).any(axis=1).all()
    for field in ("x", "y", "health", "shield", "cooldown", "focus"):
        np.testing.assert_allclose(getattr(together, field), getattr(singly, field), atol=1e-3, err_msg=field)
