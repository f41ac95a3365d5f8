"""What three simple plans gain on `battle/2s_vs_1sc`, to be held against returns of the game itself.

The map decides which table of units SMAC plays with. Its returns follow from few numbers: a shot takes a fixed part of
300 points of health, every step in which the Spine Crawler only regenerates pays a little, too, and little is random.

- `script`: both Stalkers walk in and shoot until they are dead.
- `alone`: one does, the other stays where it is until the time is over.
- `turns`: who could not survive one more hit steps out of reach, and comes back when the other one is the target.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.battle.commands import NORTH, STOP
from qohort.envs.battle.env import Battle
from qohort.envs.battle.heuristic import heuristic, no_targets
from qohort.envs.battle.state import BattleState, Snapshot

Plan = Literal["script", "alone", "turns"]
SOUTH = NORTH + 1
STEPS_BACK = 2
"""So many lead out of the crawler's reach."""
WEAK = 20.0
"""Health and shield that one more hit takes."""


class Fought(eqx.Module):
    """How battles ended."""

    won: Float[Array, "*rows"]
    gained: Float[Array, "*rows"]
    steps: Int[Array, "*rows"]


Carry = tuple[BattleState, Int[Array, " A"], Int[Array, " A"], Fought, Bool[Array, ""]]


@eqx.filter_jit
def siege(env: Battle, key: PRNGKeyArray, plan: Plan, battles: int) -> Fought:
    """Battles of two Stalkers with a plan."""
    return jax.vmap(lambda key: _battle(env, key, plan))(jax.random.split(key, battles))


def _battle(env: Battle, key: PRNGKeyArray, plan: Plan) -> Fought:
    begin, fight = jax.random.split(key)

    def step(carry: Carry, key: PRNGKeyArray) -> tuple[Carry, None]:
        state, targets, backed, fought, over = carry
        snapshot = env.snapshot(state)
        actions, targets = heuristic(env.face, snapshot, targets)
        if plan == "alone":
            actions = actions.at[1].set(jnp.where(snapshot.alive[1], STOP, actions[1]))
        if plan == "turns":
            steps_back = _steps_back(snapshot, backed)
            backed = backed + steps_back
            actions = jnp.where(steps_back, SOUTH, actions)
        reached, outcome = env.step(key, state, actions.astype(jnp.int32))
        fought = Fought(
            won=jnp.where(over, fought.won, outcome.metrics["won"]),
            gained=fought.gained + jnp.where(over, 0, outcome.reward[0]),
            steps=jnp.where(over, fought.steps, reached.step),
        )
        state = jax.tree.map(lambda new, old: jnp.where(over, old, new), reached, state)
        return (state, targets, backed, fought, over | outcome.terminated | outcome.truncated), None

    nothing = Fought(won=jnp.zeros(()), gained=jnp.zeros(()), steps=jnp.int32(0))
    first = (env.reset(begin), no_targets(env.face), jnp.zeros(2, jnp.int32), nothing, jnp.array(False))
    return jax.lax.scan(step, first, jax.random.split(fight, env.spec.limit))[0][3]


def _steps_back(snapshot: Snapshot, backed: Int[Array, " A"]) -> Bool[Array, " A"]:
    left = (snapshot.health + snapshot.shield)[:2]
    return snapshot.alive[:2] & (left < WEAK) & (left[::-1] >= WEAK) & (backed < STEPS_BACK)
