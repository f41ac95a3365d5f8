"""A study from beginning to end: check, take the folder, work through the cells, tell."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from qohort.errors import QohortError
from qohort.study.cells import Cell, resolve
from qohort.study.display import StudyDisplay, View
from qohort.study.figures import Figures
from qohort.study.grid import Grid
from qohort.study.manifest import FAILED, FINISHED, Manifest, check_ours, saved_grids, taken
from qohort.study.runner import Runner
from qohort.training import disk
from qohort.training.interrupt import Interrupt


@dataclasses.dataclass(frozen=True)
class CellResult:
    """One cell of a study that was run."""

    name: str
    """WORLD/ALGORITHM-LABEL-OPTIONS."""
    folder: Path
    """Its run folder."""
    state: str
    """`finished`, `failed`, `stopped` (begun, and goes on next time) or `waiting`."""
    figures: Figures
    """Evaluations and the absolute metric of its seeds."""
    error: tuple[str, ...]
    """The last lines of a cell that failed."""


@dataclasses.dataclass(frozen=True)
class Studied:
    """What `run_study` leaves behind."""

    folder: Path
    """The study's."""
    cells: tuple[CellResult, ...]
    """What became of each, in the order of the grid."""
    views: tuple[View, ...]
    """The same, for tables."""
    signal: int | None = None
    """The signal that interrupted the study."""

    @property
    def finished(self) -> bool:
        """Whether all cells are."""
        return all(cell.state == FINISHED for cell in self.cells)

    @property
    def failed(self) -> tuple[CellResult, ...]:
        """The cells that did not come to their end."""
        return tuple(cell for cell in self.cells if cell.state == FAILED)


def run_study(
    folder: str | Path,
    grids: Grid | Sequence[Grid] | None = None,
    *,
    jobs: int = 1,
    fresh: bool = False,
    display: StudyDisplay | None = None,
) -> Studied:
    """Train every cell of some grids, or go on with a study that was stopped. What is finished is skipped.

    Args:
        folder: the study's folder.
        grids: what to train; what the study was asked for last time if not given.
        jobs: how many cells to train at a time; on a CPU they share the processors.
        fresh: start cells anew whose settings changed, beside the old ones, instead of refusing.
        display: where progress is shown; standard error if not given.
    """
    plan = _plan(folder, grids, jobs=jobs)
    with taken(plan.root) as lock_notes:
        with disk.explained(plan.root, "read"):
            manifest = Manifest(plan.root, plan.grids, plan.cells, fresh=fresh)
        manifest.save()
        with display or StudyDisplay() as shown, Interrupt() as interrupt:
            for note in (*lock_notes, *plan.notes, *_beginning(manifest)):
                shown.say(note)
            runner = Runner(manifest, jobs=jobs, display=shown, stop=lambda: interrupt.requested)
            runner.run()
    views = runner.views()
    results = [
        CellResult(
            name=view.name,
            folder=manifest.folder(view.name),
            state=view.state,
            figures=view.figures,
            error=tuple(manifest.records[view.name]["error"]),
        )
        for view in views
    ]
    return Studied(plan.root, tuple(results), tuple(views), signal=interrupt.signal)


def commands(
    folder: str | Path, grids: Grid | Sequence[Grid] | None = None, *, jobs: int = 1, fresh: bool = False
) -> tuple[list[str], list[str]]:
    """What `run_study` would start, as commands, and its sentences; refuses what it refuses, and changes nothing."""
    plan = _plan(folder, grids, jobs=jobs)
    with disk.explained(plan.root, "read"):
        check_ours(plan.root)
        manifest = Manifest(plan.root, plan.grids, plan.cells, fresh=fresh)
    return [record["command"] for record in manifest.records.values()], plan.notes


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is asked for, checked as far as it can be without looking at what is there."""

    root: Path
    grids: list[Grid]
    cells: list[Cell]
    notes: list[str]


def _plan(folder: str | Path, grids: Grid | Sequence[Grid] | None, *, jobs: int) -> _Plan:
    if jobs < 1:
        raise QohortError(f"--jobs is {jobs}; it must be at least 1.")
    root = Path(folder).expanduser()
    asked = saved_grids(root) if grids is None else [grids] if isinstance(grids, Grid) else list(grids)
    return _Plan(root, asked, *resolve(asked))


def _beginning(manifest: Manifest) -> list[str]:
    """What is there already."""
    states = [record["state"] for record in manifest.records.values()]
    done = states.count(FINISHED)
    sentences = [f"{manifest.root}: {done} of {len(states)} cell{'s' * (len(states) > 1)} finished."]
    if manifest.outside:
        sentences.append(
            f"In {manifest.root}, but not in this grid: {', '.join(manifest.outside)}. They stay as they are."
        )
    return sentences
