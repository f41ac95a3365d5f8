"""Which battles are learned: by which method, with which preset, in how many steps and minutes, and how well.

    python -m benchmarks.learned

It reads the runs in folders of results/battle-v3 and, for seeds that are not among them, the reports in its folders
that are called MAP-PRESET, and writes the table of docs/battle.md. What a seed has won is its absolute metric; a seed
without one is not there yet. Minutes are a run's own clock, or where only a report is kept, the report's. Runs with
other settings than a preset's are left out, and told; those of another length have it beside the preset.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tyro

from qohort.algorithms.registry import METHODS
from qohort.envs.battle.battles import BATTLES
from qohort.report.gather import RunRecord, gather
from qohort.training.settings import config_to_dict, differences

RESULTS = pathlib.Path(__file__).parent / "results"
HEAD = ("battle", "preset", "method", "steps", "seeds", "won, %", "minutes")


@dataclasses.dataclass(frozen=True)
class Flags:
    results: pathlib.Path = RESULTS / "battle-v3"
    """Where runs and reports are."""
    runs: tuple[str, ...] = ("grid", "maps", "methods", "paper", "pqn-iql/minibatches-8")
    """Folders of runs there, as benchmarks/keep_runs.py leaves them."""
    out: pathlib.Path = RESULTS / "battle-learned.md"
    """Where the table goes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """A row of the table."""

    battle: str
    preset: str
    method: str
    steps: int


@dataclasses.dataclass
class Learned:
    """What is known of a cell."""

    won: dict[int, float] = dataclasses.field(default_factory=dict)
    """The share of battles that each seed's best team has won."""
    minutes: list[float] = dataclasses.field(default_factory=list)
    """How long seeds took, in no order."""


def kept(folders: Iterable[pathlib.Path]) -> dict[Cell, Learned]:
    """What the runs below folders have learned."""
    cells: dict[Cell, Learned] = {}
    for record in (record for folder in folders for record in gather(folder)):
        battle, method = record.world.removeprefix("battle/"), str(record.config["name"])
        if battle not in BATTLES:
            continue
        preset = preset_of(record)
        if preset is None:
            print(f"{record.folder} is left out: its settings are no preset's.")
            continue
        for seed in record.seeds:
            if seed.absolute is None:
                continue
            cell = Cell(battle=battle, preset=preset, method=method, steps=seed.absolute_steps)
            learned = cells.setdefault(cell, Learned())
            learned.won[seed.seed] = seed.absolute["eval/win_rate"]
            learned.minutes += [float(seconds) / 60 for seconds in seed.seconds[-1:] if np.isfinite(seconds)]
    return cells


def preset_of(record: RunRecord) -> str | None:
    """The preset whose settings a run has, if there is one."""
    for name, build in METHODS[str(record.config["name"])].presets.items():
        if not differences(config_to_dict(build(record.world).algorithm), record.config["algorithm"]):
            return name
    return None


def reported(reports: pathlib.Path) -> Iterator[tuple[Cell, Learned]]:
    """What the reports say."""
    for path in sorted(reports.glob("*-*/report.json")):
        battle, _, preset = path.parent.name.rpartition("-")
        for cell in json.loads(path.read_text())["cells"]:
            if cell["world"] == f"battle/{battle}" and cell["algorithm"] in METHODS and cell["score"] is not None:
                steps = int(cell["curves"]["steps"]["grid"][-1])
                learned = Learned(dict(zip(cell["score"]["seeds"], cell["score"]["values"], strict=True)), ends(cell))
                yield Cell(battle=battle, preset=preset, method=cell["algorithm"], steps=steps), learned


def ends(cell: Mapping[str, Any]) -> list[float]:
    """When the first and the last seed of a report were through, in minutes: until then their curves go on."""
    curve = cell["curves"].get("seconds")
    if curve is None:
        return []
    alive = curve["band"]["alive"]
    first = max(index for index, many in enumerate(alive) if many == max(alive))
    return [curve["grid"][first] / 60, curve["grid"][-1] / 60]


def together(flags: Flags) -> dict[Cell, Learned]:
    """The runs, and what the reports know beyond them."""
    cells = kept(flags.results / folder for folder in flags.runs)
    for cell, told in reported(flags.results):
        learned = cells.setdefault(cell, Learned())
        if told.won.keys() - learned.won.keys():
            learned.minutes += told.minutes
        learned.won = told.won | learned.won
    return cells


def markdown(cells: Mapping[Cell, Learned]) -> str:
    """The table as it stands in the documentation."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---|---|---|---:|---|---|---:|"]
    for battle in BATTLES:
        here = sorted((cell for cell in cells if cell.battle == battle), key=_place)
        if not here:
            lines.append(f"| `{battle}` | not trained yet | | | | | |")
        for number, cell in enumerate(here):
            name = "" if number else f"`{battle}` "
            seeds = sorted(cells[cell].won)
            won = ", ".join(f"{100 * cells[cell].won[seed]:.1f}" for seed in seeds)
            told = (f"`{_command(cell)}`", f"`{cell.method}`", f"{cell.steps:,}", _listed(seeds), won)
            lines.append(f"| {name}| {' | '.join(told)} | {_span(cells[cell].minutes)} |")
    return "\n".join(lines) + "\n"


def _place(cell: Cell) -> tuple[str, int, int]:
    return cell.preset, list(METHODS).index(cell.method), cell.steps


def _command(cell: Cell) -> str:
    """The preset, and its number of steps where that was another one."""
    usual = METHODS[cell.method].presets[cell.preset](f"battle/{cell.battle}").run["steps"]
    return cell.preset if cell.steps == usual else f"{cell.preset} --steps {cell.steps}"


def _listed(seeds: Sequence[int]) -> str:
    """Seeds in words: those that follow one another as a span."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _span(minutes: Sequence[float]) -> str:
    """The least and the most."""
    return " to ".join(dict.fromkeys(f"{end:.1f}" for end in (min(minutes), max(minutes)))) if minutes else ""


def main(flags: Flags) -> None:
    """Read and write."""
    cells = together(flags)
    flags.out.write_text(markdown(cells))
    print(f"{len({cell.battle for cell in cells})} of {len(BATTLES)} battles were trained: {flags.out}")


if __name__ == "__main__":
    main(tyro.cli(Flags))
