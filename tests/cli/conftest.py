"""The command line in this process, and one small run that is finished."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qohort.cli.main import main

SMALL = (
    *("--algorithm.team.hidden", "8", "--algorithm.feed.batch", "4", "--algorithm.feed.episodes", "20"),
    *("--steps", "200", "--eval-every", "100", "--eval-episodes", "4", "--absolute-factor", "1"),
)


@dataclasses.dataclass(frozen=True)
class Answer:
    code: int | str | None
    out: str
    err: str


@pytest.fixture
def qohort(capsys) -> Callable[..., Answer]:
    """Run a command; an exception that gets through is a traceback, so the test fails."""

    def run(*words: str | Path) -> Answer:
        try:
            code = main([str(word) for word in words])
        except SystemExit as leave:
            code = leave.code
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", "qmix", "games/two-step", *SMALL, "--folder", str(folder)]) == 0
    return folder


@pytest.fixture
def finished(trained, tmp_path) -> Path:
    """A run folder of one's own, with two checkpoints."""
    return Path(shutil.copytree(trained, tmp_path / "finished"))
