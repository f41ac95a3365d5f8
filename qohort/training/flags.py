"""Settings from the words of a command line; a value that they refuse is a sentence, not a traceback."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import tyro

from qohort.algorithms.method import Preset
from qohort.training.run import Run


def parse(
    kind: Any, argv: Sequence[str], *, prog: str, default: Mapping[str, Any] | None = None, description: str = ""
) -> Any:
    """An instance of a dataclass from flags."""
    settings: dict[str, Any] = {} if default is None else {"default": kind(**default)}
    return tyro.cli(
        tyro.conf.configure(tyro.conf.AvoidSubcommands)(kind),
        args=[_whole(word) for word in argv],
        prog=prog,
        description=description,
        **settings,
    )


def _whole(word: str) -> str:
    """A whole number as people write it, 4,000 or 2e6, in the digits that settings take; other words as they are."""
    if re.fullmatch(r"\d{1,3}(,\d{3})+", word):
        return word.replace(",", "")
    if re.fullmatch(r"\d+(\.\d+)?[eE]\+?\d{1,2}", word) and float(word).is_integer():
        return str(int(float(word)))
    return word


def flags_type(settings: Preset) -> Any:
    """The settings as a type for tyro: the algorithm's own class, and the run's flags without a prefix."""
    return dataclasses.make_dataclass(
        "Flags",
        [("algorithm", type(settings.algorithm)), ("run", Annotated[Run, tyro.conf.arg(name="")])],
        frozen=True,
    )
