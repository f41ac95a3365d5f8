"""What settings may be: whoever is refused is told the setting's name, its value and the limit.

Names are keywords, as in `at_least(1, of="feed", batch=self.batch)`, which refuses 0 with "feed.batch is 0; it must be
at least 1." None stands for a default and passes everywhere; what is not a number (nan) passes nowhere.
"""

import dataclasses
import functools
import inspect
import numbers
import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

from qohort.errors import QohortError

Number = int | float | None

_NUMBERS: dict[Any, Any] = {int: numbers.Integral, float: numbers.Real}
"""NumPy's are as good."""
_WORDS: dict[Any, Any] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    type(None): "None",
}


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
    """Refuse what the annotation of a field of a dataclass does not list: Python itself does not look."""
    for name, hint in _hints(type(settings)).items():
        value = getattr(settings, name)
        if get_origin(hint) is Literal:
            one_of(hint, of=of, **{name: value})
        elif not isinstance(value, _kinds(hint)):
            raise QohortError(f"{_named(of, name)} is {_shown(value)}; it must be {_listed(hint)}.")


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _kinds(hint: Any) -> tuple[type, ...]:
    """The classes that a value may be of: any where the annotation is more than classes."""
    parts = _parts(hint)
    if not all(isinstance(part, type) for part in parts):
        return (object,)
    return tuple(_NUMBERS.get(part, part) for part in parts)


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _shown(value: object) -> str:
    return f"the class {value.__name__}, not made yet: {value.__name__}()" if isinstance(value, type) else repr(value)


def _listed(hint: Any) -> str:
    parts = (part for part in _parts(hint) if not inspect.isabstract(part))
    return " or ".join(_WORDS.get(part, part.__name__) for part in parts)


def _named(owner: str, name: str) -> str:
    return f"{owner}.{name}" if owner else name
