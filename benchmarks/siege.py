"""Which table of units StarCraft II plays SMAC's maps with: returns of the game itself beside ours on 2s_vs_1sc.

    python benchmarks/siege.py [--results RESULTS_OF_THE_GAME] [--battles 1000]

The game's returns are those of six learners with eight seeds each that github.com/starry-sky6688/MARL-Algorithms keeps
in `result/`: give that folder of a checkout. Without it only our side is played, with the plans of
`qohort.bench.siege`.
"""

import collections
import dataclasses
import json
import pathlib
from typing import Any, get_args

import jax
import numpy as np
import tyro

from qohort.bench.siege import Plan, siege
from qohort.envs.battle.factory import battle
from qohort.envs.battle.units import TABLES

OUT = pathlib.Path(__file__).parent / "results" / "siege.json"
MAP = "2s_vs_1sc"
WIDTH = 0.1
"""Of the bins in which returns are counted."""


@dataclasses.dataclass(frozen=True)
class Flags:
    results: pathlib.Path | None = None
    """Where the learning curves of the game itself lie; what `out` says of them already is kept if not given."""
    battles: int = 1000
    """How many of each plan."""
    out: pathlib.Path = OUT
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write both sides."""
    known = json.loads(flags.out.read_text()) if flags.out.exists() else {}
    told = {
        "starcraft": of_the_game(flags.results) if flags.results else known.get("starcraft"),
        "qohort": {data: {plan: played(data, plan, flags.battles) for plan in get_args(Plan)} for data in TABLES},
    }
    flags.out.write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, indent=2))


def played(data: Any, plan: Plan, battles: int) -> dict[str, float]:
    """Our side: what a plan gains with a table of units."""
    fought = jax.tree.map(np.asarray, siege(battle(MAP, data=data), jax.random.key(0), plan, battles))
    low, median, high = np.quantile(fought.gained, (0.025, 0.5, 0.975)).round(3).tolist()
    return {
        "win_rate": float(fought.won.mean()),
        "return_2.5": low,
        "return_median": median,
        "return_97.5": high,
        "steps": float(fought.steps.mean()),
    }


def of_the_game(results: pathlib.Path) -> dict[str, Any]:
    """The game's side: evaluations of 20 battles of which all were won, and of which none was."""
    won, none, learners = [], [], collections.Counter()
    for file in sorted(results.glob(f"*/{MAP}/episode_rewards_*.npy")):
        returns = np.load(file)
        rates = np.load(file.with_name(file.name.replace("episode_rewards", "win_rates")))
        count = min(len(returns), len(rates))
        learners[file.parent.parent.name] += count
        won.extend(returns[:count][rates[:count] == 1].tolist())
        none.extend(returns[:count][rates[:count] == 0].tolist())
    if not won:
        raise SystemExit(f"{results} has no */{MAP}/episode_rewards_*.npy; give the folder result/ of the checkout.")
    bins = collections.Counter(round(float(np.floor(value / WIDTH) * WIDTH), 1) for value in none)
    return {
        "source": "github.com/starry-sky6688/MARL-Algorithms, result/*/2s_vs_1sc, each number the mean of 20 battles",
        "evaluations": dict(learners),
        "all_won": {
            "evaluations": len(won),
            "least": round(min(won), 3),
            "return_2.5": round(float(np.quantile(won, 0.025)), 3),
            "return_median": round(float(np.median(won)), 3),
            "return_97.5": round(float(np.quantile(won, 0.975)), 3),
            "most": round(max(won), 3),
        },
        "none_won": {
            "evaluations": len(none),
            "how_many_from": {f"{low:.1f}": bins[low] for low in sorted(bins)},
        },
    }


if __name__ == "__main__":
    main(tyro.cli(Flags))
