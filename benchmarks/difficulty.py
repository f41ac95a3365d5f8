"""Is what is hard in StarCraft hard here? Ranks of maps by a method's win rate, here and as published.

    python -m benchmarks.difficulty DIR [DIR ...] [--algorithm mappo] [--json FILE] [--table FILE]

Folders are searched for finished runs of one algorithm on battles; battles with options are other tasks and left out.
The win rate of a map is the median over its seeds of the best teams' absolute metric. It is ranked against published
lists of the same method, each on the maps that both have. Budgets differ by much, so the table has them: a map that is
easy there and hard here may only have been trained for less long. With few maps a correlation says little, so the share
of all orders of the maps that agree as well is told too.
"""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from benchmarks.learned import preset_of
from qohort.envs.registry import base
from qohort.report.gather import RunRecord, gather
from qohort.report.statistics import ranks, spearman


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A list of win rates of one method."""

    source: str
    budget: str
    win_rates: Mapping[str, float]
    """By map."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Here:
    """What runs of one map came to."""

    win_rates: list[float]
    """The absolute metric of every finished seed."""
    steps: list[int]
    """How long runs were trained, each number once."""
    presets: list[str]
    """What they were trained with, each once."""


QMIX: dict[str, Published] = {
    "smac-2m": Published(
        source="StarCraft 4.6.2, from memory of the SMAC and Qatten papers: unverified",
        budget="2 M steps",
        win_rates={
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
    "pymarl2-before": Published(
        source="batches of 128, before fine-tuning, StarCraft 4.10: README of PyMARL2",
        budget="10 M steps",
        win_rates={
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
    "cheap": Published(
        source="means of 8 seeds: result files of starry-sky6688/MARL-Algorithms",
        budget="20,000 to 50,000 episodes",
        win_rates={
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
MAPPO: dict[str, Published] = {
    "mappo-paper": Published(
        source="StarCraft 4.10, its own global state (FP), from memory of the MAPPO paper: unverified",
        budget="10 M steps",
        win_rates={
            "2s3z": 1.00,
            "3s5z": 0.969,
            "1c3s5z": 1.00,
            "5m_vs_6m": 0.891,
            "3s_vs_5z": 1.00,
            "8m_vs_9m": 0.969,
            "10m_vs_11m": 0.969,
            "2c_vs_64zg": 1.00,
            "MMM2": 0.906,
            "3s5z_vs_3s6z": 0.844,
            "27m_vs_30m": 0.938,
            "6h_vs_8z": 0.883,
            "corridor": 1.00,
        },
    ),
}
PUBLISHED = {"qmix": QMIX, "mappo": MAPPO}
"""The lists of each method that has some."""
HEAD = ("battle", "here", "seeds", "steps")
ORDERS = 50_000
"""So many orders are drawn where all of them would be more."""


@dataclasses.dataclass(frozen=True)
class Flags:
    folders: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """Where run folders are, at any depth."""
    algorithm: Literal["qmix", "mappo"] = "qmix"
    json: pathlib.Path | None = None
    """Where the numbers go."""
    table: pathlib.Path | None = None
    """Where they go as the table of docs/battle.md."""


def found(folders: Sequence[pathlib.Path], algorithm: str) -> tuple[dict[str, Here], int]:
    """What finished seeds came to, by map; and how many runs were left out since their battles have options."""
    runs = [record for folder in folders for record in gather(folder) if record.config["name"] == algorithm]
    battles = [record for record in runs if record.world.startswith("battle/") and finished(record)]
    plain = [record for record in battles if base(record.world) == record.world]
    by_map: dict[str, list[RunRecord]] = {}
    for record in plain:
        by_map.setdefault(record.world.removeprefix("battle/"), []).append(record)
    maps = {
        name: Here(
            win_rates=[seed["eval/win_rate"] for record in trained for seed, _ in finished(record)],
            steps=sorted({steps for record in trained for _, steps in finished(record)}),
            presets=sorted({preset_of(record) or "other" for record in trained}),
        )
        for name, trained in by_map.items()
    }
    return maps, len(battles) - len(plain)


def finished(record: RunRecord) -> list[tuple[Mapping[str, float], int]]:
    """What each seed that is through came to, and in how many steps."""
    return [(seed.absolute, seed.absolute_steps) for seed in record.seeds if seed.absolute is not None]


def chance(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """The share of the orders of the maps that agree at least as well."""
    ours = spearman(a, b)
    if len(a) <= 8:
        orders = [list(order) for order in itertools.permutations(range(len(a)))]
    else:
        rng = np.random.default_rng(0)
        orders = [rng.permutation(len(a)).tolist() for _ in range(ORDERS)]
    return sum(spearman(a[order], b) >= ours - 1e-12 for order in orders) / len(orders)


def compared(ours: Mapping[str, Here], published: Mapping[str, float]) -> dict[str, Any]:
    """One list against ours, and how far each map's rank is off."""
    maps = [name for name in published if name in ours]
    if len(maps) < 3:
        return {"maps": maps}
    here = np.array([float(np.median(ours[name].win_rates)) for name in maps])
    there = np.array([published[name] for name in maps])
    off = ranks(here) - ranks(there)
    return {
        "maps": maps,
        "spearman": spearman(here, there),
        "chance": chance(here, there),
        "rank_difference": {name: float(by) for name, by in zip(maps, off, strict=True)},
    }


def rows(ours: Mapping[str, Here], lists: Mapping[str, Published]) -> list[list[str]]:
    """Win rates in percent here and as published, the easiest map first."""
    return [
        [
            f"`{name}`",
            f"{100 * np.median(here.win_rates):.1f}",
            str(len(here.win_rates)),
            ", ".join(f"{steps:,}" for steps in here.steps),
            *(f"{100 * each.win_rates[name]:.0f}" if name in each.win_rates else "" for each in lists.values()),
        ]
        for name, here in in_order(ours)
    ]


def agreement(comparisons: Mapping[str, Any]) -> list[str]:
    """The last row: how well orders of maps agree, and on how many."""
    told = (
        f"{each['spearman']:.2f} on {len(each['maps'])}" if "spearman" in each else "" for each in comparisons.values()
    )
    return ["rank correlation, maps", "", "", "", *told]


def markdown(ours: Mapping[str, Here], lists: Mapping[str, Published], comparisons: Mapping[str, Any]) -> str:
    """The table as it stands in the documentation."""
    head = [*HEAD, *(f"{name}, {each.budget}" for name, each in lists.items())]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows(ours, lists), agreement(comparisons)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def table_of(folders: Sequence[pathlib.Path], algorithm: str = "qmix") -> str:
    """The table of runs in some folders."""
    (ours, _), lists = found(folders, algorithm), PUBLISHED[algorithm]
    return markdown(ours, lists, {name: compared(ours, each.win_rates) for name, each in lists.items()})


def in_order(ours: Mapping[str, Here]) -> list[tuple[str, Here]]:
    """The easiest first."""
    return sorted(ours.items(), key=lambda item: -float(np.median(item[1].win_rates)))


def main(flags: Flags) -> None:
    """Print the table and the correlations."""
    (ours, left_out), lists = found(flags.folders, flags.algorithm), PUBLISHED[flags.algorithm]
    console, table = Console(), Table(title=f"{flags.algorithm}: win rates, %")
    for column in HEAD:
        table.add_column(column, justify="left" if column == "battle" else "right")
    table.add_column("presets")
    for which, published in lists.items():
        table.add_column(f"{which}\n{published.budget}", justify="right")
    for (name, *numbers), (_, here) in zip(rows(ours, lists), in_order(ours), strict=True):
        mine, there = numbers[: len(HEAD) - 1], numbers[len(HEAD) - 1 :]
        table.add_row(name.strip("`"), *mine, "; ".join(here.presets), *there)
    console.print(table)
    if left_out:
        console.print(f"Left out: {left_out} runs on battles with options.")
    comparisons = {
        which: {"source": published.source, "budget": published.budget, **compared(ours, published.win_rates)}
        for which, published in lists.items()
    }
    for which, each in comparisons.items():
        if "spearman" not in each:
            console.print(f"{which}: fewer than three maps in common.")
            continue
        console.print(
            f"{which}: rank correlation {each['spearman']:.2f} on {len(each['maps'])} maps; "
            f"{each['chance']:.1%} of all orders agree as well. {each['budget']}, {each['source']}."
        )
    if flags.table is not None:
        flags.table.write_text(markdown(ours, lists, comparisons))
    if flags.json is not None:
        here = {name: dataclasses.asdict(each) for name, each in ours.items()}
        content = {"algorithm": flags.algorithm, "here": here, "left_out": left_out, "comparisons": comparisons}
        flags.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Flags))
