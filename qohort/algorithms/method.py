"""What `qohort train` knows of a method: a sentence, and its presets."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from qohort.algorithms.base import AbstractAlgorithm

T = TypeVar("T")


def fitting(table: Mapping[str, T], world: str, otherwise: T) -> T:
    """What a table by beginnings of names has for a world; the first that fits."""
    return next((value for beginning, value in table.items() if world.startswith(beginning)), otherwise)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings of one algorithm, where they come from, and how long to train with them."""

    algorithm: AbstractAlgorithm
    """The settings."""
    source: str
    """A paper, a published code, or a measurement, in a sentence."""
    run: Mapping[str, Any]
    """Settings of the run that belong to it."""

    def but(self, *, source: str, run: Mapping[str, Any] = MappingProxyType({}), **settings: Any) -> "Preset":
        """The same with other settings of the algorithm, and of the run where some are named."""
        algorithm = dataclasses.replace(self.algorithm, **settings)
        return Preset(algorithm=algorithm, source=source, run={**self.run, **run})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """A row of the registry."""

    summary: str
    """What `qohort list` says of it."""
    presets: Mapping[str, Callable[[str], Preset]]
    """By name; each is given the name of the world, without options. Every method has `paper`."""
