"""`study.json`: the cells of a study, where each is and how it stands; written whole or not at all.

What is true of a cell is in its run folder; `study.json` says what belongs to the study, and how what
failed went wrong.
"""

import contextlib
import itertools
import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qohort.errors import QohortError
from qohort.study.cells import Cell, refused
from qohort.study.grid import Grid, as_data
from qohort.training import disk
from qohort.training.lock import holder as lock_holder
from qohort.training.lock import take
from qohort.training.run_folder import CONFIG, find, finished_as, read_config, read_finished
from qohort.training.run_folder import LOCK as RUN_LOCK

MANIFEST, LOCK, LOGS = "study.json", ".study.lock", "logs"
FORMAT = 1

WAITING, RUNNING, FINISHED, FAILED, STOPPED = "waiting", "running", "finished", "failed", "stopped"
"""The states of a cell. `running` in the file of a study that nobody runs means that it was killed."""

_DOING = "keep the study in"
_IN_USE = "Wait until that study ends or stop it, or choose another folder."


class Manifest:
    """The cells of a study by name, as `study.json` has them; `save` after every change."""

    def __init__(self, root: Path, grids: Sequence[Grid], cells: Sequence[Cell], *, fresh: bool) -> None:
        """Find each cell's folder, or refuse what is another run under the same name.

        Args:
            root: the study's folder.
            grids: what was asked for; kept so that the folder alone is enough to go on.
            cells: what that comes to.
            fresh: give cells whose settings changed a folder beside the one they have.
        """
        self.root = root
        self.cells = {cell.name: cell for cell in cells}
        before = _records(root)
        self._grids = [as_data(grid) for grid in grids]
        names = self.cells.keys() | before.keys()
        self.records: dict[str, dict[str, Any]] = {}
        for cell in cells:
            folder = _folder(cell, root, before, others=names - {cell.name}, fresh=fresh)
            self.records[cell.name] = _record(cell, folder, root, before.get(cell.name, {}))
        folders = {record["folder"] for record in self.records.values()}
        there = [folder.relative_to(root).as_posix() for folder in find(root)]
        self.outside = [folder for folder in there if folder not in folders]
        """Run folders that are there and not in the grid."""

    def folder(self, name: str) -> Path:
        """The run folder of a cell."""
        return self.root / self.records[name]["folder"]

    def log(self, name: str) -> Path:
        """What the processes of a cell said."""
        return self.root / LOGS / f"{self.records[name]['folder']}.log"

    def note(self, name: str, **changes: Any) -> None:
        """Change what is said of a cell, and save."""
        self.records[name] |= changes
        self.save()

    def save(self) -> None:
        content = {
            "format": FORMAT,
            "grids": self._grids,
            "cells": list(self.records.values()),
            "outside": self.outside,
        }
        with disk.explained(self.root, _DOING):
            disk.replace_json(self.root / MANIFEST, content)


@contextlib.contextmanager
def taken(root: Path) -> Iterator[list[str]]:
    """Make the folder and keep a second study out of it; gives a sentence where that cannot be done."""
    with disk.explained(root, _DOING):
        root.mkdir(parents=True, exist_ok=True)
        check_ours(root)
        lock, notes = take(root / LOCK, fix=_IN_USE)
    with lock:
        yield notes


def read_manifest(root: Path) -> dict[str, Any]:
    """The content of `study.json`, which may be in use."""
    path = root / MANIFEST
    with disk.explained(path, "read"):
        text = path.read_bytes()
    content = None
    with contextlib.suppress(ValueError):
        content = json.loads(text)
    if not isinstance(content, dict) or not _is_whole(content):
        raise _damaged(path)
    if content["format"] != FORMAT:
        raise QohortError(f"{path} has the format {content['format']}, and this version of Qohort knows {FORMAT}.")
    return content


def saved_grids(root: Path) -> list[Grid]:
    """What a study was asked for last time."""
    if not (root / MANIFEST).exists():
        raise QohortError(
            f"{root} holds no study yet: say what it is made of, as in `qohort study {root} --algorithms iql qatten "
            "--worlds battle/3m --seeds 3`, or name a file with --file."
        )
    try:
        return [Grid(**grid) for grid in read_manifest(root)["grids"]]
    except TypeError:
        raise _damaged(root / MANIFEST) from None


def _is_whole(content: Mapping[str, Any]) -> bool:
    needs = {"grids": {"algorithms", "worlds"}, "cells": {"name", "folder", "state", "error", "exit_code"}}
    parts = [(content.get(part), names) for part, names in needs.items()]
    return "format" in content and all(
        isinstance(part, list) and all(isinstance(item, dict) and names <= item.keys() for item in part)
        for part, names in parts
    )


