"""Every command that a document shows is one: names, worlds and flags are known. Nothing is run."""

import functools
import importlib
import pathlib
import re
import shlex
from typing import Any

import pytest

from qohort.algorithms.registry import METHODS, default_preset, preset
from qohort.cli.main import COMMANDS
from qohort.envs import AbstractEnv, make
from qohort.training.flags import parse
from qohort.training.settings import config_to_dict, flat

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARSERS = ("analyse", "check", "doctor", "lab_payoff", "lab_theorem", "listing", "preview", "report", "runs", "watch")
FILES_OF_THE_READER = ("my_world:", "battle/custom")


def commands() -> list[str]:
    """Those of all blocks for a shell, each once, without what is said of them."""
    blocks = [block for path in DOCUMENTS for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    split = [shlex.split(line, comments=True) for line in lines if line.startswith("qohort ")]
    return sorted({shlex.join(words[1:]) for words in split})


@functools.cache
def world(name: str) -> AbstractEnv:
    return make(name)


class Understood(BaseException):
    """The flags were read; what follows would run something."""


@pytest.fixture
def reading(monkeypatch):
    """Commands stop where their flags are read."""

    def read(*arguments: Any, **settings: Any) -> None:
        raise Understood(parse(*arguments, **settings))

    for name in (*PARSERS, "train"):
        monkeypatch.setattr(f"qohort.cli.{name}.parse", read)


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("command", [command for command in commands() if not command.startswith("study ")])
def test_a_command_is_understood(command, capsys):
    name, *rest = shlex.split(command)
    module, function = COMMANDS[name][0].split(":")
    with pytest.raises((Understood, SystemExit)) as stopped:
        getattr(importlib.import_module(module), function)(rest)
    if isinstance(stopped.value, SystemExit):
        assert stopped.value.code == 0, capsys.readouterr()
    elif name == "train" and not rest[1].startswith(FILES_OF_THE_READER):
        algorithm = stopped.value.args[0].algorithm
        algorithm.check(world(rest[1]).spec)


def test_no_command_trains_for_long_unasked():
    """`paper` and two million steps are for those who ask for them."""
    long = []
    for command in commands():
        name, *rest = shlex.split(command)
        if name == "train" and not {"--preset", "--steps"} & set(rest) and default_preset(*rest[:2]) == "paper":
            long.append(command)
    assert [command for command in long if not command.split()[2].startswith(FILES_OF_THE_READER)] == []


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("study ")])
def test_a_study_can_be_made(command, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")  # the readers' folder is the repository
    from qohort.cli.study import main

    assert main([*shlex.split(command)[1:], "--dry-run"]) == 0
    assert "qohort train" in capsys.readouterr().out


def test_flags_for_those_who_come_from_pymarl():
    page = (ROOT / "docs" / "pymarl.md").read_text()
    known = {
        name.replace("_", "-")
        for method in ("qmix", "qatten", "qplex", "qtran", "ow-qmix", "coma")
        for which in METHODS[method].presets
        for name in flat({"algorithm": config_to_dict(preset(method, "battle/3m", which).algorithm)})
    }
    told = []
    for row in (line for line in page.splitlines() if line.startswith("| `")):
        for flag in re.findall(r"`(--algorithm\.[\w.-]*|\.[\w-]+)", row.split(" | ")[1]):
            told.append(flag if flag.startswith("--") else told[-1].rpartition(".")[0] + flag)
    told = [flag.removeprefix("--") for flag in told if not flag.endswith(".")]
    assert len(told) > 20
    assert sorted(set(told) - known) == []
