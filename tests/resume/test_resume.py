"""A run that was stopped, however it was stopped, ends as one that was not: bit for bit."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qohort.errors import QohortError
from qohort.training import checkpoint
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
    go("qmix", folder, steps=STEPS // 2)
    newest, older = checkpoint.paths(folder / "seed-0" / "checkpoints")
    (newest / "arrays.safetensors").write_bytes((newest / "arrays.safetensors").read_bytes()[:1000])
    display = listening()
    go("qmix", folder, steps=STEPS, display=display)
    assert f"The checkpoint {newest.name} is unusable" in heard(display)
    assert f"{older.name} is used instead" in heard(display)
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


def test_a_checkpoint_of_another_configuration(tmp_path):
    """Put there by hand: the settings fit, the arrays do not."""
    go("qmix", tmp_path / "one", steps=200)
    go("iql", tmp_path / "two", steps=200)
    shutil.rmtree(tmp_path / "one" / "seed-0" / "checkpoints")
    shutil.copytree(tmp_path / "two" / "seed-0" / "checkpoints", tmp_path / "one" / "seed-0" / "checkpoints")
    with pytest.raises(QohortError, match="does not fit this configuration"):
        go("qmix", tmp_path / "one", steps=400)
