"""A run that was stopped, however it was stopped, ends as one that was not: bit for bit."""

import dataclasses
import errno
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from qohort.errors import QohortError
from qohort.training import checkpoint, disk, session
from qohort.training.evaluation import evaluation_key
from qohort.training.progress import Display
from tests.resume.killed import FATAL, STEPS
from tests.resume.runs import ALGORITHMS, go, heard, left, listening

CHUNK = 40


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """What runs leave that nobody stopped."""
    results: dict[str, dict[str, bytes]] = {}

    def of(name: str) -> dict[str, bytes]:
        if name not in results:
            folder = tmp_path_factory.mktemp(name) / "run"
            assert go(name, folder, steps=STEPS).finished
            results[name] = left(folder)
            assert b'"train/loss"' in results[name]["metrics.jsonl"]
        return results[name]

    return of


def start(name: str, moment: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.resume.killed", name, moment, str(folder)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("qatten", "in_the_arrays"),
        ("qmix", "before_the_name"),
        ("iql", "before_the_old_go"),
        ("iql", "between_chunks"),
    ],
)
def test_killed_in_the_middle(name, moment, straight, tmp_path):
    folder = tmp_path / "run"
    assert start(name, moment, folder).wait(timeout=120) == -signal.SIGKILL
    newest = checkpoint.paths(folder / "seed-0" / "checkpoints")[0]
    saved = FATAL if moment == "before_the_old_go" else FATAL - 1
    assert checkpoint.read_counters(newest)["step"] == saved * CHUNK

    assert go(name, folder, steps=STEPS).finished
    assert left(folder) == straight(name)
    assert not [path for path in (folder / "seed-0" / "checkpoints").iterdir() if path.name.startswith(".")]


