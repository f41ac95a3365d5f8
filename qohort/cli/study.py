"""`qohort study DIR`: a grid of runs in one folder."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import jax
import tyro
from rich.console import Console

from qohort.errors import QohortError
from qohort.study.display import failures, results
from qohort.study.file import read_file
from qohort.study.grid import Grid, parse_option
from qohort.study.manifest import LOGS
from qohort.study.study import Studied, commands, run_study
from qohort.training.flags import parse

_WIDE = 160
"""Columns of a table that goes into a file or a pipe."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyFlags:
    """Train every algorithm in every world with every combination of options, each cell in a folder of its own.

    The same command, or `qohort study DIR` alone, goes on with what is not finished.
    """

    dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The study's folder; cells are in DIR/WORLD/ALGORITHM-OPTIONS."""
    algorithms: tuple[str, ...] = ()
    """Names that `qohort train` knows."""
    worlds: tuple[str, ...] = ()
    """Names of worlds, or module:factory."""
    seeds: int | None = None
    """Seeds of each cell; 1 if not given."""
    seed: int | None = None
    """The first seed; 0 if not given."""
    preset: str | None = None
    """The preset of all cells; each world's own if not given."""
    team: str | None = None
    """Another network for the agents of all cells, as in `qohort train`; the preset's if not given."""
    steps: int | None = None
    """Environment steps of each seed; the preset's if not given."""
    set: Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction] = ()
    """Flags of `qohort train` without dashes, with values to combine: algorithm.mixer.heads=1,2,4."""
    file: Path | None = None
    """A study file, TOML or JSON, in place of the flags above."""
    jobs: int = 1
    """Cells trained at a time; on a CPU they share the processors."""
    fresh: bool = False
    """Start cells anew whose settings changed, beside the old ones, instead of refusing."""
    dry_run: bool = False
    """Check everything and print the command of every cell; train nothing."""


def main(argv: Sequence[str]) -> int:
    """Work through a study, and tell how it went."""
    if not argv:
        argv = ["--help"]
    if argv[0].startswith("-") and argv[0] not in ("-h", "--help"):
        raise QohortError(
            "`qohort study` needs a folder first, as in `qohort study studies/heads --algorithms qatten --worlds "
            "battle/3m --set algorithm.mixer.heads=1,2,4`."
        )
    flags = parse(StudyFlags, argv, prog="qohort study")
    grids = _grids(flags)
    jax.config.update("jax_platforms", "cpu")  # an accelerator is for the cells
    if flags.dry_run:
        return _print_commands(flags, grids)
    studied = run_study(flags.dir, grids, jobs=flags.jobs, fresh=flags.fresh)
    return _tell(studied)


def _grids(flags: StudyFlags) -> list[Grid] | None:
    """What is asked for; None for the same as last time."""
    named = ("algorithms", "worlds", "seeds", "seed", "preset", "team", "steps", "set")
    given = [name for name in named if getattr(flags, name) not in (None, ())]
    if flags.file is not None:
        if given:
            raise QohortError(f"--{given[0]} and --file are both given; the file says all that the study is made of.")
        return read_file(flags.file)
    if not given:
        return None
    options: dict[str, str | list[str]] = {}
    for name, values in map(parse_option, (text for texts in flags.set for text in texts)):
        if name in options:
            raise QohortError(f"--set names {name} twice; give all its values at once, as in --set {name}=1,2.")
        options[name] = values if len(values) > 1 else values[0]
    chosen = {name: getattr(flags, name) for name in given if name != "set"}
    return [Grid(**{"algorithms": (), "worlds": (), **chosen}, options=options)]


def _print_commands(flags: StudyFlags, grids: list[Grid] | None) -> int:
    found, notes = commands(flags.dir, grids, jobs=flags.jobs, fresh=flags.fresh)
    for note in notes:
        Console(stderr=True, highlight=False).print(note, soft_wrap=True, markup=False)
    for command in found:
        print(command)
    return 0


def _tell(studied: Studied) -> int:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(results(studied.views))
    if studied.failed:
        console.print(failures(studied.views))
        print(f"All that they said is in {studied.folder / LOGS}; the same command tries them again.")
    again = shlex.join(["qohort", "study", str(studied.folder)])
    if studied.signal is not None and not studied.finished:
        print(f"Stopped; everything is saved. To go on: {again}")
        return 128 + studied.signal
    print(f"qohort report {shlex.quote(str(studied.folder))}")
    return 1 if studied.failed else 0
