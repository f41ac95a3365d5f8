"""Trials become cells: every name and value goes through the parser of `qohort train` before anything runs."""

import contextlib
import dataclasses
import difflib
import functools
import hashlib
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from qohort.algorithms.method import Preset
from qohort.algorithms.registry import preset
from qohort.envs import AbstractEnv, make
from qohort.envs.check import check_form
from qohort.envs.registry import BUILT_IN, base
from qohort.errors import QohortError
from qohort.study.grid import Grid, Trial, trials
from qohort.training.flags import flags_type, parse
from qohort.training.job import check, config_of
from qohort.training.run import Run, asked_of, grid_of
from qohort.training.run_folder import default_path
from qohort.training.settings import KIND, config_to_dict, differences, flat, listed, split_differences
from qohort.training.train import CHANGEABLE

_OWN = ("steps", "seeds", "seed", "preset", "team", "folder", "root", "fresh")
_LONGEST = 150


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a study: an algorithm in a world with its options, all seeds of it."""

    name: str
    """WORLD/ALGORITHM, its label and its options; also where its run folder is, below the study's."""
    algorithm: str
    world: str
    label: str
    preset: str | None
    team: str | None
    source: str
    options: Mapping[str, Any]
    """Options by their names in `config.json`, with their values there."""
    steps: int
    seeds: tuple[int, ...]
    asked: Mapping[str, Any]
    """What `finished.json` of the run folder says of it when it is done."""
    flags: tuple[str, ...]
    """What follows `qohort train ALGORITHM WORLD`."""
    config: Mapping[str, Any]
    """What `config.json` of the run folder says."""

    def words(self, folder: Path) -> list[str]:
        """The command behind the cell, without `qohort`."""
        return ["train", self.algorithm, self.world, *self.flags, "--folder", str(folder)]


def resolve(grids: Sequence[Grid]) -> tuple[list[Cell], list[str]]:
    """Every cell of the grids, once, and sentences about what may surprise.

    Raises:
        QohortError: for the first thing that could not be trained.
    """
    cells: dict[str, Cell] = {}
    notes: list[str] = []
    for grid in grids:
        here: list[Cell] = []
        for trial in _applicable(grid, notes):
            cell = _cell(trial)
            twin = next((other for other in here if grid.one_at_a_time and other.config == cell.config), None)
            if twin is not None:
                notes.append(f"{cell.name} has the settings of {twin.name}, which stands for both.")
                continue
            here.append(cell)
            if cell.name in cells:
                _check_same(cells[cell.name], cell)
            cells.setdefault(cell.name, cell)
    return list(cells.values()), notes


def _applicable(grid: Grid, notes: list[str]) -> list[Trial]:
    """The trials with the options that their algorithms have; an option that none has is refused."""
    found = trials(grid)
    has = {
        pair: _settings(*pair, grid.preset, grid.team) for pair in dict.fromkeys((t.algorithm, t.world) for t in found)
    }
    for option in (*grid.options, *grid.one_at_a_time):
        _check_known(option, {name for settings in has.values() for name in settings}, grid.algorithms)
        lacking = [name for name in grid.algorithms if all(_flag(option) not in has[name, w] for w in grid.worlds)]
        if lacking:
            notes.append(f"{option} is no option of {', '.join(lacking)}, which {_is(lacking)} trained without it.")
    kept: dict[str, Trial] = {}
    for trial in found:
        known = has[trial.algorithm, trial.world]
        options = {name: value for name, value in trial.options.items() if _flag(name) in known}
        kept.setdefault(repr((trial.world, trial.algorithm, options)), dataclasses.replace(trial, options=options))
    return list(kept.values())


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


@functools.cache
def _preset(algorithm: str, world: str, which: str | None, team: str | None) -> Preset:
    return preset(algorithm, world, which, team=team)


@functools.cache
def _settings(algorithm: str, world: str, which: str | None, team: str | None) -> dict[str, tuple[str, Any]]:
    """Every flag's name, with its name in `config.json` and its value in the preset."""
    chosen = _preset(algorithm, world, which, team)
    config = {"algorithm": config_to_dict(chosen.algorithm), "run": config_to_dict(Run(**chosen.run))}
    names = [name for name in flat(config) if name.rpartition(".")[2] != KIND]
    return {_flag(name.removeprefix("run.")): (name, flat(config)[name]) for name in names}


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _check_known(option: str, known: set[str], algorithms: Sequence[str]) -> None:
    name = _flag(option)
    if name in _OWN:
        raise QohortError(
            f"The option {option!r} belongs to the study itself, for all its cells: `qohort study --help` shows "
            "its flags."
        )
    if name in known:
        return
    near = _nearest(name, known.difference(_OWN))
    guess = f" Did you mean {near!r}?" if near else ""
    raise QohortError(
        f"{' and '.join(algorithms)} {'has' if len(algorithms) == 1 else 'have'} no option named {option!r}.{guess} "
        "Options are the flags of `qohort train` without the dashes; `qohort train NAME WORLD --help` shows them."
    )


def _nearest(name: str, known: Collection[str]) -> str | None:
    """The name that was meant: the closest one, or one whose last part is close (`heads`, `optimizer.eps`)."""
    closest = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
    short = {full.rpartition(".")[2]: full for full in sorted(known)}
    ends = difflib.get_close_matches(name.rpartition(".")[2], short, n=1, cutoff=0.7)
    return next(iter((*closest, *(short[end] for end in ends))), None)


