"""How much a trained team's win rate depends on what is uncertain about the game.

    python benchmarks/sensitivity.py RUN [RUN ...] [--episodes 256]

Each run's best teams play greedily in the battle that they were trained on, without its options, and in battles in
which one uncertain number of the engine has another value; docs/fidelity.md says what these numbers are. Nothing is
trained anew: what is measured is how far a policy that was learnt under one assumption depends on it.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from rich.console import Console

import qohort
from qohort.envs.registry import base
from qohort.report.statistics import wilson
from qohort.training.load import evaluate, load, read_run
from qohort.training.seeds import seeds_in

RESULTS = pathlib.Path(__file__).parent / "results" / "battle-sensitivity.json"

RANGES: dict[str, tuple[Any, ...]] = {
    "jitter": ((0.0, 0.0), (-1.0, 1.0), (-2.0, 4.0)),
    "scan_period": (1, 2, 8),
    "scan": (5.5, 6.0),
    "help_radius": (0.0, 2.0, 6.0),
    "help_period": (8.0, 64.0),
    "leash": (10.0, 40.0),
    "follows": ("none", "all"),
    "turns_on_attackers": (False,),
    "arrival": (0.1, 0.5),
    "splash_reaches_edges": (False,),
    "heal_reaches_edges": (True,),
    "head_start": (0.0, 8.0),
    "spread": (0.5, 1.0),
    "push": (0.5,),
    "sidestep": (0.5, 0.0),
    "layer": ("plateau", "walk"),
    "data": ("liberty", "lotv"),
}
"""The other values that are tried for each option."""


@dataclasses.dataclass(frozen=True)
class Flags:
    runs: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """Run folders of teams that were trained on battles."""
    episodes: int = 256
    """Battles of each seed's team with each value."""
    seed: int = 0
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON; worlds that are there already and not played now are kept."""


def changes() -> Iterator[tuple[str, Any]]:
    """Every option with each of its values; first none, which is the game as it is."""
    yield "", None
    for option, values in RANGES.items():
        for value in values:
            yield option, value


def figures(runs: Sequence[pathlib.Path], world: str, flags: Flags) -> Iterator[dict[str, Any]]:
    """One row for each value: the battles of all seeds of all runs together."""
    teams = [load(run, seed=seed) for run in runs for seed in seeds_in(run)]
    for option, value in changes():
        env = qohort.make(world, **({option: value} if option else {}))
        wins = [
            evaluate(team, env, episodes=flags.episodes, seed=flags.seed, stream=index)["won"]
            for index, team in enumerate(teams)
        ]
        won, played = int(np.sum(wins)), int(np.size(wins))
        low, high = wilson(won, played)
        yield {
            "world": world,
            "option": option,
            "value": value,
            "teams": len(teams),
            "battles": played,
            "won": won / played,
            "won_low": low,
            "won_high": high,
            "won_by_team": [float(np.mean(of)) for of in wins],
        }
        jax.clear_caches()  # the programs of all worlds together are more than a process may map


def main(flags: Flags) -> None:
    """Play, print, and write after each world."""
    console = Console()
    by_world: dict[str, list[pathlib.Path]] = {}
    for run in flags.runs:
        by_world.setdefault(base(read_run(run).world), []).append(run)
    kept = json.loads(flags.out.read_text())["rows"] if flags.out.exists() else []
    rows = [row for row in kept if row["world"] not in by_world]
    for world, runs in by_world.items():
        for row in figures(runs, world, flags):
            what = f"{row['option']} {row['value']}" if row["option"] else "as it is"
            console.print(f"{world}, {what}: {row['won']:.3f} [{row['won_low']:.3f}, {row['won_high']:.3f}]")
            rows.append(row)
        write(flags, rows)


def write(flags: Flags, rows: Sequence[Mapping[str, Any]]) -> None:
    """The figures as JSON, and a table beside it."""
    versions = {"qohort": qohort.__version__, "jax": jax.__version__, "numpy": np.__version__}
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(json.dumps({"seed": flags.seed, "versions": versions, "rows": rows}, indent=1) + "\n")
    flags.out.with_suffix(".md").write_text(markdown(rows))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Options down, worlds across: wins in per cent with Wilson's 95 % interval."""
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    cells = {(row["option"], json.dumps(row["value"]), row["world"]): row for row in rows}
    lines = [f"| option | value | {' | '.join(worlds)} |", "|---|---|" + "---:|" * len(worlds)]
    for option, value in dict.fromkeys((row["option"], json.dumps(row["value"])) for row in rows):
        line = f"| `{option}` | `{value}` |" if option else "| as it is | |"
        for world in worlds:
            row = cells.get((option, value, world))
            share = "" if row is None else _percent(row)
            line += f" {share} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _percent(row: Mapping[str, Any]) -> str:
    return f"{100 * row['won']:.1f} ({100 * row['won_low']:.0f} to {100 * row['won_high']:.0f})"


if __name__ == "__main__":
    main(tyro.cli(Flags))
