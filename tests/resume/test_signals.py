"""Signals reach the command: it saves and says so, and the same command goes on."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qohort.cli.main import main
from qohort.training import checkpoint
from tests.resume.runs import left

SMALL = (
    *("train", "qmix", "games/two-step", "--seed", "3"),
    *("--algorithm.team.hidden", "8", "--algorithm.feed.batch", "4", "--algorithm.feed.episodes", "20"),
    *("--eval-every", "500", "--eval-episodes", "4", "--absolute-factor", "1"),
)
FOREVER = ("--steps", "1000000000")


LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from qohort.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
"""The command, with Ctrl-C as a terminal has it: what is started in the background is deaf to it."""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the command; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen] = []

    def begin(folder: Path, *flags: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", LISTENING, *SMALL, *FOREVER, "--folder", str(folder), *flags],
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


def wait_for(path: Path, size: int = 1) -> None:
    """Until a file of the run has so many bytes."""
    deadline = time.monotonic() + 120
    while not (path.exists() and path.stat().st_size >= size):
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_chunk_and_saves(number, start, tmp_path, capsys):
    folder = tmp_path / "run"
    process = start(folder)
    wait_for(folder / "seed-3" / "metrics.jsonl", 2000)
    process.send_signal(number)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    match = re.search(r"seed 3: stopped at step ([\d,]+) of 1,000,000,000; everything is saved in (\S+)\.", said)
    assert match is not None, said
    assert "Traceback" not in said
    step = int(match[1].replace(",", ""))
    newest = checkpoint.paths(folder / "seed-3" / "checkpoints")[0]
    assert checkpoint.read_counters(newest)["step"] == step > 0

    steps = ("--steps", str(step // 500 * 500 + 500))
    assert main([*SMALL, *steps, "--folder", str(folder)]) == 0
    assert main([*SMALL, *steps, "--folder", str(tmp_path / "straight")]) == 0
    assert left(folder, 3) == left(tmp_path / "straight", 3)
    assert f"going on from step {step:,}" in capsys.readouterr().err


def test_a_second_interrupt_stops_at_once(start, tmp_path):
    """Also in the middle of a chunk that would take minutes."""
    folder = tmp_path / "run"
    process = start(folder, "--algorithm.updates", "1000000")
    wait_for(folder / "seed-3" / "metrics.jsonl")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert time.monotonic() - begun < 20
    assert process.returncode == 130
    assert said.rstrip().endswith("qohort: stopped at once.")
    assert "Traceback" not in said
