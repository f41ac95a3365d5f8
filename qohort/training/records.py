"""The metric files of a run.

`metrics.jsonl`
    One JSON object a line: `seed`, `step`, then names in alphabetical order with a number, or with a list
    of one number for each episode. JSON knows no NaN or infinity: they are `null` (a name that was not
    measured is absent).
`metrics.csv`
    The numbers without the lists, wide: `seed`, `step`, then the columns known at the start. An empty
    cell was not measured; `nan` and `inf` are written out.
`timing.jsonl`
    Whatever a clock said.

The first two are a function of configuration and seed alone. A checkpoint keeps the files' lengths, and
resuming cuts them back to it, so that an interrupted run leaves the same bytes as one that was not.
"""

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qohort.errors import QohortError
from qohort.plain import plain
from qohort.training import disk
from qohort.training.sinks import Optional, Sink, Value, warn

METRICS, TABLE, TIMING = "metrics.jsonl", "metrics.csv", "timing.jsonl"
FILES = (METRICS, TABLE, TIMING)


class Records:
    """The three files of a run, and the optional sinks beside them."""

    def __init__(
        self,
        folder: Path,
        *,
        columns: Sequence[str],
        positions: Mapping[str, int] | None = None,
        sinks: Sequence[Sink] = (),
        say: Callable[[str], None] = warn,
    ) -> None:
        """Open the files where a run begins or goes on.

        Args:
            folder: the run folder.
            columns: names of the numbers that the table has room for; a table that exists keeps its own.
            positions: from the checkpoint that is resumed; None begins anew. What is beyond is cut off.
            sinks: where metrics go besides; failing, they are dropped.
            say: takes the sentence about a sink that failed.
        """
        rewind(folder, positions or {})
        self._folder = folder
        self._sinks = Optional(sinks, say=say)
        self._files = {name: _Lines(folder / name) for name in FILES}
        self._columns = _columns(folder / TABLE) or ["seed", "step", *sorted(columns)]
        if self._files[TABLE].position() == 0:
            self._files[TABLE].write(_row(self._columns))

    def write(self, seed: int, step: int, values: Mapping[str, Value]) -> None:
        """Append metrics that depend on configuration and seed alone."""
        line = {"seed": seed, "step": step, **{name: _plain(values[name]) for name in sorted(values)}}
        self._files[METRICS].write(_json(line))
        cells = {name: value for name, value in line.items() if not isinstance(value, list)}
        if any(name in cells for name in self._columns[2:]):
            self._files[TABLE].write(_row([cells.get(name, "") for name in self._columns]))
        self._sinks.write(seed, step, values)

    def time(self, seed: int, step: int, values: Mapping[str, Value]) -> None:
        """Append what a clock said."""
        self._files[TIMING].write(_json({"seed": seed, "step": step, **{n: _plain(values[n]) for n in sorted(values)}}))
        self._sinks.write(seed, step, values)

    def position(self) -> dict[str, int]:
        """The lengths of the files, for a checkpoint; what is counted is on the disk when this returns."""
        return {name: file.position() for name, file in self._files.items()}

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._sinks.close()


def rewind(folder: Path, positions: Mapping[str, int]) -> None:
    """Cut the files back to what they were; a file without a position is emptied. Refused, nothing is cut."""
    check_lengths(folder, positions)
    with disk.explained(folder, "cut back the metric files in"):
        for name in FILES:
            path, position = folder / name, positions.get(name, 0)
            if path.exists() and path.stat().st_size != position:
                os.truncate(path, position)


def check_lengths(folder: Path, positions: Mapping[str, int]) -> None:
    """Refuse files that are not what they were when a checkpoint was saved, or more."""
    with disk.explained(folder, "read the metric files in"):
        for name in FILES:
            _check(folder / name, positions.get(name, 0))


def check_kept(folder: Path, positions: Mapping[str, int]) -> None:
    """The same, and refuse lines among them that cannot be read."""
    check_lengths(folder, positions)
    for name in (METRICS, TIMING):
        kept_lines(folder / name, positions)


def last_step(folder: Path, positions: Mapping[str, int] | None = None) -> int:
    """The step of the last metrics that a checkpoint's positions keep; -1 if there are none."""
    lines = kept_lines(folder / METRICS, positions or {})
    return lines[-1]["step"] if lines else -1


def kept_lines(path: Path, positions: Mapping[str, int]) -> list[dict[str, Any]]:
    """What a checkpoint's positions keep of a file of lines."""
    position = positions.get(path.name, 0)
    if not position:
        return []
    with disk.explained(path, "read"):
        _check(path, position)
        with path.open("rb") as file:
            lines = [line_of(part) for part in file.read(position).splitlines()]
    whole = [line for line in lines if line is not None]
    if len(whole) < len(lines):
        raise QohortError(
            f"{path} is damaged: line {lines.index(None) + 1} of {len(lines)} is not a line of metrics. Put the file "
            "back, or start again with `--fresh`."
        )
    return whole


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that are whole, whatever a checkpoint knows of them."""
    with contextlib.suppress(OSError):
        return [line for part in path.read_bytes().splitlines() if (line := line_of(part)) is not None]
    return []


def line_of(text: bytes) -> dict[str, Any] | None:
    """A line of a metric file, or None if it is not whole; what that means is for the caller to say."""
    with contextlib.suppress(ValueError):
        content = json.loads(text)
        if isinstance(content, dict) and isinstance(content.get("step"), int):
            return content
    return None


def as_numbers(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Numbers read back: what was not finite is NaN."""
    return {name: math.nan if value is None else value for name, value in scores.items()}


def running_clock(seconds: Sequence[float]) -> list[float]:
    """The clock of a run over all its processes.

    It is counted on from process to process. Those of older versions each counted from 0: where the count falls,
    another one went on.
    """
    before, latest, clock = 0.0, 0.0, []
    for now in seconds:
        if now < latest:
            before += latest
        latest = now
        clock.append(before + now)
    return clock


class _Lines:
    """A file that only grows. It is not buffered: after a refusal nothing is left to be written when closing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk.explained(path, "write"):
            self._file = path.open("ab", buffering=0)

    def write(self, line: str) -> None:
        rest = line.encode()
        with disk.explained(self._path, "write"):
            while rest:
                rest = rest[self._file.write(rest) :]

    def position(self) -> int:
        with disk.explained(self._path, "write"):
            os.fsync(self._file.fileno())
            return self._file.tell()

    def close(self) -> None:
        self._file.close()


def _check(path: Path, position: int) -> None:
    length = path.stat().st_size if path.exists() else 0
    if length < position:
        raise QohortError(
            f"{path} has {length:,} bytes, and the checkpoint was saved when it had {position:,}: lines are missing. "
            "Put the file back, or start again with `--fresh`."
        )
    if position:
        with path.open("rb") as file:
            file.seek(position - 1)
            if file.read(1) != b"\n":
                raise QohortError(
                    f"{path} was edited: no line ends where one ended ({position:,} bytes) when the checkpoint was "
                    "saved. Put the file back, or start again with `--fresh`."
                )


def _columns(path: Path) -> list[str]:
    """The columns of a table that exists."""
    with disk.explained(path, "read"), path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def _plain(value: Value) -> Any:
    """A Python number, or a list of them."""
    return np.asarray(value).tolist()


def _json(line: Mapping[str, Any]) -> str:
    return json.dumps(plain(line), allow_nan=False, ensure_ascii=False) + "\n"


def _row(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
