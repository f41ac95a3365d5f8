"""The predictions of Qatten's theory, numbered, each with the rule that decides on it."""

import dataclasses
from collections.abc import Callable
from typing import Any

from qohort.errors import QohortError
from qohort.lab.descent import Descent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is spent on the predictions that need training or draws."""

    seeds: int = 4
    """Starting points of each trained mixer."""
    updates: int = 6000
    """Updates from each."""
    draws: int = 2000
    """Random mixers of each kind whose joint actions are enumerated."""
    seed: int = 0
    """Which starting points and draws."""

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise QohortError(f"--draws is {self.draws}; it must be at least 1.")
        self.descent()

    def descent(self) -> Descent:
        """How mixers are trained with this effort."""
        return Descent(seeds=self.seeds, updates=self.updates, seed=self.seed)

    def short_descent(self) -> Descent:
        """How mixers are trained on many states together: an update takes long there, and a quarter is enough."""
        return dataclasses.replace(self.descent(), updates=max(1, self.updates // 4))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What came out."""

    holds: bool
    evidence: str
    """Sentences with the numbers that decided."""
    measured: dict[str, Any]
    """All numbers, as plain data."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """What is claimed, and how it is decided."""

    number: int
    name: str
    claim: str
    rule: str
    """When it counts as confirmed; fixed before anything is measured."""
    test: Callable[[Effort], Finding]
