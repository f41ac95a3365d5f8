"""Where windows come from: the contract of a feed."""

import abc
from typing import Any, ClassVar

from jaxtyping import Array, Bool, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.networks.base import Carry
from qohort.replay.frames import Ring
from qohort.replay.window import Window
from qohort.spec import EnvSpec

Mark = Any
"""What a feed remembers besides the ring; nothing, if everything in the ring may be drawn at any time."""


class AbstractFeed(abc.ABC):
    """Settings, and the pure functions that they define; a frozen dataclass, so a static argument."""

    kept: ClassVar[str]
    """What the frames that it needs are called."""

    @abc.abstractmethod
    def check_chunk(self, chunk: int) -> None:
        """Refuse a length of chunks that does not fit, with a sentence."""

    @abc.abstractmethod
    def frames_each(self, spec: EnvSpec, environments: int) -> int:
        """The capacity of one environment's ring."""

    @abc.abstractmethod
    def table(self) -> int:
        """How many finished episodes the ring keeps in its table."""

    @abc.abstractmethod
    def less(self, share: float) -> str:
        """Which flag to set to what, to take this share of the memory; a sentence."""

    @abc.abstractmethod
    def mark(self, ring: Ring, carry: Carry) -> Mark:
        """What is to be remembered of this moment, at the beginning and after updates."""

    @abc.abstractmethod
    def ready(self, ring: Ring, spec: EnvSpec) -> Bool[Array, ""]:
        """Whether updates can be made at all."""

    @abc.abstractmethod
    def draw(self, key: PRNGKeyArray, ring: Ring, env: AbstractEnv, *, mark: Mark) -> Window:
        """The batch of one update."""

    @abc.abstractmethod
    def marked_again(self, mark: Mark, ring: Ring, *, carry: Carry, updates: Int[Array, ""]) -> Mark:
        """The mark after a chunk in which so many updates were made."""
