"""What a study is asked for: grids of algorithms, worlds and options, and the trials that they stand for."""

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from qohort.errors import QohortError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """Every algorithm in every world with every combination of options."""

    algorithms: Sequence[str]
    """Names that `qohort train` knows."""
    worlds: Sequence[str]
    """Names of worlds, or `module:factory`."""
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Flags of `qohort train` without the dashes, each with a value or a list of values to combine."""
    one_at_a_time: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """More of them, which are not combined: the grid without them, and once more for each of their values."""
    label: str = ""
    """Part of the cells' names, in which options with one value do not appear."""
    preset: str | None = None
    """The preset; each world's own if not given."""
    team: str | None = None
    """Another network for the agents than the preset's, as `--team` of `qohort train`."""
    steps: int | None = None
    """Environment steps; the preset's if not given."""
    seeds: int = 1
    """How many seeds each cell is trained with."""
    seed: int = 0
    """The first seed."""

    def __post_init__(self) -> None:
        for name, what in (("algorithms", "qatten"), ("worlds", "battle/3m")):
            if isinstance(getattr(self, name), str):
                raise QohortError(f"{name} is the text {getattr(self, name)!r}; it must be a list of names.")
            if not getattr(self, name):
                raise QohortError(f"A study without {name} has no cells; name at least one, as in --{name} {what}.")
        for name in self.options.keys() & self.one_at_a_time.keys():
            if _several(self.options[name]):
                raise QohortError(
                    f"The option {name} is to be combined with others and to vary one at a time. Give it one value "
                    "among the options, from which it then varies, or leave it out there."
                )
        if self.label and (self.label.isdigit() or re.search(r"[^\w.=+-]", self.label)):
            raise QohortError(
                f"The label {self.label!r} cannot be part of a folder's name here: use letters, digits, '_', '.', '=', "
                "'+' and '-', and not digits alone."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One algorithm in one world with one value for each option, not yet checked."""

    algorithm: str
    world: str
    options: Mapping[str, Any]
    spelled: frozenset[str]
    """Options that are part of the name: those with a list of values."""
    grid: Grid


def trials(grid: Grid) -> list[Trial]:
    """The trials of a grid: world by world, algorithm by algorithm, the last option fastest."""
    several = {name for name, value in grid.options.items() if _several(value)}
    return [
        Trial(
            algorithm=algorithm,
            world=world,
            options={**base, **varied},
            spelled=frozenset(several | varied.keys()),
            grid=grid,
        )
        for world, algorithm in itertools.product(grid.worlds, grid.algorithms)
        for base in _combined(grid.options)
        for varied in ({}, *_single(grid.one_at_a_time))
    ]


def as_data(grid: Grid) -> dict[str, Any]:
    """A grid as JSON; `Grid(**data)` makes it again."""
    data = dataclasses.asdict(grid)
    return data | {"algorithms": list(grid.algorithms), "worlds": list(grid.worlds)}


def parse_option(text: str) -> tuple[str, list[str]]:
    """`name=1,2,4`: a flag's name, and the values that it is to have."""
    name, equals, values = text.partition("=")
    if not equals or not name.strip() or not all(value.strip() for value in values.split(",")):
        raise QohortError(
            f"--set {text!r} is no option; write a flag of `qohort train` and its values, as in "
            "--set algorithm.mixer.heads=1,2,4."
        )
    return name.strip(), [value.strip() for value in values.split(",")]


def _combined(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = itertools.product(*map(_values, options.values()))
    return [dict(zip(options, chosen, strict=True)) for chosen in values]


def _single(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{name: value} for name, values in options.items() for value in _values(values)]


def _values(value: Any) -> list[Any]:
    if not _several(value):
        return [value]
    if not value:
        raise QohortError("An option has an empty list of values; give at least one, or leave the option out.")
    return list(value)


def _several(value: Any) -> bool:
    return isinstance(value, list | tuple)
