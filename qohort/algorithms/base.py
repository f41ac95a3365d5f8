"""The contract of an algorithm."""

import abc
import dataclasses
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.optimiser import Optimiser
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers.base import AbstractMixer
from qohort.networks.base import AbstractTeam, Carry, View
from qohort.replay.feed import AbstractFeed
from qohort.replay.window import Window
from qohort.spec import EnvSpec

Learner = Any
"""What learning changes; the weights that it moves are in `params`, those that act in `params.team`."""
Params = Any


class Pace(eqx.Module):
    """When updates fall due."""

    every: int = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    """`episodes` finished, or environment `steps`."""
    updates: int = eqx.field(static=True)
    """How many updates each time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractAlgorithm(abc.ABC):
    """Settings, and the pure functions that they define; a frozen dataclass, so a static argument."""

    outputs: ClassVar[Literal["utilities", "logits"]] = "utilities"
    """What the team network's numbers are: values of actions, or logits of a policy."""

    environments: int
    """How many copies of the world are played side by side."""
    feed: AbstractFeed
    """Where batches come from."""
    optimiser: Optimiser
    """How weights are moved."""
    gamma: float
    """The discount."""

    @abc.abstractmethod
    def check(self, spec: EnvSpec) -> None:
        """Refuse a world that this algorithm cannot learn on, with a sentence."""

    @abc.abstractmethod
    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> Learner:
        """Everything that learning changes: weights, targets, optimiser, counters."""

    def mixer_of(self, params: Params) -> AbstractMixer | None:
        """What makes one value of the utilities, to be looked into; None if nothing does."""
        return None

    def team_reward(self, reward: Float[Array, "T B M"]) -> Float[Array, "T B M2"]:
        """The rewards as they are learnt from."""
        return reward

    def act(
        self,
        team: AbstractTeam,
        carry: Carry,
        view: View,
        *,
        first: Bool[Array, " B"],
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> tuple[Int[Array, "B N"], Carry]:
        """Choose actions for one moment of a batch; `exploration` 0 is greedy."""
        outputs, carry = self.look(team, carry, view, first=first)
        return self.choose(outputs, view.avail, key=key, exploration=exploration), carry

    def look(
        self, team: AbstractTeam, carry: Carry, view: View, *, first: Bool[Array, " B"]
    ) -> tuple[Float[Array, "B N A"], Carry]:
        """What the team's network says of one moment of a batch."""
        out, carry = team(carry, *jax.tree.map(lambda leaf: leaf[None], (view, first)))
        return out.values[0], carry

    @abc.abstractmethod
    def choose(
        self,
        outputs: Float[Array, "B N A"],
        avail: Bool[Array, "B N A"],
        *,
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> Int[Array, "B N"]:
        """Actions by the network's numbers; `exploration` 0 is greedy."""

    @abc.abstractmethod
    def update(self, learner: Learner, window: Window, key: PRNGKeyArray) -> tuple[Learner, dict[str, Array]]:
        """One step of learning, and what to log of it: numbers by name, among them `loss`."""

    @abc.abstractmethod
    def pace(self) -> Pace:
        """When updates fall due."""

    @abc.abstractmethod
    def exploration(self) -> LinearSchedule:
        """How much to explore, over environment steps."""

    def learning_rate(self) -> LinearSchedule:
        """The step size, over environment steps; it reaches the learner as `learner.learning_rate`."""
        return self.optimiser.schedule()
