"""One run, one folder: its settings, where it came from, and the lock that keeps a second process out.

`config.json`
    The resolved configuration.
`environment.json`
    Versions, machine, revision and command, once for every process that worked here.
`finished.json`
    There when the run is complete.
"""

import contextlib
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from qohort.errors import QohortError
from qohort.training import disk, provenance, settings
from qohort.training.known import CONFIG_CLASSES
from qohort.training.lock import is_held, take

CONFIG, ENVIRONMENT, FINISHED, LOCK = "config.json", "environment.json", "finished.json", ".lock"
_PARTS = {"name", "world", "algorithm", "run"}
"""What every configuration says."""
_PLACES = {"run.folder", "run.root", "run.fresh"}
"""Settings that say where a run is, and nothing of what it does."""
_OPEN = "use the run folder"
_IN_USE = "Wait until that run ends or stop it; to start another run beside it, give `--fresh`."
_NAMES = "Run folders are named runs/WORLD/ALGORITHM-HASH."


class RunFolder:
    """A run folder that this process alone writes to; made by `RunFolder.open`."""

    def __init__(
        self,
        path: Path,
        config: Mapping[str, Any],
        *,
        lock: BinaryIO,
        notes: list[str],
        changes: Mapping[str, tuple[str, str]],
        world_version: str | None,
    ) -> None:
        self.path = path
        self.notes = notes
        """Sentences for the person who started this: what changed since the run began."""
        self._config = config
        self._lock = lock
        self._changes = changes
        self._world_version = world_version

    @staticmethod
    def open(
        path: Path,
        config: Mapping[str, Any],
        *,
        fresh: bool,
        may_change: Collection[str] = (),
        world_version: str | None = None,
    ) -> "RunFolder":
        """Take a folder for a run; what is in it stays as it is until `begin`.

        Args:
            path: the folder; made if it is not there.
            config: the resolved configuration as plain data.
            fresh: if the folder is taken, use `path-2`, `path-3`, ... Nothing is ever deleted.
            may_change: dotted names of settings that a resumed run may have others of; a name covers all below it.
            world_version: the version of the world's rules, if they have one.
        """
        path = path.expanduser()
        with disk.explained(path, _OPEN):
            path = _make_fresh(path) if fresh else path
            path.mkdir(parents=True, exist_ok=True)
            _check_ours(path)
            lock, notes = take(path / LOCK, fix=_IN_USE)
            try:
                changes = _allowed_changes(path, config, may_change)
            except BaseException:
                lock.close()
                raise
        return RunFolder(path, config, lock=lock, notes=notes, changes=changes, world_version=world_version)

    def begin(self) -> None:
        """There is something to do: write down the settings and this process, and take the mark of the end away."""
        with disk.explained(self.path, _OPEN):
            (self.path / FINISHED).unlink(missing_ok=True)  # first: a crash must not leave it beside other settings
            if self._changes or not (self.path / CONFIG).exists():
                disk.replace_json(self.path / CONFIG, dict(self._config))
            told = {name: change for name, change in self._changes.items() if name not in _PLACES}
            if told:
                self.notes.append(f"Settings changed since this run was started: {settings.listed(told)}.")
            self.notes += _settle_environment(self.path, self._world_version)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Mark the run as complete."""
        with disk.explained(self.path, "write to the run folder"):
            disk.replace_json(self.path / FINISHED, dict(summary))

    def close(self) -> None:
        """Let the next process in."""
        self._lock.close()

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def default_path(root: Path, *, world: str, algorithm: str, digest: str) -> Path:
    """`root/<world>/<algorithm>-<hash>`, whatever characters are in the names."""
    parts = [clean(part) for part in world.split("/")]
    return root.joinpath(*([part for part in parts if part.strip(".")] or ["world"])) / f"{clean(algorithm)}-{digest}"


def latest(path: Path) -> Path:
    """The newest of `path`, `path-2`, `path-3`, ...: what the same command, without `--fresh`, goes on with."""
    newest, number = path, 2
    while (beside := path.with_name(f"{path.name}-{number}")).is_dir():
        newest, number = beside, number + 1
    return newest


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a run folder, which may be in use; settings newer than it are at their defaults."""
    if not (path / CONFIG).is_file():
        raise QohortError(f"{path} is not a run folder: there is no {CONFIG} in it. {_NAMES}")
    content = _read(path / CONFIG)
    if not content.keys() >= _PARTS:
        raise QohortError(f"{path} is not a run folder: its {CONFIG} is not one of Qohort's. {_NAMES}")
    return settings.completed(content, CONFIG_CLASSES)


