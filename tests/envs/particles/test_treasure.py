"""Treasure collection by hand: two collectors, two banks, two treasures."""

import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import check_env
from qohort.envs.particles import Treasure
from qohort.envs.particles.treasure_state import TreasureState
from qohort.errors import QohortError

KEY = jax.random.key(0)
TWO = Treasure(collectors=2, banks=2, treasures=2)
BANKS = ((-0.9, -0.9), (0.9, -0.9))
step = eqx.filter_jit(lambda env, state: env.step(KEY, state, jnp.zeros(env.spec.n_agents, jnp.int32)))
observe = eqx.filter_jit(lambda env, state: env.observe(state))


def moment(collectors, treasures, *, velocity=((0, 0), (0, 0)), holding=(-1, -1), there=(True, True)):
    """Treasures are (x, y, kind)."""
    zero = jnp.int32(0)
    return TreasureState(
        position=jnp.array([*collectors, *BANKS], jnp.float32),
        velocity=jnp.array([*velocity, (0, 0), (0, 0)], jnp.float32),
        holding=jnp.array(holding, jnp.int32),
        lying=jnp.array([treasure[:2] for treasure in treasures], jnp.float32),
        kind=jnp.array([treasure[2] for treasure in treasures], jnp.int32),
        there=jnp.array(there),
        time=zero,
        collected=zero,
        deposited=zero,
        collisions=zero,
    )


TO_FIRST_BANK, TO_SECOND_BANK = 1.35 * np.sqrt(2), np.hypot(0.45, 1.35)
"""From the middle of collectors at (0, 0) and (0.9, 0.9)."""


def test_a_treasure_is_taken_and_comes_back_as_another():
    state = moment([(0, 0), (0.9, 0.9)], [(0.05, 0, 1), (0.9, 0.6, 0)])
    state, outcome = step(TWO, state)
    # 5 for all; distances of 0.05 and 0.3 to a treasure; nobody holds anything when banks are paid.
    lost = 0.1 * np.array([0.05, 0.3, TO_FIRST_BANK, TO_SECOND_BANK])
    np.testing.assert_allclose(outcome.reward, 5 - lost, rtol=1e-6)
    assert state.holding.tolist() == [1, -1]
    assert state.there.tolist() == [False, True]
    assert outcome.metrics == {"collected": 1, "deposited": 0, "collisions": 0}
    back, outcome = step(TWO, state)
    # The first collector is shaped towards the second bank, which waits for it.
    lost = 0.1 * np.array([0.9 * np.sqrt(2), 0.3, TO_FIRST_BANK, 0.9 * np.sqrt(2)])
    np.testing.assert_allclose(outcome.reward, -lost, rtol=1e-6)
    assert back.there.tolist() == [True, True]
    assert (np.abs(back.lying) <= 0.95).all()
    assert back.lying[1].tolist() == state.lying[1].tolist()
    again = jax.vmap(lambda key: TWO.step(key, state, jnp.zeros(4, jnp.int32))[0])(jax.random.split(KEY, 200))
    assert set(np.unique(again.kind[:, 0])) == {0, 1}
    assert np.ptp(again.lying[:, 0], axis=0).min() > 1.5  # of 1.9 in each direction
    assert (again.kind[:, 1] == state.kind[1]).all()


def test_a_treasure_is_handed_over_to_the_bank_of_its_kind():
    # At 0.18 from the second bank with a speed of 0.8, which is damped to 0.6: 0.12 away after the step
    fast, far = [(0, -0.8), (0, 0)], [(-0.9, 0.9, 0), (-0.9, 0.5, 0)]
    state = moment([(0.9, -0.72), (0.9, 0.9)], far, velocity=fast, holding=(1, -1))
    after, outcome = step(TWO, state)
    np.testing.assert_allclose(outcome.reward[0], 5 - 0.1 * 0.12, rtol=1e-5)
    np.testing.assert_allclose(outcome.reward[3], 5 - 0.1 * 0.12, rtol=1e-5)
    assert after.holding.tolist() == [-1, -1]
    assert outcome.metrics == {"collected": 0, "deposited": 1, "collisions": 0}
    # The bank does not take the other kind.
    after, outcome = step(TWO, eqx.tree_at(lambda s: s.holding, state, jnp.array([0, -1], jnp.int32)))
    assert after.holding.tolist() == [0, -1]
    assert outcome.metrics["deposited"] == 0
    np.testing.assert_allclose(outcome.reward[0], -0.1 * np.hypot(1.8, 0.12), rtol=1e-5)