def _cell(trial: Trial) -> Cell:
    """One trial, checked as far as it can be without training."""
    grid, where = trial.grid, f"{trial.algorithm} on {trial.world}"
    which = (trial.algorithm, trial.world, grid.preset, grid.team)
    chosen, known = _preset(*which), _settings(*which)
    picked = _given(preset=grid.preset, team=grid.team)
    flags = _given(seeds=grid.seeds, seed=grid.seed, steps=grid.steps)
    for name, value in trial.options.items():
        flags += _words(_flag(name), value, known[_flag(name)][1], where)
    parsed = _parse(chosen, flags, where)
    run: Run = parsed.run
    with _named(where):
        env = _world(trial.world)
        check(parsed.algorithm, env, run)
        asked = asked_of(run, grid_of(run, parsed.algorithm.environments))
    config = config_of(parsed.algorithm, trial.world, run, name=trial.algorithm, source=chosen.source)
    values = flat({name: config[name] for name in ("algorithm", "run")})
    options = {known[_flag(name)][0]: values[known[_flag(name)][0]] for name in trial.options}
    spelled = [known[_flag(name)][0] for name in trial.options if name in trial.spelled]
    label = _label(trial, {name: options[name] for name in spelled if name not in CHANGEABLE})
    place = default_path(Path(), world=trial.world, algorithm=trial.algorithm, digest="").parent
    return Cell(
        name=(place / f"{trial.algorithm}{label}").as_posix(),
        algorithm=trial.algorithm,
        world=trial.world,
        label=label.removeprefix("-"),
        preset=grid.preset,
        team=grid.team,
        source=chosen.source,
        options=options,
        steps=asked["steps"],
        seeds=tuple(asked["seeds"]),
        asked=asked,
        flags=(*picked, *flags),
        config=json.loads(json.dumps(config)),
    )


def _given(**settings: Any) -> list[str]:
    """The study's own settings as flags of `qohort train`."""
    return [word for name, value in settings.items() if value is not None for word in (f"--{name}", str(value))]


def _words(flag: str, value: Any, usual: Any, where: str) -> list[str]:
    """A flag with its value as a person types them."""
    if not isinstance(usual, bool):
        items = value if isinstance(value, list | tuple) else str(value).split()
        return [f"--{flag}", *map(str, items)]
    text = str(value).lower()
    if text not in ("true", "false"):
        raise QohortError(f"{where}: {flag} is {value!r}; it must be true or false.")
    parent, dot, last = flag.rpartition(".")
    return [f"--{flag}" if text == "true" else f"--{parent}{dot}no-{last}"]


def _parse(chosen: Preset, flags: Sequence[str], where: str) -> Any:
    """The settings; the parser's words about a value that it refuses become a sentence."""
    said = io.StringIO()
    default = {"algorithm": chosen.algorithm, "run": Run(**chosen.run)}
    with _named(where):
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                return parse(flags_type(chosen), flags, prog="qohort train", default=default)
        except SystemExit:
            raise QohortError(_sentence(said.getvalue())) from None


def _sentence(box: str) -> str:
    """The parser's message without the frame around it and the advice below it."""
    text = " ".join(re.sub(r"\x1b\[[\d;]*m|[│╭╮╰╯─]|-{4,}", " ", box).split())
    text = re.split(r"Argument helptext|For full helptext|Perhaps you meant", text)[0].strip()
    return re.sub(r"^.*?(?=Error parsing|invalid choice|Unrecognized options)", "", text)


@contextlib.contextmanager
def _named(where: str) -> Any:
    try:
        yield
    except QohortError as error:
        raise QohortError(f"{where}: {error}") from None


@functools.cache
def _world(name: str) -> AbstractEnv:
    if base(name) not in BUILT_IN and ":" not in name:
        make(name)  # refuses a name that nothing has
        raise QohortError(
            "this world was registered in this process alone, and every cell has a process of its own. Name it by "
            "`module:factory`."
        )
    env = make(name)
    if base(name) not in BUILT_IN:
        check_form(env)
    return env


def _label(trial: Trial, spelled: Mapping[str, Any]) -> str:
    """`-LABEL-mixer.heads=8`; what is too long for a folder's name ends with a hash."""
    shown = [f"{name.partition('.')[2]}={_text(value)}" for name, value in spelled.items()]
    label = "".join(f"-{part}" for part in (trial.grid.label, *shown) if part)
    if len(label) <= _LONGEST:
        return label
    return f"{label[:_LONGEST]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value).strip("[]")
    return re.sub(r"[^\w.=+-]+", "-", text)


def _check_same(first: Cell, second: Cell) -> None:
    """Two grids may share a cell; two cells may not share a name."""
    changes = differences(first.config, second.config)
    changes = {name: pair for name, pair in changes.items() if name != "source"}
    if changes:
        raise QohortError(
            f"Two cells are called {first.name}, and are not the same: {listed(changes)}. Only options that have "
            "several values and touch what is learned are part of a name. In a study file, a `label` in one of the two "
            "grids tells them apart."
        )


def refused(before: Mapping[str, Any], cell: Cell) -> str:
    """How a cell is another run than the one in its folder; nothing if it may go on there."""
    _, changes = split_differences(differences(before, cell.config), CHANGEABLE)
    return listed(changes)
