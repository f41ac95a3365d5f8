"""A payoff table by name, from a file, or written out on the command line."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qohort.algorithms.registry import unknown
from qohort.envs import make, names
from qohort.envs.games.matrix import PAYOFFS, MatrixGame
from qohort.errors import QohortError
from qohort.training import disk

LARGEST = 512
"""Joint actions of a table; the search for orders takes the square of it in memory and more in time."""

GREATEST = 1e15
"""Of a payoff without its sign; training takes squares of it in single precision."""

TABLES: dict[str, list[list[float]]] = {
    **PAYOFFS,
    # Claus and Boutilier 1998, with their gravest penalty
    "penalty": [[-100, 0, 10], [0, 2, 0], [10, 0, -100]],
    # Rashid et al. 2018 (QMIX): what is left of the two-step game after its risky first action
    "two-step-2b": [[0, 1], [1, 8]],
    # the matrix that PyMARL2 comes with
    "pymarl2": [[12, -0.1, -0.1], [-0.1, 0, 0], [-0.1, 0, 0]],
}
"""Tables by name, beside every one-step game of the registry."""

_WRITTEN = re.compile(r"[\s\[\]\-+.,;\deE]+")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Payoff:
    """What the team gets for each joint action."""

    name: str
    table: Float[np.ndarray, "..."]
    """`[A1, ..., AN]`, in double precision."""


def read_payoff(text: str) -> Payoff:
    """Find out what is meant, and read it.

    Args:
        text: a name; a file `.json` (lists in lists), `.csv` (two agents) or `.npy`; or the table itself, as in
            `0 1; 1 1` or, for any number of agents, `[[[0, 1], [1, 1]], [[1, 2], [2, 4]]]`.
    """
    if text.strip() and _WRITTEN.fullmatch(text):
        return Payoff(name="payoff", table=_checked(_inline(text), "the table"))
    path = Path(text)
    if path.suffix.lower() in _READERS:
        with disk.explained(path, "read the payoff table"):
            content = path.read_bytes()
        return Payoff(name=path.stem, table=_checked(_READERS[path.suffix.lower()](content, text), text))
    return _named(text.removeprefix("games/"))


def _named(name: str) -> Payoff:
    if name in TABLES:
        return Payoff(name=name, table=np.array(TABLES[name], np.float64))
    world = name if ":" in name else f"games/{name}"
    if world.partition("?")[0] not in names() and ":" not in name:
        see = "qohort lab payoff --help"
        raise QohortError(unknown("payoff table", name, TABLES, see=see))
    game = make(world)
    if not isinstance(game, MatrixGame):
        raise QohortError(
            f"{world} is a world, but no game of one step with a payoff for each joint action, which this laboratory "
            f"is about. Known tables are: {', '.join(TABLES)}."
        )
    return Payoff(name=re.sub(r"\W+", "-", name), table=_checked(np.asarray(game.payoff, np.float64), world))


def _inline(text: str) -> np.ndarray:
    if "[" in text:
        return _of_json(text.encode(), "the table")
    return _of_rows([re.split(r"[\s,]+", row.strip(" ,")) for row in text.split(";") if row.strip()], "the table")


def _of_json(content: bytes, where: str) -> np.ndarray:
    try:
        return _array(json.loads(content), where)
    except RecursionError:
        raise QohortError(f"{where} has lists in lists far deeper than any table: one for each agent.") from None
    except ValueError as error:
        raise QohortError(f"{where} is no JSON: {error}. A table is lists in lists, as in [[0, 1], [1, 1]].") from None


def _of_csv(content: bytes, where: str) -> np.ndarray:
    lines = [line for line in content.decode(errors="replace").splitlines() if line.strip() and line[0] != "#"]
    separator = ";" if any(";" in line for line in lines) else ","
    return _of_rows(list(csv.reader(lines, delimiter=separator)), where)


def _of_npy(content: bytes, where: str) -> np.ndarray:
    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise QohortError(f"{where} is no array that `numpy.save` wrote: {error}.") from None


def _of_rows(rows: list[list[str]], where: str) -> np.ndarray:
    def number(word: str, row: int) -> float:
        try:
            return float(word)
        except ValueError:
            raise QohortError(f"{where} has {word!r} in row {row}; every entry is a number.") from None

    return _array([[number(word, place) for word in row] for place, row in enumerate(rows, 1)], where)


def _array(lists: Any, where: str) -> np.ndarray:
    try:
        return np.array(lists, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise QohortError(
            f"{where} is no table: the rows have different lengths, or an entry is no finite number. Give every joint "
            "action one number."
        ) from None


_READERS: dict[str, Callable[[bytes, str], np.ndarray]] = {".json": _of_json, ".csv": _of_csv, ".npy": _of_npy}


def _checked(table: np.ndarray, where: str) -> np.ndarray:
    if table.ndim < 1 or table.size == 0 or table.dtype.kind not in "iuf":
        raise QohortError(
            f"{where} has the shape {table.shape} and the type {table.dtype}; a payoff table has an axis for each "
            "agent, at least one action along each, and numbers in it."
        )
    if not np.isfinite(table).all():
        at = tuple(np.argwhere(~np.isfinite(table))[0].tolist())
        raise QohortError(f"{where} has {table[at]} at {list(at)}; every payoff is a finite number.")
    if table.size > LARGEST:
        raise QohortError(
            f"{where} has {table.size:,} joint actions, but at most {LARGEST:,} are compared one by one. Give fewer "
            "agents or actions."
        )
    table = table.astype(np.float64)
    great = np.abs(table) > GREATEST
    if great.any():
        at = tuple(np.argwhere(great)[0].tolist())
        raise QohortError(
            f"{where} has {table[at]:g} at {list(at)}; payoffs are at most {GREATEST:g} without their sign. Scale them."
        )
    return table
