"""The game is frozen: what was learned about methods on it holds for this game alone.

A number that changes here is a change of the game. It needs a fact or a rule with a test for its reason, never a win
rate; then `benchmarks/heuristics.py` is run again, its table goes into the documentation, `VERSION` gets the next name,
the new numbers become the row of that name, and the commit gets it as a tag, which docs/battle.md names too.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle.env import Battle
from qohort.envs.battle.factory import battle
from qohort.envs.battle.heuristic import heuristic, no_targets
from qohort.envs.battle.state import BattleState
from qohort.envs.battle.version import VERSION

STEPS = 16
FROZEN: dict[str, dict[str, tuple[float, float, float]]] = {
    "battle-v3": {
        "3m": (17.135, 16.736, 87.00),
        "MMM": (16.123, 16.400, 940.06),
        "1c3s5z": (15.661, 15.979, 1821.00),
        "so_many_baneling": (15.241, 13.861, 480.00),
        "2c_vs_64zg": (19.223, 14.861, 2226.72),
        "6h_vs_8z": (14.285, 9.742, 828.77),
        "2s_vs_1sc": (14.006, 17.027, 391.66),
    },
}
"""By version, after some steps of the script's: the mean of the living units' x and y, and all health and shields
together. The numbers of a version are never changed, since runs have recorded that they are of this game."""


@eqx.filter_jit
def played(env: Battle) -> BattleState:
    def step(carry, key):
        state, targets = carry
        actions, targets = heuristic(env.face, env.snapshot(state), targets)
        state, _ = env.step(key, state, actions.astype(jnp.int32))
        return (state, targets), None

    begin, fight = jax.random.split(jax.random.key(0))
    first = (env.reset(begin), no_targets(env.face))
    return jax.lax.scan(step, first, jax.random.split(fight, STEPS))[0][0]


@pytest.mark.parametrize("name", FROZEN[VERSION])
def test_the_game_is_what_it_was(name):
    env = battle(name)
    assert env.spec.version == VERSION
    state = played(env)
    alive = np.asarray(state.alive)
    x, y, life = (np.asarray(row) for row in (state.x, state.y, state.health + state.shield))
    told = [float(value) for value in (x[alive].mean(), y[alive].mean(), life.sum())]
    np.testing.assert_allclose(told, FROZEN[VERSION][name], rtol=2e-4)
