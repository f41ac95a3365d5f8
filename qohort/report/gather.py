"""Every run below a folder, as numbers: what was evaluated, when, how fast, and how far each seed came.

Nothing is assumed of the tree but that a run folder has a `config.json`. Files are read only, so runs that still go on
are not disturbed; what is odd about a run ends up in its seeds' `notes`.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from qohort.errors import QohortError
from qohort.study.manifest import MANIFEST, cells_in
from qohort.training import disk
from qohort.training.records import METRICS, TIMING, line_of, running_clock
from qohort.training.run_folder import CONFIG, FINISHED, clean, find, is_running, processes, read_config
from qohort.training.seeds import seed_folder, seeds_in
from qohort.training.session import ABSOLUTE_FILE

EVAL, EPISODES = "eval/", "episodes/"

State = Literal["finished", "running", "stopped"]

Studies = Mapping[Path, Mapping[str, str]]
"""The cells' names by their folders, of every study."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speed:
    """Throughput of play and learning, without compilation and evaluations."""

    steps_per_second: float
    updates_per_second: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SeedRun:
    """One seed of a run."""

    seed: int
    folder: Path
    state: State
    planned_steps: int
    steps: Int[np.ndarray, " P"]
    """Where it was evaluated."""
    values: Mapping[str, Float[np.ndarray, " P"]]
    """Means of each evaluation by their names in the metric files; NaN where one was not measured."""
    seconds: Float[np.ndarray, " P"]
    """What a clock showed there, compilation and evaluations included; NaN where no clock was read."""
    episodes: int
    """Of one evaluation."""
    absolute: Mapping[str, float] | None
    absolute_steps: int
    absolute_episodes: int
    speed: Speed | None
    valid: float | None
    """The share of what was computed in learning that was real, if the run measured it."""
    torn: bool
    """Whether the last line of its metrics was cut short, and left out."""

    @property
    def last_step(self) -> int:
        return int(self.steps[-1])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RunRecord:
    """A run folder."""

    folder: Path
    name: str
    """What it is called where nothing else is said: by its configuration, or by its folder in a study."""
    world: str
    config: Mapping[str, Any]
    planned: tuple[int, ...]
    """The seeds it is to have."""
    planned_steps: int
    seeds: tuple[SeedRun, ...]
    """Those that have been evaluated at least once."""
    running: bool
    processes: tuple[Mapping[str, Any], ...]
    """Those that worked here, at least one, in order: versions, devices, revision."""

    @property
    def world_versions(self) -> tuple[str | None, ...]:
        """Of the world's rules, each once, as the processes that worked here met them; None where one recorded none."""
        found = (process.get("world_version") for process in self.processes)
        return tuple(dict.fromkeys(None if version is None else str(version) for version in found))

    @property
    def versions(self) -> tuple[str, ...]:
        """Of Qohort itself, each once, in order."""
        found = (process.get("versions") for process in self.processes)
        known = (str(each["qohort"]) for each in found if isinstance(each, Mapping) and "qohort" in each)
        return tuple(dict.fromkeys(known))


def gather(root: Path, *, leave_out: Sequence[Path] = ()) -> list[RunRecord]:
    """All run folders at or below a folder, in the order of their names.

    Args:
        root: where to look.
        leave_out: folders that are not looked into.
    """
    with disk.explained(root, "read"):
        if not root.is_dir():
            raise QohortError(f"{root} is not a folder. Give the folder that holds the runs, such as `runs`.")
        folders = find(root, leave_out=leave_out)
        studies = _studies(folders, root)
        records = [_read_run(folder, studies) for folder in folders]
    if not records:
        raise QohortError(
            f"There are no runs below {root}: no folder has a {CONFIG} of Qohort's. `qohort train` makes them in "
            "`runs`; `--root` and `--folder` say where."
        )
    return records


def _read_run(folder: Path, studies: Studies) -> RunRecord:
    config = read_config(folder)
    run = config["run"]
    planned = tuple(range(int(run["seed"]), int(run["seed"]) + int(run["seeds"])))
    finished, running = (folder / FINISHED).exists(), is_running(folder)
    steps = int(run["steps"])
    seeds = [
        _read_seed(folder, seed, steps=steps, finished=finished and seed in planned, running=running)
        for seed in seeds_in(folder)
    ]
    return RunRecord(
        folder=folder,
        name=_name(folder, studies, str(config["name"])),
        world=str(config["world"]),
        config=config,
        planned=planned,
        planned_steps=steps,
        seeds=tuple(seed for seed in seeds if seed is not None),
        running=running,
        processes=tuple(processes(folder)),
    )


def _studies(folders: Sequence[Path], root: Path) -> Studies:
    """The studies at or below a folder that the runs belong to."""
    above = _above(folders, root)
    return {place: cells_in(place) or {} for place in above if (place / MANIFEST).is_file()}


def _above(folders: Sequence[Path], root: Path) -> set[Path]:
    """The folders that hold run folders, up to the root."""
    return {place for folder in folders for place in folder.parents if place == root or root in place.parents}


