"""The contract of a world."""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.scene import Scene
from qohort.spec import EnvSpec, Observation, Outcome

State = Any
Snapshot = Any


class AbstractEnv(eqx.Module):
    """A world: a frozen pytree of settings and tables with pure functions.

    All functions speak of one environment; training vmaps them. The world travels into compiled code
    as an argument, so its tables are never baked into a program. What an agent sees is a function of
    the *snapshot* alone: replay stores snapshots and observes them again when it needs them.
    """

    spec: eqx.AbstractVar[EnvSpec]

    @abc.abstractmethod
    def reset(self, key: PRNGKeyArray) -> State:
        """Draw the first state of an episode."""

    @abc.abstractmethod
    def step(self, key: PRNGKeyArray, state: State, actions: Int[Array, " N"]) -> tuple[State, Outcome]:
        """Let every agent act at once. The state returned after the last step is the one reached."""

    @abc.abstractmethod
    def snapshot(self, state: State) -> Snapshot:
        """The part of the state that `observe` reads; a world without a smaller one returns the state."""

    @abc.abstractmethod
    def observe(self, snapshot: Snapshot) -> Observation:
        """What agents and training see of a snapshot."""

    def scene(self, snapshot: Snapshot) -> Scene | None:
        """What to draw of a snapshot; a world that says nothing cannot be watched, and needs nothing else."""
        return None

    def traits(self, before: Snapshot, after: Snapshot) -> dict[str, Float[Array, " N"]]:
        """What else there is to say of each agent around a step, by name, for analyses; most worlds need nothing."""
        return {}
