"""Scenarios as JSON.

    {"name": "ambush", "limit": 120, "terrain": "band",
     "allies": [{"kind": "marine", "count": 5, "at": [9, 16]}],
     "enemies": [{"kind": "zealot", "count": 2, "at": [23, 16]}],
     "plan": {"to": [9, 16]}}

The plan is `"hunt"`, `"hold"`, or a point to attack-move to, as above; with `"until"`, a random one on the way there.
Instead of allies and enemies, `"teams"` has the fields of `scenario.RandomTeams`.
"""

import dataclasses
import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from qohort.envs.battle.scenario import AttackMove, Group, Hold, Hunt, Plan, Point, RandomTeams, Scenario
from qohort.envs.battle.units import Kind
from qohort.envs.battle.validation import checked
from qohort.errors import QohortError

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
"""From a value of JSON and its place, for sentences, to ours."""

PLANS: dict[str, Plan] = {"hunt": Hunt(), "hold": Hold()}


def to_json(scenario: Scenario) -> str:
    """A text that `from_json` reads."""
    data = dataclasses.asdict(scenario)
    if scenario.teams is None:
        del data["teams"]
    else:
        del data["allies"], data["enemies"]
    words = {type(plan): word for word, plan in PLANS.items()}
    if type(scenario.plan) in words:
        data["plan"] = words[type(scenario.plan)]
    elif data["plan"]["until"] is None:
        del data["plan"]["until"]
    return json.dumps(_worded(data), indent=2)


def from_json(source: str | Path) -> Scenario:
    """A scenario that can be played.

    Args:
        source: a file, or the text itself, which begins with a brace.
    """
    text = str(source)
    where = "the text"
    if not text.lstrip().startswith("{"):
        where, text = text, _read(Path(source))
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise QohortError(f"{where} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    try:
        scenario = _read_as(Scenario, data, "", _SCENARIO)
    except QohortError as error:
        raise QohortError(f"{where} is not a scenario: {error}") from None
    return checked(scenario)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise QohortError(f"Cannot read the scenario {str(path)!r}: {reason}.") from None


def _worded(data: Any) -> Any:
    """Kinds by their names."""
    match data:
        case Kind():
            return data.name.lower()
        case Mapping():
            return {key: _worded(value) for key, value in data.items()}
        case list() | tuple():
            return [_worded(value) for value in data]
    return data


def _read_as(kind: type[T], data: Any, where: str, readers: Mapping[str, Reader]) -> T:
    """A dataclass from an object of JSON; each field has its reader."""
    what = where or "it"
    if not isinstance(data, dict):
        raise QohortError(f"{what} is {json.dumps(data)}; it must be an object with {', '.join(map(repr, readers))}.")
    for key in data:
        if key not in readers:
            near = difflib.get_close_matches(key, readers, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(map(repr, readers))}."
            raise QohortError(f"{what} has a field {key!r}, which is not known. {hint}")
    for field in dataclasses.fields(kind):  # pyright: ignore[reportArgumentType]
        if field.default is dataclasses.MISSING and field.name not in data:
            raise QohortError(f"{what} lacks {field.name!r}.")
    prefix = f"{where}." if where else ""
    return kind(**{key: readers[key](value, f"{prefix}{key}") for key, value in data.items()})


def _text(data: Any, where: str) -> str:
    if not isinstance(data, str):
        raise QohortError(f"{where} is {json.dumps(data)}; it must be a text in quotes.")
    return data


def _whole(data: Any, where: str) -> int:
    if not isinstance(data, int) or isinstance(data, bool):
        raise QohortError(f"{where} is {json.dumps(data)}; it must be a whole number.")
    return data


def _number(data: Any, where: str) -> float:
    if not isinstance(data, int | float) or isinstance(data, bool):
        raise QohortError(f"{where} is {json.dumps(data)}; it must be a number.")
    return float(data)


def _kind(data: Any, where: str) -> Kind:
    names = {kind.name.lower(): kind for kind in Kind}
    name = _text(data, where).lower().replace(" ", "_")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise QohortError(f"{where} is {data!r}, which is no kind of unit.{hint} There are {', '.join(names)}.")
    return names[name]


def _point(data: Any, where: str) -> Point:
    if not isinstance(data, list) or len(data) != 2:
        raise QohortError(f"{where} is {json.dumps(data)}; it must be a point like [9, 16].")
    return _number(data[0], f"{where}[0]"), _number(data[1], f"{where}[1]")


def _several(reader: Reader) -> Reader:
    def read(data: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(data, list):
            raise QohortError(f"{where} is {json.dumps(data)}; it must be a list.")
        return tuple(reader(value, f"{where}[{i}]") for i, value in enumerate(data))

    return read


def _group(data: Any, where: str) -> Group:
    return _read_as(Group, data, where, {"kind": _kind, "count": _whole, "at": _point})


def _plan(data: Any, where: str) -> Plan:
    if not isinstance(data, str):
        return _read_as(AttackMove, data, where, {"to": _point, "until": _point})
    if data not in PLANS:
        words = " or ".join(map(repr, PLANS))
        raise QohortError(f'{where} is {data!r}; it must be {words}, or a point to attack-move to: {{"to": [9, 16]}}.')
    return PLANS[data]


def _teams(data: Any, where: str) -> RandomTeams:
    readers: dict[str, Reader] = {
        "allies": _whole,
        "enemies": _whole,
        "kinds": _several(_kind),
        "weights": _several(_number),
        "never_alone": _several(_kind),
        "surrounded": _number,
    }
    return _read_as(RandomTeams, data, where, readers)


_SCENARIO: dict[str, Reader] = {
    "name": _text,
    "limit": _whole,
    "terrain": _text,
    "allies": _several(_group),
    "enemies": _several(_group),
    "teams": _teams,
    "plan": _plan,
}
