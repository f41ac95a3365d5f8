"""What options of worlds may be, as the annotations of those who take them say.

A row of a table says what sentences call the values of an annotation, and how one is taken. A class without a row takes
its instances, which only Python can give; any other annotation, and none, takes everything.
"""

import dataclasses
import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import jax
import numpy as np
from jaxtyping import AbstractArray

from qohort.errors import QohortError

Annotation = Any
REFUSED: Any = object()
"""What comes of a value that cannot be taken."""
WHOLE, FINITE = "a whole number (at most 2**30)", "a finite number (at most 3e38)"
"""Worlds compute with whole numbers of 31 bits and broken ones of 32."""
MOST_WHOLE, MOST = 2**30, float(np.finfo(np.float32).max)
MANY_NUMBERS = (np.generic, np.ndarray, jax.Array)
"""Have `tolist`, which makes Python's own numbers of theirs."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """The values of an annotation."""

    words: tuple[str, ...]
    """What they are called."""
    take: Callable[[Any], Any]
    """From what is given to a value of the annotated type, or to `REFUSED`."""


def checked(world: str, annotations: Mapping[str, Annotation], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as values of their annotated types: 25.0 becomes 25 where a whole number is asked for, 1 becomes 1.0
    where it may be broken. An option that can be no such value is refused."""
    taken = {}
    for option, value in options.items():
        kind = _kind(annotations.get(option, Any))
        taken[option] = kind.take(value)
        if taken[option] is REFUSED:
            raise QohortError(f"{world}: {option} is {value!r}; it must be {_any_of(kind.words)}.")
    return taken


def annotations(factory: Callable[..., Any]) -> dict[str, Annotation]:
    """Those of the arguments that can be given by name."""
    try:
        signature = inspect.signature(factory, eval_str=True)
    except (NameError, AttributeError, SyntaxError, TypeError):  # a postponed name that is not there at run time
        signature = inspect.signature(factory)  # such annotations stay texts, which take everything
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p.annotation for p in signature.parameters.values() if p.kind in named}


def _any_of(words: tuple[str, ...]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _flag(value: Any) -> Any:
    plain = _plain(value)
    return plain if isinstance(plain, bool) else REFUSED


def _finite(value: Any) -> Any:
    plain = _plain(value)
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    return plain if is_number and abs(plain) <= MOST else REFUSED


def _whole(value: Any) -> Any:
    plain = _finite(value)
    if plain is REFUSED or plain != math.floor(plain) or abs(plain) > MOST_WHOLE:
        return REFUSED
    return int(plain)


def _number(value: Any) -> Any:
    plain = _finite(value)
    return plain if plain is REFUSED else float(plain)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, MANY_NUMBERS) else value


def _instance(*classes: type) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        try:
            return value if isinstance(value, classes) else REFUSED
        except TypeError:  # a protocol that says nothing at run time
            return value

    return take


def _literal(choices: tuple[Any, ...]) -> Kind:
    known = [(type(choice), choice) for choice in choices]  # 1 is no True
    return Kind(tuple(map(repr, choices)), lambda value: value if (type(value), value) in known else REFUSED)


def _union(members: tuple[Annotation, ...]) -> Kind:
    """A value that is of a member's type already stays what it is."""
    kinds = [_kind(member) for member in members]
    words = dict.fromkeys(word for kind in kinds for word in kind.words)
    if {WHOLE, FINITE} <= words.keys():
        del words[WHOLE]

    def take(value: Any) -> Any:
        taken = [held for kind in kinds if (held := kind.take(value)) is not REFUSED]
        return next((held for held in taken if type(held) is type(value)), taken[0] if taken else REFUSED)

    return Kind(tuple(words), take)


def _several(make: type[tuple | list], items: tuple[Annotation, ...]) -> Kind:
    """Lists of any length, or of as many items as there are annotations if no dots follow them."""
    kinds = [_kind(item) for item in items if item is not Ellipsis] or [ANYTHING]
    fixed = make is tuple and len(kinds) == len(items)
    form = ", ".join([*(_any_of(kind.words) for kind in kinds), *(() if fixed else ("...",))])

    def take(value: Any) -> Any:
        plain = _plain(value)
        if not isinstance(plain, Sequence) or isinstance(plain, str | bytes) or (fixed and len(plain) != len(kinds)):
            return REFUSED
        taken = [kind.take(item) for kind, item in zip(kinds if fixed else kinds * len(plain), plain, strict=True)]
        return REFUSED if any(item is REFUSED for item in taken) else make(taken)

    return Kind((f"a list: [{form}]",), take)


def _kind(annotation: Annotation) -> Kind:
    origin = get_origin(annotation) or annotation
    if origin in KINDS:
        return KINDS[origin]
    if origin in GENERIC:
        return GENERIC[origin](get_args(annotation))
    if not isinstance(origin, type):
        return ANYTHING
    if issubclass(origin, AbstractArray):
        return ARRAY
    article = "an" if origin.__name__[0] in "AEIOU" else "a"
    return Kind((f"{article} {origin.__name__} (only from Python)",), _instance(origin))


ANYTHING = Kind(("anything",), lambda value: value)
ARRAY = Kind(("an array (only from Python)",), _instance(np.ndarray, jax.Array))
NOTHING = Kind(("None",), lambda value: value if value is None else REFUSED)

KINDS: dict[Annotation, Kind] = {
    inspect.Parameter.empty: ANYTHING,
    Any: ANYTHING,
    None: NOTHING,
    types.NoneType: NOTHING,
    bool: Kind(("true", "false"), _flag),
    int: Kind((WHOLE,), _whole),
    float: Kind((FINITE,), _number),
    str: Kind(('text such as "abc"',), _instance(str)),
    Path: Kind(("a path",), lambda value: Path(value) if isinstance(value, str | Path) else REFUSED),
    dict: Kind(("an object",), _instance(dict)),
    Mapping: Kind(("an object",), _instance(Mapping)),
    np.ndarray: ARRAY,
    jax.Array: ARRAY,
}
"""Of annotations without arguments, or whose arguments are not looked at."""

GENERIC: dict[Annotation, Callable[[tuple[Any, ...]], Kind]] = {
    Literal: _literal,
    Union: _union,
    types.UnionType: _union,
    Annotated: lambda of: _kind(of[0]),
    tuple: lambda items: _several(tuple, items),
    list: lambda items: _several(list, items),
    Sequence: lambda items: _several(tuple, (*items, ...)),
}
"""Of annotations with arguments, from these."""
