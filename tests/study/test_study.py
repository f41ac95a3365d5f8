"""`qohort study` as a person uses it, with processes that train."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qohort.cli.main import main
from qohort.study import Grid, run_study
from qohort.study.cells import resolve
from qohort.study.manifest import holder, read_manifest
from qohort.training import checkpoint
from qohort.training.run_folder import RunFolder
from tests.resume.runs import left
from tests.study.tiny import tiny

SMALL = (
    *("--set", "algorithm.team.hidden=8", "algorithm.feed.batch=4", "algorithm.feed.episodes=20"),
    *("--set", "eval-episodes=4", "--set", "absolute-factor=1"),
)
LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from qohort.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
"""The command, with Ctrl-C as a terminal has it: what is started in the background is deaf to it."""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the command; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen] = []

    def begin(*words: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", LISTENING, "study", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def state(root: Path, index: int) -> str:
    return read_manifest(root)["cells"][index]["state"]


def test_a_study_that_is_killed_is_the_study_that_was_not(start, tmp_path, capsys):
    """The cell at work saves and leaves with the study; what it leaves at the end is the same, bit for bit."""
    root, steps = tmp_path / "study", 12_000
    words = [str(root), "--algorithms", "qmix", "--worlds", "games/two-step", "--steps", str(steps), *SMALL]
    process = start(*words)
    folder = root / "games" / "two-step" / "qmix"
    wait_until(lambda: size(folder / "seed-0" / "metrics.jsonl") > 1000)
    process.kill()
    process.wait()
    assert state(root, 0) == "running"
    assert not (folder / "finished.json").exists()

    assert main(["study", str(root)]) == 0
    said = capsys.readouterr()
    assert said.out.rstrip().endswith(f"qohort report {root}")
    assert state(root, 0) == "finished"
    newest = checkpoint.paths(folder / "seed-0" / "checkpoints")[0]
    assert checkpoint.read_counters(newest)["step"] == steps
    assert "going on from step" in (root / "logs" / "games" / "two-step" / "qmix.log").read_text()
    command = read_manifest(root)["cells"][0]["command"].split()
    assert main([*command[1:-1], str(tmp_path / "straight")]) == 0
    assert left(folder) == left(tmp_path / "straight")

    before = {path: path.stat().st_mtime_ns for path in root.rglob("seed-*/*")}
    capsys.readouterr()
    assert main(["study", *words]) == 0
    assert "1 of 1 cell finished" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in root.rglob("seed-*/*")} == before


def test_one_cell_fails_and_the_others_go_on(tmp_path, capsys):
    root = tmp_path / "study"
    words = (
        *("study", str(root), "--algorithms", "vdn", "--worlds", "tests.cli.faulty:reward", "games/two-step"),
        *("--steps", "200", "--set", "eval-every=200", *SMALL, "--jobs", "2"),
    )
    assert main([*words]) == 1
    said = capsys.readouterr()
    failed, finished = read_manifest(root)["cells"]
    assert (failed["state"], failed["exit_code"], finished["state"]) == ("failed", 2, "finished")
    assert "rewards that are not finite numbers" in failed["error"][-1]
    assert "rewards that are not finite numbers" in said.out
    assert "tests.cli.faulty-reward/vdn: failed" in said.err
    (process,) = json.loads((root / finished["folder"] / "environment.json").read_text())["processes"]
    assert process["command"] == finished["command"].split()


def test_a_signal_lets_cells_save_and_says_how_to_go_on(start, tmp_path):
    root = tmp_path / "study"
    folder = root / "games" / "two-step" / "qmix"
    process = start(
        *(str(root), "--algorithms", "qmix", "iql", "--worlds", "games/two-step", "--steps", "1000000000", *SMALL)
    )
    wait_until(lambda: size(folder / "seed-0" / "metrics.jsonl") > 1000)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert f"To go on: qohort study {root}" in said
    assert "Traceback" not in said
    assert [state(root, index) for index in (0, 1)] == ["stopped", "waiting"]
    assert checkpoint.read_counters(checkpoint.paths(folder / "seed-0" / "checkpoints")[0])["step"] > 0
    assert holder(folder) == ""


def test_from_python(tmp_path):
    studied = run_study(tmp_path / "study", tiny("vdn", seeds=2))
    (cell,) = studied.cells
    assert (studied.finished, cell.state, cell.figures.done, studied.signal) == (True, "finished", 2, None)
    assert cell.folder == tmp_path / "study" / "games" / "two-step" / "vdn"
    line = json.loads((cell.folder / "seed-1" / "absolute.json").read_text())
    assert cell.figures.seeds[1].absolute == line["eval/return"]
    assert run_study(tmp_path / "study").cells[0].figures == cell.figures


ASKED = ("--algorithms", "qatten", "--worlds", "games/two-step")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["somewhere"], "holds no study yet: say what it is made of"),
        (["somewhere", "--algorithms", "qatten"], "A study without worlds has no cells"),
        (["somewhere", "--worlds", "games/and"], "A study without algorithms has no cells"),
        (["somewhere", "--algorithms", "qaten", "--worlds", "games/and"], "Did you mean 'qatten'?"),
        (["somewhere", "--algorithms", "qatten", "--worlds", "games/two-stp"], "Did you mean 'games/two-step'?"),
        (["somewhere", *ASKED, "--preset", "papr"], "Did you mean 'paper'?"),
        (["somewhere", *ASKED, "--jobs", "0"], "--jobs is 0; it must be at least 1"),
        (["somewhere", *ASKED, "--seeds", "0"], "--seeds is 0; it must be at least 1"),
        (["somewhere", *ASKED, "--steps", "many"], "--steps"),
        (["somewhere", *ASKED, "--stepz", "5"], "--stepz"),
        (["somewhere", *ASKED, "--set", "heads"], "'heads' is no option; write a flag"),
        (["somewhere", *ASKED, "--set", "algorithm.mixer.heds=1"], "Did you mean 'algorithm.mixer.heads'?"),
        (["somewhere", *ASKED, "--set", "algorithm.gamma=1", "algorithm.gamma=0"], "names algorithm.gamma twice"),
        (["somewhere", *ASKED, "--file", "study.toml"], "--algorithms and --file are both given"),
        (["somewhere", "--file", "study.toml"], "Cannot read the study file study.toml"),
        ([*ASKED], "needs a folder first"),
    ],
)
def test_a_sentence_and_exit_code_2(words, sentence, qohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = qohort("study", *words)
    assert answer.code == 2
    assert sentence in answer.err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_used(qohort, tmp_path):
    (tmp_path / "file").write_text("I am no folder")
    for folder, sentence in (
        (tmp_path / "file", "a file is in the place where a folder is needed"),
        (tmp_path, "it holds 'file' and no study.json"),
    ):
        answer = qohort("study", folder, *ASKED)
        assert answer.code == 2
        assert sentence in answer.err


def test_a_dry_run_prints_what_a_cluster_needs(qohort, tmp_path):
    answer = qohort("study", tmp_path / "s", *ASKED, "--set", "algorithm.mixer.heads=1,2", "--seeds", "3", "--dry-run")
    assert answer.code == 0
    assert not (tmp_path / "s").exists()
    cells, _ = resolve(
        [Grid(algorithms=["qatten"], worlds=["games/two-step"], options={"algorithm.mixer.heads": [1, 2]}, seeds=3)]
    )
    assert [line.split()[1:] for line in answer.out.splitlines()] == [
        cell.words(tmp_path / "s" / cell.name) for cell in cells
    ]


def test_a_dry_run_refuses_what_the_study_refuses(qohort, tmp_path):
    words = ("study", tmp_path / "s", *ASKED)
    assert "--jobs is 0; it must be at least 1" in qohort(*words, "--jobs", "0", "--dry-run").err
    (cell,) = resolve([Grid(algorithms=["qatten"], worlds=["games/two-step"])])[0]
    with RunFolder.open(tmp_path / "s" / cell.name, cell.config, fresh=False) as folder:
        folder.begin()
    other = (*words, "--set", "algorithm.gamma=0.5", "--dry-run")
    assert "algorithm.gamma was 0.99 and is 0.5" in qohort(*other).err
    assert qohort(*other, "--fresh").out.rstrip().endswith(f"--folder {tmp_path / 's' / cell.name}-2")
    assert not (tmp_path / "s" / "study.json").exists()
    (tmp_path / "notes.txt").touch()
    assert "it holds 'notes.txt' and no study.json" in qohort("study", tmp_path, *ASKED, "--dry-run").err


def test_the_help_explains_its_words(qohort):
    assert "DIR/WORLD/ALGORITHM-OPTIONS" in qohort("study", "--help").out
    assert " PATH\n" not in qohort("study", "--help").out.split("─")[0]
