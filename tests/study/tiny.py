"""Grids of cells that train in a second, and processes that only pretend to."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qohort.study.cells import Cell
from qohort.study.children import Child
from qohort.study.grid import Grid

OPTIONS: dict[str, Any] = {
    "algorithm.team.hidden": 8,
    "algorithm.feed.batch": 4,
    "algorithm.feed.episodes": 20,
    "eval-every": 100,
    "eval-episodes": 4,
    "absolute-factor": 1,
}


def tiny(*algorithms: str, worlds: Sequence[str] = ("games/two-step",), options: Any = None, **settings: Any) -> Grid:
    settings = {"steps": 200, **settings}
    return Grid(algorithms=algorithms, worlds=worlds, options={**OPTIONS, **(options or {})}, **settings)


FINISH = """
import json, pathlib, sys
folder, asked, config = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
folder.mkdir(parents=True)
(folder / "config.json").write_text(config)
(folder / "finished.json").write_text(json.dumps({"asked": json.loads(asked)}))
"""
FAIL = "import sys; print('one thing'); print('qohort: another thing', file=sys.stderr); sys.exit(2)"
HANG = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
LEAVE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print('ready', flush=True)
time.sleep(600)
"""
DIE = "import os; os.kill(os.getpid(), 9)"


class Pretend:
    """Starts scripts in place of training: what each cell does is said by its name."""

    def __init__(self, cells: Sequence[Cell], deeds: Mapping[str, str] | None = None) -> None:
        self._cells = {cell.algorithm: cell for cell in cells}
        self._deeds = deeds or {}
        self.started: list[str] = []
        self.environments: list[Mapping[str, str]] = []
        self.children: list[Child] = []
        self.most = 0
        """How many were at work at the same time."""

    def __call__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        cell, folder = self._cells[words[1]], words[-1]
        self.started.append(cell.algorithm)
        self.environments.append(environment)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            begun = file.tell()
            script = [sys.executable, "-S", "-c", self._deeds.get(cell.algorithm, FINISH)]
            process = subprocess.Popen(
                [*script, folder, json.dumps(cell.asked), json.dumps(dict(cell.config))],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.children.append(Child(process, log, begun))
        self.most = max(self.most, sum(child.process.poll() is None for child in self.children))
        return self.children[-1]


def ready(child: Child) -> bool:
    return b"ready" in child.log.read_bytes()