def _name(folder: Path, studies: Studies, name: str) -> str:
    """In a study the cell's, which tells its options; elsewhere the folder's ends with a hash or was chosen freely."""
    study = next((place for place in folder.parents if place in studies), None)
    if study is None:
        return name
    cells, place = studies[study], folder.relative_to(study).as_posix()
    if place in cells:
        return cells[place].rpartition("/")[2]
    hashed = re.fullmatch(r"(.+)-[0-9a-f]{8}(-\d+)?", folder.name)
    if hashed and hashed[1] == clean(name):
        return name
    first = re.sub(r"-\d+$", "", place)  # of a cell that has a newer folder beside this one
    return (first if first in cells.values() else place).rpartition("/")[2]


def without_runs(records: Sequence[RunRecord], root: Path) -> list[str]:
    """Sentences about cells that have no run folder yet, of the studies that runs belong to."""
    told = []
    for study in sorted(_above([record.folder for record in records], root)):
        if not (study / MANIFEST).is_file():
            continue
        which = "The study" if study == root else f"The study {study.relative_to(root).as_posix()}"
        cells = cells_in(study)
        waiting = [name for folder, name in (cells or {}).items() if not (study / folder / CONFIG).is_file()]
        if cells is None:
            told.append(f"{which} has a {MANIFEST} that cannot be read, so cells that have not begun are not listed.")
        elif waiting:
            told.append(f"{which} has cells that have not begun: {', '.join(waiting)}.")
    return told


def _read_seed(folder: Path, seed: int, *, steps: int, finished: bool, running: bool) -> SeedRun | None:
    place = seed_folder(folder, seed)
    lines, torn = read_lines(place / METRICS)
    evaluations = {int(line["step"]): line for line in lines if any(name.startswith(EVAL) for name in line)}
    if not evaluations:
        return None
    grid = np.array(sorted(evaluations), np.int64)
    names = sorted({name for line in evaluations.values() for name in line if name.startswith(EVAL)})
    timing = read_lines(place / TIMING)[0]
    absolute = _absolute(place / ABSOLUTE_FILE)
    valid = [float(line["train/valid"]) for line in lines if isinstance(line.get("train/valid"), int | float)]
    done = finished or (absolute is not None and int(absolute["steps"]) >= grid[-1] >= steps)
    return SeedRun(
        seed=seed,
        folder=place,
        state="finished" if done else "running" if running else "stopped",
        planned_steps=steps,
        steps=grid,
        values={name: np.array([_number(evaluations[step].get(name)) for step in grid.tolist()]) for name in names},
        seconds=_seconds(timing, grid),
        episodes=max(map(_episodes, evaluations.values())),
        absolute=None if absolute is None else {k: _number(v) for k, v in absolute.items() if k.startswith(EVAL)},
        absolute_steps=int(absolute["steps"]) if absolute else 0,
        absolute_episodes=_episodes(absolute) if absolute else 0,
        speed=_speed(timing),
        valid=float(np.mean(valid)) if valid else None,
        torn=torn,
    )


def read_lines(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """The lines of a metric file, and whether the last one was cut short. Damage before that is refused."""
    if not path.is_file():
        return [], False
    with disk.explained(path, "read"):
        parts = path.read_bytes().split(b"\n")
    while parts and not parts[-1].strip():
        parts.pop()
    lines: list[dict[str, Any]] = []
    for number, part in enumerate(parts, start=1):
        line = line_of(part)
        if line is not None:
            lines.append(line)
        elif number == len(parts):
            return lines, True
        else:
            raise QohortError(
                f"{path} is damaged: line {number} of {len(parts)} is not a line of metrics, so its numbers cannot be "
                "trusted. Put the file back, take the line out, or move the run folder to another place."
            )
    return lines, False


def _absolute(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        int(content["steps"])
    except (ValueError, KeyError, TypeError):
        raise QohortError(
            f"{path} is damaged: it is not the absolute metric that was written. Put it back, or delete it and resume "
            "the run."
        ) from None
    return content


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else np.nan


def _episodes(line: Mapping[str, Any]) -> int:
    return max(
        (len(value) for name, value in line.items() if name.startswith(EPISODES) and isinstance(value, list)), default=0
    )


def _seconds(timing: Sequence[Mapping[str, Any]], grid: Int[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
    """The clock at each evaluation."""
    read = [line for line in timing if not np.isnan(_number(line.get("seconds")))]
    if not read:
        return np.full(len(grid), np.nan)
    steps = [0.0, *(float(line["step"]) for line in read)]
    clock = [0.0, *running_clock([_number(line["seconds"]) for line in read])]
    return np.interp(grid.astype(np.float64), steps, clock, right=np.nan)


def _speed(timing: Sequence[Mapping[str, Any]]) -> Speed | None:
    """Steps and updates over the time they took: not a mean of rates, in which fast moments would count too much."""
    total = updates = spent = 0.0
    before = 0
    for line in timing:
        step, rate = int(line["step"]), _number(line.get("steps_per_second"))
        if rate > 0 and step > before:
            seconds = (step - before) / rate
            spent += seconds
            total += step - before
            updates += seconds * np.nan_to_num(_number(line.get("updates_per_second")))
        before = step
    return Speed(steps_per_second=total / spent, updates_per_second=float(updates / spent)) if spent else None