def _damaged(path: Path) -> QohortError:
    return QohortError(
        f"{path} is damaged: it is not the JSON that was written. Delete it and give the whole command again; cells "
        "that are finished are recognised by their folders."
    )


def cells_in(root: Path) -> dict[str, str] | None:
    """The names of a study's cells by their folders, whatever else its file says; None if it cannot be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        cells = json.loads((root / MANIFEST).read_bytes())["cells"]
        return {str(cell["folder"]): str(cell["name"]) for cell in cells}
    return None


def finished(cell: Cell, folder: Path) -> bool:
    """Whether there is nothing left to do."""
    with contextlib.suppress(QohortError, OSError, KeyError):
        return finished_as(folder, cell.asked) is not None
    return False


def holder(folder: Path) -> str:
    """Who uses a run folder; nothing if nobody does."""
    return lock_holder(folder / RUN_LOCK)


def _records(root: Path) -> dict[str, dict[str, Any]]:
    """What `study.json` says of each cell; nothing if it is not there."""
    if not (root / MANIFEST).exists():
        return {}
    return {record["name"]: record for record in read_manifest(root)["cells"]}


def _record(cell: Cell, folder: Path, root: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    begun = (folder / CONFIG).exists()
    path = folder.relative_to(root).as_posix()
    same = before.get("folder") == path
    state = WAITING
    if finished(cell, folder):
        state = FINISHED
    elif same and before["state"] == FAILED:
        state = FAILED
    elif begun:
        state = STOPPED
    return {
        "name": cell.name,
        "folder": path,
        "world": cell.world,
        "algorithm": cell.algorithm,
        "label": cell.label,
        "preset": cell.preset,
        "team": cell.team,
        "source": cell.source,
        "options": dict(cell.options),
        "steps": cell.steps,
        "seeds": list(cell.seeds),
        "command": shlex.join(["qohort", *cell.words(folder)]),
        "environment": before.get("environment") if begun and same else None,
        "state": state,
        "error": before["error"] if state == FAILED else [],
        "exit_code": before["exit_code"] if state == FAILED else None,
    }


def _folder(
    cell: Cell, root: Path, before: Mapping[str, Mapping[str, Any]], *, others: Collection[str], fresh: bool
) -> Path:
    """The folder that a cell has, or its newest one, or one beside it for other settings.

    `NAME-2` is the second folder of a cell only where no other cell has that name.
    """
    folder = root / _known_folder(cell, root, before, others)
    if not (folder / CONFIG).exists():
        return folder
    changes = refused(read_config(folder), cell) or _shorter(cell, folder)
    if not changes:
        return folder
    if not fresh:
        raise QohortError(
            f"{folder} holds this cell with other settings: {changes}. Give the settings that it was started with, "
            "choose another folder for the study, or add --fresh, which starts such cells anew beside the old ones."
        )
    return next(beside for name in _besides(cell.name, others) if not (beside := root / name).exists())


def _known_folder(cell: Cell, root: Path, before: Mapping[str, Mapping[str, Any]], others: Collection[str]) -> str:
    """The one that `study.json` names; if it does not know the cell, the newest that is there."""
    known = before[cell.name]["folder"] if cell.name in before else None
    if known is not None and known not in others:
        return known
    there = itertools.takewhile(lambda name: (root / name).is_dir(), _besides(cell.name, others))
    return [cell.name, *there][-1]


def _besides(name: str, others: Collection[str]) -> Iterator[str]:
    """`NAME-2`, `NAME-3` and so on, without those that are other cells."""
    return (beside for number in itertools.count(2) if (beside := f"{name}-{number}") not in others)


def _shorter(cell: Cell, folder: Path) -> str:
    """Whether a cell went further than it is asked to now."""
    with contextlib.suppress(QohortError, OSError, KeyError, TypeError):
        done = read_finished(folder)
        if done is not None and (steps := done["asked"]["steps"]) > cell.steps:
            return f"it was trained for {steps:,} steps, and --steps is {cell.steps}"
    return ""


def check_ours(root: Path) -> None:
    """Refuse a folder that is something else than a study; one that is not there yet may become one."""
    if not root.exists():
        return
    if (root / CONFIG).exists() and not (root / MANIFEST).exists():
        raise QohortError(f"{root} is a run folder; a study needs a folder of its own, which holds many of those.")
    strangers = [item.name for item in root.iterdir() if item.is_file() and not item.name.startswith(".")]
    if strangers and MANIFEST not in strangers:
        raise QohortError(
            f"{root} is no study: it holds {sorted(strangers)[0]!r} and no {MANIFEST}. Choose a folder that is empty "
            "or not there yet."
        )