def test_collectors_that_touch_each_other_pay():
    # 0.16 apart, and 0.07 after steps of 0.06 and 0.03
    far = [(0.04, -0.9, 0), (0.08, -0.9, 0)]
    after, outcome = step(TWO, moment([(0, 0), (0.16, 0)], far, velocity=[(0.8, 0), (-0.4, 0)]))
    np.testing.assert_allclose(after.position[:2], [[0.06, 0], [0.13, 0]], atol=1e-6)
    nearest = np.array([np.hypot(0.02, 0.9), np.hypot(0.05, 0.9)])
    np.testing.assert_allclose(outcome.reward[:2], -5 - 0.1 * nearest, rtol=1e-5)
    middle = np.hypot(0.095 + 0.9, 0.9)
    np.testing.assert_allclose(outcome.reward[2], -0.1 * middle, rtol=1e-5)
    assert outcome.metrics["collisions"] == 1


def test_two_at_one_treasure_are_paid_twice_and_the_first_takes_it():
    state, outcome = step(TWO, moment([(0, 0), (0.12, 0)], [(0.06, 0, 0), (0.9, 0.9, 0)]))
    np.testing.assert_allclose(outcome.reward[:2], [10 - 0.1 * 0.06] * 2, rtol=1e-4)
    assert state.holding.tolist() == [0, -1]
    assert outcome.metrics["collected"] == 1


def test_one_at_two_treasures_takes_one():
    state, outcome = step(TWO, moment([(0, 0), (0.9, 0.9)], [(0.06, 0, 1), (0, 0.06, 0)]))
    np.testing.assert_allclose(outcome.reward[0], 10 - 0.1 * 0.06, rtol=1e-5)
    assert state.holding.tolist() == [1, -1]
    assert state.there.tolist() == [False, True]


def test_a_bank_goes_by_the_nearest_that_it_sees():
    env = Treasure(collectors=2, banks=2, treasures=2, sight=1)
    _, outcome = step(env, moment([(-0.9, 0), (0.9, 0.9)], [(0, 0, 0), (0.5, 0, 0)]))
    np.testing.assert_allclose(outcome.reward[2:], [-0.09, -0.18], rtol=1e-5)


def test_no_treasure_is_no_goal():
    env = Treasure(collectors=2, banks=2, treasures=2, respawn=0.0)
    state, outcome = step(env, moment([(0, 0), (0.9, 0.9)], [(0.05, 0, 1), (0.9, 0.6, 0)], there=(False, False)))
    assert outcome.reward[:2].tolist() == [0, 0]
    assert state.there.tolist() == [False, False]


def test_the_reward_of_the_team_is_the_sum():
    team = Treasure(collectors=2, banks=2, treasures=2, reward="team", prize=1.0)
    _, outcome = step(team, moment([(0, 0), (0.9, 0.9)], [(0.05, 0, 1), (0.9, 0.6, 0)]))
    lost = 0.1 * (0.05 + 0.3 + TO_FIRST_BANK + TO_SECOND_BANK)
    np.testing.assert_allclose(outcome.reward, [4 - lost], rtol=1e-6)


def test_who_sees_what():
    state = moment([(0, 0), (0.5, 0.5)], [(0.5, 0, 1), (0.2, 0, 0)], velocity=[(0.1, 0), (0, 0)], holding=(1, -1))
    seen = observe(TWO, state)
    #                 takes   holds
    units = [
        [0, 0, 0.1, 0, 0, 0, 0, 1],
        [0.5, 0.5, 0, 0, 0, 0, 0, 0],
        [-0.9, -0.9, 0, 0, 1, 0, 0, 0],
        [0.9, -0.9, 0, 0, 0, 1, 0, 0],
    ]
    np.testing.assert_allclose(seen.units, units)
    others = [[-0.5, -0.5, 0.1, 0, 0, 0, 0, 1], [0.4, -1.4, 0, 0, 0, 1, 0, 0], [-1.4, -1.4, 0, 0, 1, 0, 0, 0]]
    treasures = [[0, -0.5, 0, 1], [-0.3, -0.5, 1, 0]]
    np.testing.assert_allclose(seen.obs[1], np.concatenate([units[1], *others, *treasures]), rtol=1e-6)
    lying = [1, 0.5, 0, 0, 1, 1, 0.2, 0, 1, 0]
    np.testing.assert_allclose(seen.state, np.concatenate([[0], *units, lying]), rtol=1e-6)
    gone = observe(TWO, eqx.tree_at(lambda s: s.there, state, jnp.array([False, True])))
    np.testing.assert_allclose(gone.obs[1, -8:], [-0.3, -0.5, 1, 0, 0, 0, 0, 0], rtol=1e-6)
    assert TWO.spec.groups == ("collector", "collector", "bank", "bank")


