"""The order of work, failures, and stopping; the processes only pretend to train."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from qohort.errors import QohortError
from qohort.study import runner as running
from qohort.study.cells import resolve
from qohort.study.children import THREADS, cause, share
from qohort.study.display import StudyDisplay
from qohort.study.manifest import Manifest
from qohort.study.runner import Runner
from qohort.training import disk, provenance
from qohort.training.run_folder import RunFolder
from tests.study import tiny
from tests.study.tiny import Pretend, ready

ALGORITHMS = ("iql", "vdn", "qmix")


class Study:
    """One call of `qohort study` on a folder."""

    def __init__(self, root: Path, deeds: Mapping[str, str] | None = None) -> None:
        grid = tiny.tiny(*ALGORITHMS)
        cells, _ = resolve([grid])
        root.mkdir(exist_ok=True)
        self.manifest = Manifest(root, [grid], cells, fresh=False)
        self.pretend = Pretend(cells, deeds)
        self.out = io.StringIO()

    def run(self, *, jobs: int = 1, stop: Callable[[], bool] = lambda: False) -> None:
        display = StudyDisplay(Console(file=self.out, width=200))
        Runner(self.manifest, jobs=jobs, display=display, stop=stop, launch=self.pretend).run()

    @property
    def states(self) -> list[str]:
        return [record["state"] for record in self.manifest.records.values()]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(running, "POLL", 0.01)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_so_many_at_a_time(jobs, tmp_path):
    study = Study(tmp_path)
    study.run(jobs=jobs)
    assert study.pretend.started == list(ALGORITHMS)
    assert study.pretend.most <= jobs
    assert study.states == ["finished"] * 3
    again = Study(tmp_path)
    again.run(jobs=jobs)
    assert again.pretend.started == []


def test_processors_are_shared(tmp_path, monkeypatch):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("qohort.study.children.cpu_count", lambda: 8)
    study = Study(tmp_path, {"vdn": tiny.FAIL})
    study.run(jobs=3)
    assert all(environment["NPROC"] == "2" for environment in study.pretend.environments)
    assert share(1) == {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # the study's own process may hold memory
    assert share(20)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert "OMP_NUM_THREADS" not in share(2)
    assert provenance.cpu_count() >= 1


def test_failing_cells_do_not_stop_the_others_and_are_tried_again(tmp_path):
    study = Study(tmp_path, {"iql": tiny.FAIL, "vdn": tiny.DIE})
    study.run()
    assert study.states == ["failed", "failed", "finished"]
    iql, vdn, _ = study.manifest.records.values()
    assert (iql["exit_code"], iql["error"]) == (2, ["one thing", "qohort: another thing"])
    assert (vdn["exit_code"], vdn["error"]) == (-9, ["It was killed by SIGKILL. Perhaps the memory was not enough."])
    assert "games/two-step/iql: failed, qohort: another thing" in study.out.getvalue()
    again = Study(tmp_path)
    again.run()
    assert again.pretend.started == ["iql", "vdn"]
    assert again.states == ["finished"] * 3
    assert again.manifest.records["games/two-step/iql"]["error"] == []


def test_a_process_that_ends_without_finishing_has_failed(tmp_path):
    study = Study(tmp_path, {"iql": "pass"})
    study.run()
    assert study.states == ["failed", "finished", "finished"]
    assert study.manifest.records["games/two-step/iql"]["error"] == [cause(0)]


def test_being_asked_to_stop(tmp_path):
    study = Study(tmp_path, {"iql": tiny.LEAVE, "vdn": tiny.LEAVE})
    study.run(jobs=2, stop=lambda: len(study.pretend.children) == 2 and all(map(ready, study.pretend.children)))
    assert [child.process.returncode for child in study.pretend.children] == [143, 143]
    assert study.states == ["stopped", "stopped", "waiting"]


def test_a_second_interrupt_kills(tmp_path):
    study = Study(tmp_path, {"iql": tiny.HANG})
    asked = []

    def stop() -> bool:
        if not study.pretend.children or not ready(study.pretend.children[0]):
            return False
        asked.append(True)
        if len(asked) > 5:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        study.run(stop=stop)
    assert study.pretend.children[0].process.returncode == -9


def test_when_the_study_itself_fails_its_cells_may_save(tmp_path, monkeypatch):
    study = Study(tmp_path, {"vdn": tiny.LEAVE})

    def full(path: Path, content: object) -> None:
        if len(study.pretend.children) == 2 and ready(study.pretend.children[1]):
            raise OSError(28, "No space left on device")
        replace(path, content)

    replace = disk.replace_json
    monkeypatch.setattr(disk, "replace_json", full)

    def stop() -> bool:
        study.manifest.save()
        return False

    with pytest.raises(QohortError, match="the disk or your quota is full"):
        study.run(stop=stop)
    assert [child.process.returncode for child in study.pretend.children] == [0, 143]


def test_a_cell_that_somebody_else_trains_waits(tmp_path):
    iql = Study(tmp_path).manifest.cells["games/two-step/iql"]
    folder = RunFolder.open(tmp_path / iql.name, iql.config, fresh=False)
    folder.begin()
    study = Study(tmp_path, {"iql": "pass"})

    def stop() -> bool:
        if study.states == ["stopped", "finished", "finished"]:  # then the other one is done with it
            folder.finish({"asked": iql.asked})
            folder.close()
        return False

    study.run(stop=stop)
    assert study.pretend.started == ["vdn", "qmix", "iql"]
    assert study.states == ["finished"] * 3