def find(root: Path, *, leave_out: Collection[Path] = ()) -> list[Path]:
    """All run folders at or below a folder, sorted. Links are followed, and no folder is met twice.

    Args:
        root: where to look.
        leave_out: folders that are not looked into.
    """
    found, met = [], {root.resolve(), *(path.resolve() for path in leave_out)}
    with disk.explained(root, "look for runs in"):
        for place, below, files in os.walk(root, followlinks=True, onerror=_refuse):
            real = {name: (Path(place) / name).resolve() for name in sorted(below) if not name.startswith(".")}
            below[:] = [name for name, path in real.items() if path not in met]
            met.update(real.values())
            if CONFIG in files and is_ours(Path(place)):
                found.append(Path(place))
                below.clear()
    return sorted(found)


def is_ours(path: Path) -> bool:
    """Whether the configuration in a folder is that of a run: other programs call their settings so too.

    One that cannot be read is a run's if something else in its folder is.
    """
    try:
        content = _read(path / CONFIG)
    except QohortError:
        return any((path / name).exists() for name in (ENVIRONMENT, LOCK))
    run = content.get("run")
    numbers = [run.get(name) for name in ("seed", "seeds", "steps")] if isinstance(run, Mapping) else [None]
    return content.keys() >= _PARTS and all(isinstance(number, int) for number in numbers)


def _refuse(error: OSError) -> None:
    """A folder that may not be looked into may hold runs; one that has just been taken away holds none."""
    if not isinstance(error, FileNotFoundError):
        raise error


def read_finished(path: Path) -> dict[str, Any] | None:
    """What `finish` was told, or None while there is something left to do."""
    if not (path / FINISHED).exists():
        return None
    return _read(path / FINISHED)


def finished_as(path: Path, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `finish` was told, if the run was asked for the same then; what is newer than that is as in the settings."""
    done = read_finished(path)
    if done is None:
        return None
    run, told = read_config(path)["run"], done.get("asked")
    if not isinstance(told, dict):
        raise _damaged(path / FINISHED)
    same = all(told[name] == value if name in told else run.get(name, value) == value for name, value in asked.items())
    return done if same else None


def is_running(folder: Path) -> bool:
    """Whether a process of this machine works on an unfinished run."""
    return not (folder / FINISHED).exists() and is_held(folder / LOCK)


def processes(folder: Path) -> list[dict[str, Any]]:
    """Those that worked in a run folder, in order; one of which nothing is known, if no file tells."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((folder / ENVIRONMENT).read_bytes())["processes"]
        return [process if isinstance(process, dict) else {} for process in found] or [{}]
    return [{}]


def trained_in(folder: Path) -> tuple[str, ...]:
    """The versions of the world's rules that a run was trained by, each once, as far as it recorded them."""
    found = (process.get("world_version") for process in processes(folder))
    return tuple(dict.fromkeys(str(version) for version in found if version is not None))


def clean(name: str) -> str:
    """A name as a folder may be called."""
    return re.sub(r"[^\w.=+-]", "-", name)


def _make_fresh(path: Path) -> Path:
    """A folder that nobody has used; making it claims it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, number = path, 1
    while True:
        try:
            beside.mkdir()
            return beside
        except FileExistsError:
            number += 1
            beside = path.with_name(f"{path.name}-{number}")


def _check_ours(path: Path) -> None:
    strangers = [item.name for item in path.iterdir() if not item.name.startswith(".")]
    if strangers and CONFIG not in strangers:
        raise QohortError(
            f"{path} is not a run folder: it holds {sorted(strangers)[0]!r} and no {CONFIG}. Choose a folder that is "
            "empty or not there yet."
        )


def _allowed_changes(path: Path, config: Mapping[str, Any], may_change: Collection[str]) -> dict[str, tuple[str, str]]:
    """The settings that differ from those in the folder; those of another run are refused."""
    if not (path / CONFIG).exists():
        return {}
    changes = settings.differences(read_config(path), config)
    allowed, refused = settings.split_differences(changes, may_change)
    if refused:
        raise QohortError(
            f"{path} holds a run with other settings: {settings.listed(refused)}. Give the settings it was started "
            "with, choose another folder, or start a run beside it with `--fresh`."
        )
    return allowed


def _settle_environment(path: Path, world_version: str | None) -> list[str]:
    """Add this process to the list; say so if it is not like the one before."""
    now = provenance.describe() | {"world_version": world_version}
    before: list[dict[str, Any]] = []
    with contextlib.suppress(QohortError, KeyError, TypeError, FileNotFoundError):
        before = list(_read(path / ENVIRONMENT)["processes"])
    disk.replace_json(path / ENVIRONMENT, {"processes": [*before, now]})
    if not before:
        return []
    return [note for told in (provenance.drift, provenance.other_rules) if (note := told(before[-1], now))]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> QohortError:
    return QohortError(
        f"{path} is damaged: it is not the JSON that was written. Put it back from a copy; `qohort train … --fresh` "
        "makes another run."
    )
