"""What settings may be: whoever is refused is told the setting's name, its value and the limit.

Names are keywords, as in `at_least(1, of="feed", batch=self.batch)`, which refuses 0 with "feed.batch is 0; it must be
at least 1." None stands for a default and passes everywhere; what is not a number (nan) passes nowhere.
"""

import dataclasses
import functools
from typing import Any, Literal, get_args, get_origin, get_type_hints

from qohort.errors import QohortError

Number = int | float | None


def at_least(least: int | float, *, of: str = "", **settings: Number) -> None:
    """Refuse what is less."""
    for name, value in settings.items():
        if value is not None and not value >= least:
            raise QohortError(f"{_named(of, name)} is {value}; it must be at least {least}.")


def at_most(greatest: int | float, *, of: str = "", **settings: Number) -> None:
    """Refuse what is greater."""
    for name, value in settings.items():
        if value is not None and not value <= greatest:
            raise QohortError(f"{_named(of, name)} is {value}; it must be at most {greatest:,}.")


def above(limit: int | float, *, of: str = "", **settings: Number) -> None:
    """Refuse what is not greater."""
    for name, value in settings.items():
        if value is not None and not value > limit:
            raise QohortError(f"{_named(of, name)} is {value}; it must be greater than {limit}.")


def share(*, of: str = "", **settings: Number) -> None:
    """Refuse what is no probability, discount or other part of a whole."""
    for name, value in settings.items():
        if value is not None and not 0 <= value <= 1:
            raise QohortError(f"{_named(of, name)} is {value}; it must lie between 0 and 1.")


def one_of(choices: object, *, of: str = "", **settings: object) -> None:
    """Refuse what a `Literal` does not list."""
    for name, value in settings.items():
        if value not in get_args(choices):
            allowed = ", ".join(map(repr, get_args(choices)))
            raise QohortError(f"{_named(of, name)} is {value!r}; choose one of {allowed}.")


def choices(settings: Any, *, of: str = "") -> None:
    """Refuse what the `Literal` of a field of a dataclass does not list: Python itself does not look."""
    for name, literal in _literals(type(settings)).items():
        one_of(literal, of=of, **{name: getattr(settings, name)})


@functools.cache
def _literals(kind: type) -> dict[str, object]:
    hints = get_type_hints(kind)
    names = (field.name for field in dataclasses.fields(kind))
    return {name: hints[name] for name in names if get_origin(hints[name]) is Literal}


def _named(owner: str, name: str) -> str:
    return f"{owner}.{name}" if owner else name
