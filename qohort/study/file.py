"""A study as a file, TOML or JSON: what holds for all of it, then grids and single cells."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qohort.algorithms.registry import unknown
from qohort.errors import QohortError
from qohort.study.grid import Grid
from qohort.training import disk

_GRID = {field.name: field for field in dataclasses.fields(Grid)}
_CELL = {name: name for name in _GRID if name not in ("algorithms", "worlds", "one_at_a_time")} | {
    "algorithm": "algorithms",
    "world": "worlds",
}
"""What a cell says in place of a grid: one algorithm and one world."""
_TOP = {**_GRID, "grid": "[[grid]]", "cell": "[[cell]]"}
"""What may stand at the top of a file."""
_KINDS: dict[str, tuple[type, str]] = {
    "label": (str, "a text"),
    "preset": (str, "a text"),
    "team": (str, "a text"),
    "steps": (int, "a whole number"),
    "seeds": (int, "a whole number"),
    "seed": (int, "a whole number"),
}


def read_file(path: str | Path) -> list[Grid]:
    """The grids of a study file."""
    path = Path(path)
    with disk.explained(path, "read the study file"):
        text = path.read_bytes()
    try:
        content = tomllib.loads(text.decode()) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise QohortError(f"{path} is no {kind}: {error}.") from None
    return grids_of(content, where=str(path))


def grids_of(content: Any, *, where: str) -> list[Grid]:
    """The grids that the content of a study file stands for.

    What stands at the top holds for every grid and cell that does not say it itself; `options` are joined,
    name by name. A file without grids and cells is one grid.
    """
    common = _table(content, where)
    grids, cells = (_tables(common.pop(name, []), f"{where}, {name}") for name in ("grid", "cell"))
    _check_names(common, _TOP, where)
    if not grids and not cells:
        return [_grid(common, {}, where)]
    shared = {name: value for name, value in common.items() if name not in ("algorithms", "worlds")}
    return [
        *(_grid(common, table, f"{where}, grid {number}") for number, table in enumerate(grids, 1)),
        *(_grid(shared, _as_grid(table, place), place) for place, table in _numbered(cells, where)),
    ]


def _numbered(cells: list[dict[str, Any]], where: str) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{where}, cell {number}", table) for number, table in enumerate(cells, 1)]


def _as_grid(cell: Mapping[str, Any], where: str) -> dict[str, Any]:
    _check_names(cell, _CELL, where)
    for name in ("algorithm", "world"):
        if not isinstance(cell.get(name), str):
            raise QohortError(f"{where}: `{name}` is {cell.get(name)!r}; a cell has one, written as a text.")
    return {_CELL[name]: [value] if name in ("algorithm", "world") else value for name, value in cell.items()}


def _grid(common: Mapping[str, Any], table: Mapping[str, Any], where: str) -> Grid:
    _check_names(table, _GRID, where)
    given = {**common, **table}
    for name, (kind, what) in _KINDS.items():
        if name in given and (not isinstance(given[name], kind) or isinstance(given[name], bool)):
            raise QohortError(f"{where}: `{name}` is {given[name]!r}; it must be {what}.")
    for name in ("algorithms", "worlds"):
        value = given.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value) or not value:
            raise QohortError(f"{where}: `{name}` is {value!r}; it must be a list of names.")
    for name in ("options", "one_at_a_time"):
        parts = (_table(part.get(name, {}), f"{where}, {name}") for part in (common, table))
        given[name] = {option: value for part in parts for option, value in _flat(part).items()}
    return Grid(**given)


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML reads `algorithm.mixer.heads = 4` as tables in tables."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        below = _flat(value) if isinstance(value, Mapping) else None
        found |= {name: value} if below is None else {f"{name}.{rest}": item for rest, item in below.items()}
    return found


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise QohortError(f"{where}: here is {value!r} where a table of names and values is needed.")
    return dict(value)


def _tables(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise QohortError(f"{where}: here is {value!r} where a list of tables is needed ([[grid]], [[cell]]).")
    return [_table(item, where) for item in value]


def _check_names(table: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for name in table:
        if name not in known:
            raise QohortError(f"{where}: {unknown('setting', name, known, see='qohort study --help')}")
