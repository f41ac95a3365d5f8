"""How a cell stands, read from the metric files of its run folder while it runs or afterwards."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qohort.study.cells import Cell
from qohort.training.records import METRICS, TIMING, line_of, running_clock
from qohort.training.seeds import Group, groups_of_several, seed_folder
from qohort.training.session import ABSOLUTE_FILE

WIN_RATE, RETURN = "win_rate", "return"


@dataclasses.dataclass(frozen=True)
class SeedFigures:
    """One seed."""

    step: int = 0
    seconds: float = 0.0
    """What it took, over all processes that worked on it: compilation, evaluations and checkpoints too."""
    rate: float | None = None
    """Steps per second, the newest."""
    metric: str = RETURN
    """`win_rate` where the world can be won."""
    last: float | None = None
    """The newest evaluation."""
    best: float | None = None
    """The greatest of all evaluations."""
    absolute: float | None = None
    """The absolute metric, when the seed is done."""
    done: bool = False


@dataclasses.dataclass(frozen=True)
class Figures:
    """A cell: its seeds, and what they come to."""

    seeds: dict[int, SeedFigures]
    groups: tuple[Group, ...]
    """Seeds that train in one program, and so share a clock; all others train alone."""
    total: int
    """The steps of all seeds when they are done."""

    @property
    def done(self) -> int:
        return sum(seed.done for seed in self.seeds.values())

    @property
    def steps(self) -> int:
        return sum(seed.step for seed in self.seeds.values())

    @property
    def seconds(self) -> float:
        shared = {seed: group for group in self.groups for seed in group}
        spent: dict[Group, float] = {}
        for number, seed in self.seeds.items():
            group = shared.get(number, (number,))
            spent[group] = max(spent.get(group, 0.0), seed.seconds)
        return sum(spent.values())

    @property
    def together(self) -> bool:
        """Whether all seeds train in one program."""
        return len(self.seeds) > 1 and any({*group} >= self.seeds.keys() for group in self.groups)

    @property
    def metric(self) -> str:
        return WIN_RATE if any(seed.metric == WIN_RATE for seed in self.seeds.values()) else RETURN

    @property
    def current(self) -> int:
        """The seed that is at work, or was last."""
        return next((number for number, seed in self.seeds.items() if not seed.done), list(self.seeds)[-1])

    def mean(self, name: str) -> float | None:
        """The mean of `last`, `best` or `absolute` over the seeds that are done; over those begun if none is."""
        chosen = [seed for seed in self.seeds.values() if seed.done or not self.done]
        values = [value for seed in chosen if (value := getattr(seed, name)) is not None]
        return math.fsum(values) / len(values) if values else None


class Watch:
    """Looks at one cell again and again; only what is new is read."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self._cell = cell
        self._folder = folder
        self._metrics = {seed: Tail(seed_folder(folder, seed) / METRICS, _of_metrics) for seed in cell.seeds}
        self._timing = {seed: Tail(seed_folder(folder, seed) / TIMING, _of_timing) for seed in cell.seeds}

    def look(self) -> Figures:
        seeds = {seed: self._seed(seed) for seed in self._cell.seeds}
        return Figures(seeds, tuple(groups_of_several(self._folder)), total=self._cell.steps * len(seeds))

    def _seed(self, seed: int) -> SeedFigures:
        metrics, timing = self._metrics[seed].look(), self._timing[seed].look()
        metric = WIN_RATE if any(line[WIN_RATE] is not None for line in metrics) else RETURN
        scores = [line[metric] for line in metrics if line[metric] is not None]
        absolute = _absolute(seed_folder(self._folder, seed) / ABSOLUTE_FILE, self._cell.steps, metric)
        return SeedFigures(
            step=min(metrics[-1]["step"], self._cell.steps) if metrics else 0,
            seconds=running_clock([line["seconds"] for line in timing])[-1] if timing else 0.0,
            rate=timing[-1]["rate"] if timing else None,
            metric=metric,
            last=scores[-1] if scores else None,
            best=max(scores, default=None),
            absolute=absolute,
            done=absolute is not None,
        )


class Tail:
    """The lines of a file that grows, and that a process which goes on may cut back first."""

    def __init__(self, path: Path, reduce: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> None:
        self._path = path
        self._reduce = reduce
        self._lines: list[dict[str, Any]] = []
        self._offset = 0
        self._newest = b""
        """The last line that was read: if another is in its place, the file was cut."""

    def look(self) -> list[dict[str, Any]]:
        """Everything of interest so far."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset - len(self._newest))
                if file.read(len(self._newest)) != self._newest:
                    self._lines, self._offset, self._newest = [], 0, b""
                    file.seek(0)
                whole, newline, _ = file.read().rpartition(b"\n")
        except OSError:
            return self._lines
        for line in whole.split(b"\n") if newline else []:
            content = line_of(line)
            if content is not None:  # damage is for the run to refuse; a study only looks
                self._lines += self._reduce(content)
            self._newest = line + b"\n"
            self._offset += len(self._newest)
        return self._lines


def _of_metrics(line: dict[str, Any]) -> list[dict[str, Any]]:
    scores = {name: _number(line.get(f"eval/{name}")) for name in (WIN_RATE, RETURN)}
    return [{"step": line["step"], **scores}]


def _of_timing(line: dict[str, Any]) -> list[dict[str, Any]]:
    seconds = _number(line.get("seconds"))
    return [] if seconds is None else [{"seconds": seconds, "rate": _number(line.get("steps_per_second"))}]


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _absolute(path: Path, steps: int, metric: str) -> float | None:
    """The absolute metric, if it is of a seed that went all the way."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _number(content[f"eval/{metric}"]) if content["steps"] == steps else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
