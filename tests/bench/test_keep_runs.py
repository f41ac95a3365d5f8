"""What `benchmarks/keep_runs.py` puts into the repository, and when it does so again."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from benchmarks import keep_runs
from qohort.report.caveats import caveats
from qohort.report.comparison import compare
from qohort.report.gather import gather
from qohort.report.labels import collect
from tests.report.synthetic import write_run

LINES = [(0, 0.0), (100, 0.5)]
PROCESS = {
    "folder": "/home/me/work",
    "pid": 7,
    "processor": "EPYC",
    "command": [
        "/opt/venv/bin/qohort",
        "train",
        "vdn",
        "battle/3m",
        "--folder",
        "/home/me/work/runs/a",
        "--root=/tmp/x",
    ],
}


def keep(monkeypatch, capsys, runs: Path, kept: Path) -> str:
    monkeypatch.setattr(sys, "argv", ["keep_runs.py", str(runs), str(kept)])
    keep_runs.main()
    return capsys.readouterr().out


@pytest.fixture
def runs(tmp_path) -> Path:
    folder = write_run(tmp_path / "runs" / "3m" / "vdn", {0: LINES}, process=PROCESS)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "arrays.safetensors").touch()
    return tmp_path / "runs"


def test_what_a_report_reads_is_kept_and_no_place(runs, tmp_path, monkeypatch, capsys):
    kept = tmp_path / "kept"
    assert keep(monkeypatch, capsys, runs, kept) == f"{kept}/3m/vdn: new\n"
    assert sorted(path.relative_to(kept / "3m" / "vdn").as_posix() for path in kept.rglob("*") if path.is_file()) == [
        "config.json",
        "environment.json",
        "finished.json",
        "seed-0/absolute.json",
        "seed-0/metrics.jsonl",
        "seed-0/timing.jsonl",
    ]
    (process,) = json.loads((kept / "3m" / "vdn" / "environment.json").read_text())["processes"]
    assert process["command"] == ["qohort", "train", "vdn", "battle/3m", "--folder", "runs/a", "--root=x"]
    assert process["host"] == "host-" + hashlib.sha256(b"here").hexdigest()[:8]
    assert process["processor"] == "EPYC"
    assert not {"folder", "pid"} & {*process}
    for path in kept.rglob("*.json"):
        assert "/home/me" not in path.read_text()
    (run,), (source,) = gather(kept)[0].seeds, gather(runs)[0].seeds
    assert (run.steps.tolist(), run.absolute, run.speed) == (source.steps.tolist(), source.absolute, source.speed)


def test_a_run_that_has_gone_on_is_copied_anew(runs, tmp_path, monkeypatch, capsys):
    kept = tmp_path / "kept"
    keep(monkeypatch, capsys, runs, kept)
    assert keep(monkeypatch, capsys, runs, kept) == ""
    (kept / "3m" / "vdn" / "seed-0" / "left-over.jsonl").touch()
    longer = write_run(tmp_path / "longer", {0: [*LINES, (200, 1.0)]}, process=PROCESS)
    (runs / "3m" / "vdn").rename(tmp_path / "shorter")
    longer.rename(runs / "3m" / "vdn")
    assert keep(monkeypatch, capsys, runs, kept) == f"{kept}/3m/vdn: again\n"
    assert gather(kept)[0].seeds[0].last_step == 200
    assert not (kept / "3m" / "vdn" / "seed-0" / "left-over.jsonl").exists()
    assert keep(monkeypatch, capsys, runs, kept) == ""


def test_kept_runs_of_two_machines_are_told_apart(runs, tmp_path, monkeypatch, capsys):
    write_run(runs / "3m" / "iql", {0: LINES}, name="iql", process={**PROCESS, "host": "there"})
    keep(monkeypatch, capsys, runs, tmp_path / "kept")
    said = " ".join(caveats(compare(collect(gather(tmp_path / "kept"), tmp_path / "kept"))))
    assert "Runs were made on different machines: host-" in said
    assert "there" not in said


def test_a_study_is_kept_without_places(runs, tmp_path, monkeypatch, capsys):
    cell = {"name": "3m/vdn", "folder": "3m/vdn", "command": f"qohort train vdn battle/3m --folder {runs}/3m/vdn"}
    (runs / "study.json").write_text(json.dumps({"cells": [cell]}))
    keep(monkeypatch, capsys, runs, tmp_path / "kept")
    (told,) = json.loads((tmp_path / "kept" / "study.json").read_text())["cells"]
    assert told == {**cell, "command": "qohort train vdn battle/3m --folder runs/3m/vdn"}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("battle/3m?spread=0.5", "battle/3m?spread=0.5"),
        ("battle/custom?scenario=/home/me/work/own.json&spread=1", "battle/custom?scenario=own.json&spread=1"),
        ("/home/me/other/own.json", "own.json"),
        ("--steps", "--steps"),
    ],
)
def test_a_path_in_a_command_begins_where_it_was_given(word: str, told: str):
    assert keep_runs.relative(word, "/home/me/work") == told