@pytest.mark.parametrize("which", range(4))
def test_as_the_published_environment_has_it(which):
    """Crowded moments, and what MAAC's environment made of them."""
    moments = json.loads((pathlib.Path(__file__).parent / "moments.json").read_text())
    now = moments["treasure"][which]
    then, zero = now["then"], jnp.int32(0)
    state = TreasureState(
        position=jnp.array(now["position"]),
        velocity=jnp.array(now["velocity"]),
        holding=jnp.array(now["holding"], jnp.int32),
        lying=jnp.array(now["lying"]),
        kind=jnp.array(now["kind"], jnp.int32),
        there=jnp.ones(6, bool),
        time=zero,
        collected=zero,
        deposited=zero,
        collisions=zero,
    )
    after, outcome = eqx.filter_jit(Treasure().step)(KEY, state, jnp.array(now["actions"]))
    np.testing.assert_allclose(after.position, then["position"], atol=1e-5)
    np.testing.assert_allclose(after.velocity, then["velocity"], atol=1e-4)
    np.testing.assert_allclose(outcome.reward, then["reward"], atol=1e-4)
    assert after.holding.tolist() == then["holding"]
    assert after.there.tolist() == then["there"]


def test_the_published_sizes():
    spec = Treasure().spec
    # 4 numbers and 4 for what one takes and holds; 7 others with 8 numbers each, 6 treasures with 4 each
    assert (spec.n_agents, spec.n_actions, spec.obs_size, spec.limit) == (8, 5, 8 + 7 * 8 + 6 * 4, 100)
    assert spec.reward == "individual"


def test_what_holds_in_any_game():
    env = Treasure(limit=60)

    @eqx.filter_jit
    def play(env, key):
        def one(state, key):
            # Whoever is drawn goes for something, so that things happen.
            goal = jnp.where(state.holding[:, None] < 0, state.lying, state.position[env.collectors :][state.holding])
            away = goal - state.position[: env.collectors]
            across = jnp.abs(away[:, 0]) > jnp.abs(away[:, 1])
            greedy = jnp.where(across, 1 + (away[:, 0] < 0), 3 + (away[:, 1] < 0))
            random = jax.random.randint(key, (env.spec.n_agents,), 0, 5)
            actions = random.at[: env.collectors].set(jnp.where(random[: env.collectors] > 0, greedy, 0))
            reached, outcome = env.step(key, state, actions)
            return reached, (reached, outcome)

        return jax.lax.scan(one, env.reset(key), jax.random.split(key, env.spec.limit))[1]

    states, outcome = jax.tree.map(np.asarray, play(env, jax.random.key(1)))
    assert np.linalg.norm(states.velocity, axis=-1).max() <= 1 + 1e-5
    held = (states.holding >= 0).sum(axis=1)
    np.testing.assert_array_equal(held, states.collected - states.deposited)
    assert outcome.metrics["deposited"][-1] > 0
    np.testing.assert_array_equal(np.diff(outcome.metrics["collected"]) >= 0, True)
    assert (np.abs(states.lying[states.there]) <= 0.95).all()
    assert outcome.truncated.tolist() == [False] * 59 + [True]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        *(({name: 0}, f"`{name}` is 0") for name in ("collectors", "banks", "treasures", "sight", "limit")),
        *(({name: -1.0}, f"`{name}` is -1") for name in ("prize", "shaping", "acceleration", "top_speed", "respawn")),
        ({"collision": 1.0}, "`collision` is 1.*at most 0"),
        ({"respawn": 2.0}, "`respawn` is 2.*between 0 and 1"),
    ],
)
def test_games_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=words):
        Treasure(**option)


def test_another_game_keeps_the_contract():
    check_env(Treasure(collectors=1, banks=3, treasures=1, limit=5, respawn=0.5))
