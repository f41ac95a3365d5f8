"""A run in a process of its own that is killed at a moment of one's choice: `python -m tests.resume.killed ...`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qohort.training import checkpoint, disk, tensors
from qohort.training.progress import Display
from tests.resume.runs import go

STEPS = 800
FATAL = 5
"""Which save is the one that does not end; it is at step 200."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def replace(place: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(place, name, around(getattr(place, name)))


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def fatal(self) -> bool:
        self.count += 1
        return self.count == FATAL


def in_the_arrays() -> None:
    """Half of the array file is written."""
    saves = Counter()

    def around(write: Callable[..., int]) -> Callable[..., int]:
        def half(path: Path, arrays: Any) -> int:
            checksum = write(path, arrays)
            if saves.fatal():
                os.truncate(path, path.stat().st_size // 2)
                die()
            return checksum

        return half

    replace(tensors, "write", around)


def before_the_name() -> None:
    """Everything is written, and has its temporary name still."""
    saves = Counter()

    def around(sync: Callable[[Path], None]) -> Callable[[Path], None]:
        def synced(path: Path) -> None:
            sync(path)
            if path.name.startswith(".writing-") and saves.fatal():
                die()

        return synced

    replace(disk, "sync_folder", around)


def before_the_old_go() -> None:
    """The new checkpoint is there, and one too many."""
    saves = Counter()

    def around(remove: Callable[..., None]) -> Callable[..., None]:
        def removed(*arguments: Any) -> None:
            if saves.fatal():
                die()
            remove(*arguments)

        return removed

    replace(checkpoint, "_remove_old", around)


def between_chunks() -> None:
    """A chunk is over, and not saved."""
    chunks = Counter()

    def around(update: Callable[..., None]) -> Callable[..., None]:
        def updated(*arguments: Any, **settings: Any) -> None:
            update(*arguments, **settings)
            if chunks.fatal():
                die()

        return updated

    replace(Display, "update", around)


MOMENTS = {
    function.__name__: function for function in (in_the_arrays, before_the_name, before_the_old_go, between_chunks)
}

if __name__ == "__main__":
    _, name, moment, folder = sys.argv
    if moment in MOMENTS:
        MOMENTS[moment]()
    go(name, Path(folder), steps=STEPS)
