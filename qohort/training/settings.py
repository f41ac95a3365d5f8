"""A configuration as plain data: to JSON and back, a hash for its name, and how two differ.

A dataclass becomes a dictionary with the name of its class under `class`, which no setting can be called.
A union (any mixer, any team) so comes back as what it was.
"""

import dataclasses
import hashlib
import json
import pathlib
import typing
from collections.abc import Collection, Mapping
from typing import Any

from qohort.errors import QohortError

KIND = "class"
_ABSENT = object()
_SHOWN = 8
IDLE = {"Novelty": "weight"}
"""Parts that do nothing, whatever else they say, while this setting of theirs is 0."""


def config_to_dict(config: Any) -> dict[str, Any]:
    """A (nested) dataclass as plain data."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise QohortError(f"A configuration is a dataclass, and {config!r} is none.")
    return _plain(config, type(config).__name__)


def config_from_dict(data: Mapping[str, Any], registry: Mapping[str, type]) -> Any:
    """The configuration that `config_to_dict` was given; `registry` names every class that may be in it."""
    return _revived(data, Any, registry, where="")


def completed(config: Mapping[str, Any], registry: Mapping[str, type]) -> dict[str, Any]:
    """A written configuration, with the settings that it lacks because they are newer, at their defaults."""

    def look(item: Any) -> Any:
        if isinstance(item, list):
            return [look(part) for part in item]
        return completed(item, registry) if isinstance(item, Mapping) else item

    told = {name: look(item) for name, item in config.items()}
    kind = registry.get(str(config.get(KIND)))
    for field in dataclasses.fields(kind) if kind is not None else ():
        if field.init and field.name not in told and field.default is not dataclasses.MISSING:
            told[field.name] = _plain(field.default, field.name)
    return told


def classes_in(root: type) -> list[type]:
    """A dataclass of settings, and all that can be in it."""
    found: dict[type, None] = {}

    def look(hint: Any) -> None:
        for part in typing.get_args(hint):
            look(part)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint not in found:
            found[hint] = None
            for part in typing.get_type_hints(hint).values():
                look(part)

    look(root)
    return list(found)


def config_hash(config: Mapping[str, Any], *, may_change: Collection[str] = ()) -> str:
    """Eight hexadecimal digits that are equal for equal settings, whatever those that may change are."""
    kept = {name: value for name, value in flat(config).items() if not _covered(name, may_change)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Dotted names of settings that differ, with both values as text."""
    old, new = flat(before), flat(after)
    names = dict.fromkeys((*old, *new))
    pairs = {name: (old.get(name, _ABSENT), new.get(name, _ABSENT)) for name in names}
    return {name: (_text(was), _text(now)) for name, (was, now) in pairs.items() if _text(was) != _text(now)}


def split_differences(
    changes: Mapping[str, tuple[str, str]], may_change: Collection[str]
) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """Changes that are allowed, and those that are not. A name allows everything below it."""
    allowed = {name: pair for name, pair in changes.items() if _covered(name, may_change)}
    return allowed, {name: pair for name, pair in changes.items() if name not in allowed}


def listed(changes: Mapping[str, tuple[str, str]]) -> str:
    """The first few changes in words."""
    words = [f"{name} was {was} and is {now}" for name, (was, now) in list(changes.items())[:_SHOWN]]
    more = len(changes) - len(words)
    return "; ".join(words) + (f"; and {more} more" if more else "")


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names and values; 1 and 1.0 are one value, tuples are lists. Of a part that is idle, only its switch."""
    switch = IDLE.get(config.get(KIND, ""))
    if switch is not None and not config.get(switch):
        return {KIND: config[KIND], switch: 0}
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= {f"{name}.{below}": item for below, item in flat(value).items()}
        else:
            found[name] = _canonical(value)
    return found


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _covered(name: str, allowed: Collection[str]) -> bool:
    return any(name == item or name.startswith(f"{item}.") for item in allowed)


def _plain(value: Any, where: str) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case pathlib.PurePath():
            return str(value)
        case tuple():
            return [_plain(item, f"{where}.{index}") for index, item in enumerate(value)]
        case Mapping() if KIND not in value and all(isinstance(name, str) for name in value):
            return {name: _plain(item, f"{where}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {KIND: type(value).__name__} | {name: _plain(item, f"{where}.{name}") for name, item in fields.items()}
    raise QohortError(
        f"The setting {where} is {value!r}, which a run folder cannot write down; use numbers, text, tuples and "
        "frozen dataclasses of those."
    )


def _revived(value: Any, hint: Any, registry: Mapping[str, type], *, where: str) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_revived(item, Any, registry, where=f"{where}.{index}") for index, item in enumerate(value))
    if isinstance(value, str) and (hint is pathlib.Path or pathlib.Path in typing.get_args(hint)):
        return pathlib.Path(value)
    if not isinstance(value, Mapping):
        return value
    if KIND not in value:
        return {name: _revived(item, Any, registry, where=f"{where}.{name}") for name, item in value.items()}
    kind, given = value[KIND], {name: item for name, item in value.items() if name != KIND}
    at = where.lstrip(".") or "the configuration"
    if kind not in registry:
        raise QohortError(
            f"{at} is of the kind {kind!r}, which is not known here; known are {_names(registry)}. Of a class of your "
            f"own, tell which it is, as in `qohort.load(run, classes=[{kind}])`."
        )
    known = {field.name: field for field in dataclasses.fields(registry[kind])}
    for name in given:
        if name not in known:
            raise QohortError(
                f"{at} ({kind}) has a setting {name!r} that is not known here; known are {_names(known)}."
            )
    for name, field in known.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if field.init and required and name not in given:
            raise QohortError(f"{at} ({kind}) lacks the setting {name!r}, which has no default.")
    hints = typing.get_type_hints(registry[kind])
    settings = {
        name: _revived(item, hints[name], registry, where=f"{where}.{name}")
        for name, item in given.items()
        if known[name].init
    }
    return registry[kind](**settings)


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
