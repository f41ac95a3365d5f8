"""The contract of a team network: what agents may look at, and what comes out."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.spec import EnvSpec

Carry = Any


class View(eqx.Module):
    """All that decentralised execution may look at: neither state nor units are in it.

    The position on the agent axis is the agent's id.
    """

    obs: Float[Array, "*rows N O"]
    avail: Bool[Array, "*rows N A"]
    alive: Bool[Array, "*rows N"]
    last_action: Int[Array, "*rows N"]
    """-1 where there was none: its one-hot is all zero."""


class TeamOutput(eqx.Module):
    """What a team network says of a stretch of time."""

    values: Float[Array, "T B N A"]
    """A utility (or logit) for each action."""
    features: Float[Array, "T B N H"]
    """What the values were read from: the recurrent state after the step, for joint critics."""
    aux: dict[str, Float[Array, "T B N ..."]] = dataclasses.field(default_factory=dict)
    """What one would want to look at."""


class AbstractTeam(eqx.Module):
    """A network for all agents at once, with its weights.

    It reads a stretch of time: acting is a stretch of length 1.
    """

    @property
    @abc.abstractmethod
    def talks(self) -> bool:
        """Whether agents hear of each other, so that none can act alone."""

    @abc.abstractmethod
    def initial(self, batch: int) -> Carry:
        """The memory before the first step of an episode; every leaf begins with the axes `B N`."""

    @abc.abstractmethod
    def __call__(self, carry: Carry, view: View, first: Bool[Array, "T B"]) -> tuple[TeamOutput, Carry]:
        """Read `T` steps. Where `first` is set, the memory is the initial one before that step is read."""


class AbstractTeamConfig(abc.ABC):
    """Settings of a team network; a frozen dataclass."""

    @abc.abstractmethod
    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> AbstractTeam:
        """Draw the weights for a world."""


def one_hot(index: Int[Array, "*rows"], size: int, dtype: jax.typing.DTypeLike) -> Float[Array, "*rows {size}"]:
    """One-hot rows; -1 gives a row of zeros."""
    return jax.nn.one_hot(index, size, dtype=dtype)
