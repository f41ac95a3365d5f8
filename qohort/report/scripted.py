"""One episode of a battle in which the team follows SMAC's script, to look at without training anything."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.envs.battle.env import Battle
from qohort.envs.battle.heuristic import heuristic, no_targets
from qohort.envs.battle.state import BattleState, Snapshot
from qohort.report.episode import Episode
from qohort.spec import Outcome

Moment = tuple[Snapshot, Int[Array, "*rows N"], Outcome]


def scripted_episode(env: Battle, *, seed: int = 0, title: str = "") -> Episode:
    """Play until the end. There are no values of actions, since nobody has learned any.

    Args:
        env: the battle.
        seed: of what is random.
        title: of pictures; by default the battle's name.
    """
    snapshots, actions, outcomes = jax.jit(_roll)(env, jax.random.key(seed))
    ended = np.asarray(outcomes.terminated | outcomes.truncated)
    length = int(ended.argmax()) + 1
    moments = jax.tree.map(lambda leaf: leaf[: length + 1], snapshots)
    seen = jax.jit(jax.vmap(env.observe))(moments)
    avail = np.asarray(seen.avail)
    return Episode(
        env=env,
        title=title or f"{env.spec.name}, scripted",
        snapshots=moments,
        values=np.full(avail.shape, np.nan, np.float32),
        avail=avail,
        alive=np.asarray(seen.alive),
        actions=np.asarray(actions[:length]),
        rewards=np.asarray(outcomes.reward[:length]),
        terminated=bool(outcomes.terminated[length - 1]),
        metrics={name: float(values[length - 1]) for name, values in outcomes.metrics.items()},
    )


def _roll(env: Battle, key: PRNGKeyArray) -> Moment:
    """A moment more than the limit has steps."""

    def step(
        carry: tuple[BattleState, Int[Array, " N"]], key: PRNGKeyArray
    ) -> tuple[tuple[BattleState, Array], Moment]:
        state, targets = carry
        snapshot = env.snapshot(state)
        actions, targets = heuristic(env.face, snapshot, targets)
        state, outcome = env.step(key, state, actions)
        return (state, targets), (snapshot, actions.astype(jnp.int32), outcome)

    begin, play = jax.random.split(key)
    return jax.lax.scan(step, (env.reset(begin), no_targets(env.face)), jax.random.split(play, env.spec.limit + 1))[1]
