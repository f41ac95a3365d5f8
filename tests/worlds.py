"""Worlds whose every frame says where it comes from."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.spec import EnvSpec, Observation, Outcome


class ClockState(eqx.Module):
    episode: Int[Array, ""]
    time: Int[Array, ""]
    length: Int[Array, ""]
    cut: Int[Array, ""]


class Clock(AbstractEnv):
    """Two agents watch a clock. An episode's length is drawn at its start; one in three is cut by the time limit.

    The observation tells episode and time, so that a window can be checked entry by entry. The reward is the time
    at which the step began, plus the first agent's action divided by 10. Whether it is late is told, or is NaN.
    """

    spec: EnvSpec = eqx.field(static=True)
    individual: bool = eqx.field(static=True)
    measured: bool = eqx.field(static=True)

    def __init__(
        self, limit: int = 6, *, individual: bool = False, version: str | None = None, measured: bool = True
    ) -> None:
        self.individual = individual
        self.measured = measured
        self.spec = EnvSpec(
            name="tests/clock",
            agents=("a", "b"),
            actions=("none", "left", "right"),
            obs_features=("episode", "time", "agent"),
            state_features=("episode", "time"),
            unit_features=("time",),
            limit=limit,
            metrics=("late",),
            reward="individual" if individual else "team",
            groups=("early", "late"),
            version=version,
        )

    def reset(self, key: PRNGKeyArray) -> ClockState:
        draw = jax.random.split(key, 3)
        cut = jax.random.randint(draw[0], (), 0, 3) == 0
        length = jnp.where(cut, self.spec.limit, jax.random.randint(draw[1], (), 1, self.spec.limit + 1))
        episode = jax.random.randint(draw[2], (), 1, 10_000)
        return ClockState(episode, jnp.zeros((), jnp.int32), length.astype(jnp.int32), cut.astype(jnp.int32))

    def step(self, key: PRNGKeyArray, state: ClockState, actions: Int[Array, " N"]) -> tuple[ClockState, Outcome]:
        time = state.time + 1
        ended = time >= state.length
        reward = state.time + actions[0] / 10
        return eqx.tree_at(lambda s: s.time, state, time), Outcome(
            reward=jnp.full(self.spec.n_rewards, reward, jnp.float32),
            terminated=ended & (state.cut == 0),
            truncated=ended & (state.cut == 1),
            metrics={"late": jnp.where(self.measured, time > 3, jnp.nan).astype(jnp.float32)},
        )

    def snapshot(self, state: ClockState) -> ClockState:
        return state

    def observe(self, snapshot: ClockState) -> Observation:
        episode, time = snapshot.episode.astype(jnp.float32), snapshot.time.astype(jnp.float32)
        return Observation(
            obs=jnp.stack([jnp.full(2, episode), jnp.full(2, time), jnp.arange(2.0)], axis=-1),
            state=jnp.stack([episode, time]),
            units=jnp.full((2, 1), time),
            avail=jnp.ones((2, 3), bool),
            alive=jnp.ones(2, bool),
        )