def test_killed_at_any_moment(straight, tmp_path):
    folder = tmp_path / "run"
    metrics = folder / "seed-0" / "metrics.jsonl"
    process = start("qatten", "whenever", folder)
    while process.poll() is None and not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.01)
    time.sleep(time.time() % 0.05)  # whenever
    process.kill()
    process.wait()
    assert go("qatten", folder, steps=STEPS).finished
    assert left(folder) == straight("qatten")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_finished_run_is_extended(name, straight, tmp_path):
    folder = tmp_path / "run"
    assert go(name, folder, steps=STEPS // 2).finished
    display = listening()
    assert go(name, folder, steps=STEPS, display=display).finished
    assert "going on from step 400" in heard(display)
    assert left(folder) == straight(name)


def test_the_replay_is_in_the_checkpoint(tmp_path):
    go("qmix", tmp_path / "run", steps=200)
    newest = checkpoint.paths(tmp_path / "run" / "seed-0" / "checkpoints")[0]
    arrays = json.loads((newest / "manifest.json").read_text())["arrays"]
    for part in (
        "train.ring.",
        "train.learner.params.",
        "train.learner.target.",
        "train.learner.opt_state",
        "train.key",
    ):
        assert any(name.startswith(part) for name in arrays), part


def test_a_finished_run_says_so(tmp_path):
    folder = tmp_path / "run"
    first = go("qmix", folder, steps=200)
    before = left(folder)
    display = listening()
    again = go("qmix", folder, steps=200, display=display)
    assert again == first
    assert "is finished: 200 steps" in heard(display)
    assert left(folder) == before


def test_a_damaged_checkpoint_costs_only_time(straight, tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=STEPS // 2, keep=3)
    *damaged, older = checkpoint.paths(folder / "seed-0" / "checkpoints")
    for path in damaged:
        (path / "arrays.safetensors").write_bytes((path / "arrays.safetensors").read_bytes()[:1000])
    display = listening()
    go("qmix", folder, steps=STEPS, display=display)
    assert f"The checkpoint {damaged[0].name} is unusable" in heard(display)
    assert f"{older.name} is used instead" in heard(display)
    assert f"from step {STEPS // 2 - CHUNK}; {CHUNK} steps that came after the checkpoint are done" in heard(display)
    assert left(folder) == straight("qmix")


def test_evaluations_and_length_may_change(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=200)
    display = listening()
    go("qmix", folder, steps=400, eval_every=400, eval_episodes=2, log_every=40, display=display)
    assert "run.eval_every was 200 and is 400" in heard(display)
    lines = [json.loads(line) for line in (folder / "seed-0" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "eval/return" in line] == [0, 200, 400]
    assert [line["step"] for line in lines if "train/return" in line] == [80, 160, *range(200, 401, 40)]


def test_what_is_learned_may_not_change(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    go("qmix", folder, steps=200)
    before = left(folder)
    monkeypatch.setitem(ALGORITHMS, "qmix", dataclasses.replace(ALGORITHMS["qmix"], gamma=0.9))
    with pytest.raises(QohortError, match=r"other settings: algorithm\.gamma was 0\.99 and is 0\.9"):
        go("qmix", folder, steps=400)
    assert left(folder) == before


def test_steps_cannot_be_taken_back(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=400)
    before = left(folder)
    with pytest.raises(QohortError, match=r"400 steps already, and --steps is 200\. Give --steps 400"):
        go("qmix", folder, steps=200)
    assert left(folder) == before


def everything(folder: Path) -> dict[str, bytes]:
    """All files of a run folder but its lock, which names the process that looked last."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("lost", ["absolute.json", "finished.json"])
def test_results_without_a_checkpoint_are_not_begun_anew(lost, tmp_path):
    """So `benchmarks/keep_runs.py` leaves them: one of the two files is enough to know that they are results."""
    folder = tmp_path / "run"
    go("qmix", folder, steps=200)
    shutil.rmtree(folder / "seed-0" / "checkpoints")
    (folder / lost if lost == "finished.json" else folder / "seed-0" / lost).unlink()
    before = everything(folder)
    with pytest.raises(QohortError, match=r"^seed 0 of .*run has results but no checkpoint to go on from; copy its"):
        go("qmix", folder, steps=400)
    assert everything(folder) == before
    assert go("qmix", folder, steps=200, fresh=True).folder == tmp_path / "run-2"


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=200)
    before = left(folder)
    shutil.rmtree(folder / "seed-0" / "checkpoints")
    (folder / "seed-0" / "absolute.json").unlink()
    (folder / "finished.json").unlink()
    go("qmix", folder, steps=200)
    assert left(folder) == before


def damage(folder: Path) -> None:
    for path in checkpoint.paths(folder / "seed-0" / "checkpoints"):
        (path / "arrays.safetensors").write_bytes(b"no arrays")


def cut(folder: Path) -> None:
    path = folder / "seed-0" / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("harm", "settings", "sentence"),
    [
        (None, {"steps": 200}, "400 steps already"),
        (damage, {"steps": 600}, "No checkpoint in"),
        (cut, {"steps": 600, "eval_episodes": 8}, "lines are missing"),
    ],
)
def test_what_is_refused_leaves_the_folder_as_it_is(harm, settings, sentence, tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=400)
    if harm is not None:
        harm(folder)
    before = everything(folder)
    with pytest.raises(QohortError, match=sentence):
        go("qmix", folder, **settings)
    assert everything(folder) == before


def test_another_number_of_episodes_is_something_to_do(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=200)
    display = listening()
    go("qmix", folder, steps=200, eval_episodes=8, display=display)
    assert "is finished" not in heard(display)
    line = json.loads((folder / "seed-0" / "absolute.json").read_text())
    assert len(line["episodes/return"]) == 2 * 8
    before = everything(folder)
    go("qmix", folder, steps=200, eval_episodes=8, keep=5, checkpoint_every=9.0, display=display)
    assert "is finished" in heard(display)
    assert everything(folder) == before


def test_a_run_that_an_older_version_finished_stays_finished(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=200)
    done = json.loads((folder / "finished.json").read_text())
    del done["asked"]["eval_episodes"]
    (folder / "finished.json").write_text(json.dumps(done))
    before = everything(folder)
    display = listening()
    go("qmix", folder, steps=200, display=display)
    assert "is finished" in heard(display)
    assert everything(folder) == before


def clock(folder: Path, seed: int = 0) -> list[float]:
    return [json.loads(line)["seconds"] for line in (folder / f"seed-{seed}" / "timing.jsonl").read_text().splitlines()]


def age(folder: Path) -> None:
    """Make the newest checkpoint one of a version that wrote neither the clock nor the number of evaluations."""
    newest = checkpoint.paths(folder / "seed-0" / "checkpoints")[0] / "manifest.json"
    manifest = json.loads(newest.read_text())
    del manifest["crc32"], manifest["counters"]["clock"], manifest["counters"]["evaluations"]
    newest.write_text(json.dumps({"crc32": checkpoint._crc(manifest), **manifest}))


@pytest.mark.parametrize("older", [False, True])
def test_the_clock_goes_on_from_process_to_process(older, tmp_path, monkeypatch):
    """A second process that lasts longer to its first line than the one before did altogether is no exception."""
    folder, now = tmp_path / "run", [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Display, "update", lambda *_, **__: now.append(now.pop() + 1.0))
    go("qmix", folder, steps=200)
    assert clock(folder) == [2.0, 4.0]
    now[0] = 1000.0
    if older:
        age(folder)
    go("qmix", folder, steps=400, log_every=200)
    spent = 4.0 if older else 5.0  # a chunk of one second came after the last line
    assert clock(folder) == [2.0, 4.0, spent, spent + 5.0]


def test_a_checkpoint_does_not_slow_the_clock_down(tmp_path, monkeypatch):
    now = [0.0]

    def lasting(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any, **settings: Any) -> Any:
            now[0] += seconds
            return function(*arguments, **settings)

        return slow

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(session, "by_seed", lasting(1.0, session.by_seed))  # once in every chunk
    monkeypatch.setattr(checkpoint, "save", lasting(100.0, checkpoint.save))
    go("qmix", tmp_path / "run", steps=200)
    lines = [json.loads(line) for line in (tmp_path / "run" / "seed-0" / "timing.jsonl").read_text().splitlines()]
    assert [line["steps_per_second"] for line in lines] == [40.0, 40.0]


def lines_with(name: str, folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "seed-0" / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if name in line]


def evaluations(folder: Path) -> list[list[float]]:
    return [line["episodes/return"] for line in lines_with("episodes/return", folder)]


def evaluations_at(folder: Path) -> list[int]:
    return [line["step"] for line in lines_with("episodes/return", folder)]


@pytest.mark.parametrize("older", [False, True])
def test_no_stream_of_evaluations_comes_twice(older, tmp_path, monkeypatch):
    met: list[int] = []
    monkeypatch.setattr(session, "evaluation_key", lambda seed, index: met.append(index) or evaluation_key(seed, index))
    go("qmix", tmp_path / "run", steps=400)
    assert met == [0, 1, 2, session.ABSOLUTE_STREAM, session.ABSOLUTE_STREAM + 1]
    met.clear()
    if older:
        age(tmp_path / "run")
    go("qmix", tmp_path / "run", steps=800, eval_every=400)
    assert met[0] == 3


def test_a_run_that_goes_on_keeps_its_intervals(tmp_path):
    """Of 80 steps every 80 are evaluated; of 160 from the start it would be every 160."""
    folder, usual = tmp_path / "run", {"eval_every": None, "log_every": None}
    go("qmix", folder, steps=80, **usual)
    go("qmix", folder, steps=160, **usual)
    assert len(evaluations(folder)) == 3
    display = listening()
    go("qmix", folder, steps=160, display=display, **usual)
    assert "is finished" in heard(display)
    go("qmix", folder, steps=200, **usual)
    assert evaluations_at(folder) == [0, 80, 160, 200]


def test_an_end_between_two_evaluations_is_evaluated_and_logged(tmp_path):
    go("qmix", tmp_path / "run", steps=200, eval_every=160, log_every=80)
    assert evaluations_at(tmp_path / "run") == [0, 160, 200]
    assert [line["step"] for line in lines_with("train/return", tmp_path / "run")] == [80, 160, 200]
    go("qmix", tmp_path / "longer", steps=80, eval_every=160)
    assert evaluations_at(tmp_path / "longer") == [0, 80]


def test_means_are_as_precise_as_their_episodes():
    won = (np.arange(20) > 0).astype(np.float32)
    assert session._scores_line({"won": won})["eval/win_rate"] == 0.95


def test_a_disk_that_is_full_at_the_last_moment(tmp_path, monkeypatch):
    replace = disk.replace_json

    def refuse(path: Path, content: object) -> None:
        if path.name == "absolute.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, content)

    monkeypatch.setattr(disk, "replace_json", refuse)
    with pytest.raises(QohortError, match=r"Cannot write .*absolute\.json: the disk or your quota is full"):
        go("qmix", tmp_path / "run", steps=200)
    monkeypatch.undo()
    assert go("qmix", tmp_path / "run", steps=200).finished


def test_a_file_where_the_seed_s_folder_belongs(tmp_path):
    go("qmix", tmp_path / "run", steps=200)
    shutil.rmtree(tmp_path / "run" / "seed-0")
    (tmp_path / "run" / "finished.json").unlink()
    (tmp_path / "run" / "seed-0").touch()
    with pytest.raises(QohortError, match="a file is in the place where a folder is needed"):
        go("qmix", tmp_path / "run", steps=200)


def test_time_left_is_of_all_seeds_that_train_together(tmp_path):
    told: list[tuple[int, float, float]] = []

    class Noting(Display):
        def update(self, name, *, step, total, figures, left=None):
            if left is not None:
                told.append((total - step, figures["steps/s"], left))

    go("qmix", tmp_path / "run", steps=200, seeds=3, together=True, display=Noting(Console(file=io.StringIO())))
    assert told
    assert [left for *_, left in told] == pytest.approx([3 * rest / rate for rest, rate, _ in told])


def test_home_is_found_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = {"steps": 200, "root": "~/runs"}
    first = go("qmix", None, **usual).folder
    assert first.is_relative_to(tmp_path / "runs")
    assert go("qmix", None, fresh=True, **usual).folder == first.with_name(f"{first.name}-2")
    assert go("qmix", None, **usual).folder == first.with_name(f"{first.name}-2")
    assert go("qmix", Path("~/runs/mine"), steps=200).folder == tmp_path / "runs" / "mine"


def test_a_checkpoint_of_another_configuration(tmp_path):
    """Put there by hand: the settings fit, the arrays do not."""
    go("qmix", tmp_path / "one", steps=200)
    go("iql", tmp_path / "two", steps=200)
    shutil.rmtree(tmp_path / "one" / "seed-0")
    shutil.copytree(tmp_path / "two" / "seed-0", tmp_path / "one" / "seed-0")
    with pytest.raises(QohortError, match="does not fit this configuration"):
        go("qmix", tmp_path / "one", steps=400)
