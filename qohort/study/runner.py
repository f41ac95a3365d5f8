"""Works through the cells of a study, so many at a time, until all are done or somebody asks to stop."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qohort.study.children import Child, cause, launch, share
from qohort.study.display import StudyDisplay, View
from qohort.study.estimate import Progress, time_left
from qohort.study.figures import Watch
from qohort.study.manifest import FAILED, FINISHED, RUNNING, STOPPED, Manifest, finished, holder

POLL = 0.1
LOOK_EVERY = 1.0
"""Seconds between two looks at the metric files."""
PATIENCE = 60.0
"""Seconds that cells have to save and leave when the study itself fails."""

Launch = Callable[[Sequence[str], Mapping[str, str], Path], Child]


class Runner:
    """The cells that wait, those at work, and what is known of all."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        jobs: int,
        display: StudyDisplay,
        stop: Callable[[], bool],
        launch: Launch = launch,
    ) -> None:
        self._manifest = manifest
        self._jobs = jobs
        self._display = display
        self._stop = stop
        self._launch = launch
        self._share = share(jobs)
        self._waiting = [name for name, record in manifest.records.items() if record["state"] != FINISHED]
        self._running: dict[str, Child] = {}
        self._watches = {name: Watch(cell, manifest.folder(name)) for name, cell in manifest.cells.items()}
        self._figures = {name: watch.look() for name, watch in self._watches.items()}
        self._held: dict[str, str] = {}
        """Cells that wait because somebody else uses their folder, and who."""
        self._looked = 0.0
        self._asked = False

    def run(self) -> None:
        """Until nothing runs and nothing waits, or, once asked to stop, until nothing runs."""
        try:
            while self._running or (self._waiting and not self._stop()):
                self._collect()
                if self._stop():
                    self._ask_to_leave()
                else:
                    self._start()
                self._show()
                time.sleep(POLL)
            self._display.update(self.views(), left=None)
        except KeyboardInterrupt:
            self._kill()
            raise
        except BaseException:
            self._ask_to_leave()
            deadline = time.monotonic() + PATIENCE
            while self._running_still() and time.monotonic() < deadline:
                time.sleep(POLL)
            self._kill()
            raise

    def views(self) -> list[View]:
        """Every cell as it is shown."""
        return [
            View(
                name=name,
                state=record["state"],
                figures=self._figures[name],
                steps=record["steps"],
                reason=self._held.get(name, "") or (record["error"][-1] if record["error"] else ""),
            )
            for name, record in self._manifest.records.items()
        ]

    def _start(self) -> None:
        """Fill the free places with cells whose folders are free."""
        for name in tuple(self._waiting):
            if len(self._running) >= self._jobs:
                return
            folder, held = self._manifest.folder(name), self._held.pop(name, None)
            if who := holder(folder):
                self._held[name] = f"its folder is in use by {who}"
                if self._held[name] != held:
                    self._told(name)
                continue
            environment = self._manifest.records[name]["environment"]
            environment = self._share if environment is None else environment
            self._waiting.remove(name)
            words = self._manifest.cells[name].words(folder)
            self._manifest.note(name, state=RUNNING, environment=environment, error=[], exit_code=None)
            self._running[name] = self._launch(words, environment, self._manifest.log(name))
            self._told(name)

    def _collect(self) -> None:
        """Note what has ended, and how."""
        for name, child in tuple(self._running.items()):
            code = child.process.poll()
            if code is None:
                continue
            self._figures[name] = self._watches[name].look()
            del self._running[name]
            if code == 0 and finished(self._manifest.cells[name], self._manifest.folder(name)):
                self._manifest.note(name, state=FINISHED)
            elif self._asked:
                self._manifest.note(name, state=STOPPED)
            else:
                words = child.last_words()
                why = [cause(code)] if code <= 0 or not words else []
                self._manifest.note(name, state=FAILED, exit_code=code, error=[*words, *why])
            self._told(name)

    def _ask_to_leave(self) -> None:
        if not self._asked:
            self._asked = True
            for child in self._running.values():
                child.ask_to_leave()

    def _running_still(self) -> bool:
        return any(child.process.poll() is None for child in self._running.values())

    def _kill(self) -> None:
        for child in self._running.values():
            child.kill()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        for name in self._running:
            self._figures[name] = self._watches[name].look()
        self._display.update(self.views(), left=self._left())

    def _told(self, name: str) -> None:
        self._display.changed(next(view for view in self.views() if view.name == name))

    def _left(self) -> float | None:
        open_cells = {*self._waiting, *self._running}
        progress = [
            Progress(
                self._manifest.cells[name].world, figures.steps, figures.total, figures.seconds, name in open_cells
            )
            for name, figures in self._figures.items()
        ]
        return time_left(progress, jobs=self._jobs)
