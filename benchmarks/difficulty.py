"""Is what is hard in StarCraft hard here? Ranks of maps by QMIX's win rate, here and as published.

    python benchmarks/difficulty.py DIR [--algorithm qmix]

DIR is searched for finished runs of one algorithm on battles. The win rate of a map is the median over its seeds of
the best teams' absolute metric. It is ranked against three published lists, each on the maps that both have. With few
maps a correlation says little, so the share of all orders of the maps that agree as well is told too.
"""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from qohort.envs.registry import base
from qohort.report.statistics import ranks, spearman
from qohort.training.run_folder import read_config

PUBLISHED: dict[str, tuple[str, dict[str, float]]] = {
    "smac-2m": (
        "QMIX after 2 M steps, StarCraft 4.6.2, from memory of the SMAC and Qatten papers: unverified",
        {
            "2s_vs_1sc": 1.00,
            "2s3z": 0.97,
            "3s5z": 0.94,
            "1c3s5z": 0.94,
            "5m_vs_6m": 0.63,
            "3s_vs_5z": 0.85,
            "2c_vs_64zg": 0.64,
            "bane_vs_bane": 0.62,
            "MMM2": 0.61,
            "3s5z_vs_3s6z": 0.01,
            "10m_vs_11m": 0.97,
            "27m_vs_30m": 0.49,
            "6h_vs_8z": 0.03,
            "corridor": 0.01,
        },
    ),
    "pymarl2-before": (
        "QMIX after 10 M steps with batches of 128, before fine-tuning, StarCraft 4.10: README of PyMARL2",
        {
            "8m_vs_9m": 0.84,
            "5m_vs_6m": 0.84,
            "3s_vs_5z": 0.96,
            "bane_vs_bane": 1.00,
            "2c_vs_64zg": 1.00,
            "corridor": 0.00,
            "MMM2": 0.98,
            "3s5z_vs_3s6z": 0.03,
            "27m_vs_30m": 0.56,
            "6h_vs_8z": 0.00,
        },
    ),
    "cheap": (
        "QMIX after 20,000 to 50,000 episodes, means of 8 seeds: result files of starry-sky6688/MARL-Algorithms",
        {
            "3m": 0.969,
            "8m": 0.954,
            "2s3z": 0.943,
            "2s_vs_1sc": 0.931,
            "3s_vs_5z": 0.963,
            "5m_vs_6m": 0.347,
            "3s5z": 0.40,
        },
    ),
}
"""Where it is from, and win rates by map."""

ORDERS = 50_000
"""So many orders are drawn where all of them would be more."""


@dataclasses.dataclass(frozen=True)
class Flags:
    folder: Annotated[pathlib.Path, tyro.conf.Positional]
    """Where run folders are, at any depth."""
    algorithm: str = "qmix"
    out: pathlib.Path | None = None
    """Where the numbers go, as JSON."""


def win_rates(folder: pathlib.Path, algorithm: str) -> dict[str, list[float]]:
    """The absolute win rate of every finished seed, by map."""
    found: dict[str, list[float]] = {}
    for path in sorted(folder.rglob("config.json")):
        config = read_config(path.parent)
        world = base(config["world"])
        if config["name"] != algorithm or not world.startswith("battle/"):
            continue
        for absolute in sorted(path.parent.glob("seed-*/absolute.json")):
            found.setdefault(world.removeprefix("battle/"), []).append(
                json.loads(absolute.read_text())["eval/win_rate"]
            )
    return found


def chance(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """The share of the orders of the maps that agree at least as well."""
    found = spearman(a, b)
    if len(a) <= 8:
        orders = [list(order) for order in itertools.permutations(range(len(a)))]
    else:
        rng = np.random.default_rng(0)
        orders = [rng.permutation(len(a)).tolist() for _ in range(ORDERS)]
    return sum(spearman(a[order], b) >= found - 1e-12 for order in orders) / len(orders)


def compared(ours: Mapping[str, list[float]], published: Mapping[str, float]) -> dict[str, Any]:
    """One list against ours, and how far each map's rank is off."""
    maps = [name for name in published if name in ours]
    if len(maps) < 3:
        return {"maps": maps}
    here = np.array([float(np.median(ours[name])) for name in maps])
    there = np.array([published[name] for name in maps])
    off = ranks(here) - ranks(there)
    return {
        "maps": maps,
        "spearman": spearman(here, there),
        "chance": chance(here, there),
        "rank_difference": {name: float(by) for name, by in zip(maps, off, strict=True)},
    }


def main(flags: Flags) -> None:
    """Print the table and the correlations."""
    ours = win_rates(flags.folder, flags.algorithm)
    console, table = Console(), Table(title=f"{flags.algorithm}: win rates")
    for column in ("map", "here", "seeds", *PUBLISHED):
        table.add_column(column, justify="left" if column == "map" else "right")
    for name, rates in sorted(ours.items(), key=lambda item: -float(np.median(item[1]))):
        there = [f"{rows[name]:.2f}" if name in rows else "" for _, rows in PUBLISHED.values()]
        table.add_row(name, f"{np.median(rates):.3f}", str(len(rates)), *there)
    console.print(table)
    comparisons = {which: {"source": source, **compared(ours, rows)} for which, (source, rows) in PUBLISHED.items()}
    for which, found in comparisons.items():
        if "spearman" not in found:
            console.print(f"{which}: fewer than three maps in common.")
            continue
        console.print(
            f"{which}: rank correlation {found['spearman']:.2f} on {len(found['maps'])} maps; "
            f"{found['chance']:.1%} of all orders agree as well. {found['source']}."
        )
    if flags.out is not None:
        flags.out.write_text(json.dumps({"here": ours, "comparisons": comparisons}, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Flags))
