"""Teams that were trained in StarCraft II itself play the same maps here, without having seen them.

    python benchmarks/transfer.py CHECKOUT [--battles 256]

CHECKOUT is a clone of github.com/starry-sky6688/MARL-Algorithms, which keeps weights of agents that were trained on
SMAC (`model/`) and the learning curves of eight seeds of each learner (`result/`); which seed the weights are of, it
does not say. The agents read SMAC's observations with PyMARL's network, so they are loaded as PyMARL's are and act
greedily. The more a battle here is like the game, the more often they win; every team is also played with other
values of what is uncertain about the game.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from rich.console import Console

import qohort
from qohort.interop.pymarl import team_from_pymarl
from qohort.report.statistics import wilson
from qohort.training.load import evaluate

OUT = pathlib.Path(__file__).parent / "results" / "transfer.json"
MAPS = ("3m", "8m", "5m_vs_6m", "2s3z", "3s5z", "3s_vs_5z", "2s_vs_1sc")
LEARNERS = ("qmix", "vdn", "qtran_base", "qtran_alt")
CHANGES: tuple[tuple[str, Any], ...] = (
    ("", None),
    ("data", "liberty"),
    ("follows", "none"),
    ("follows", "all"),
    ("turns_on_attackers", False),
)
LAST = 20
"""Evaluations at the end of a learning curve that say how good a seed was."""


@dataclasses.dataclass(frozen=True)
class Flags:
    checkout: Annotated[pathlib.Path, tyro.conf.Positional]
    """Where the clone is."""
    battles: int = 256
    """How many each team plays with each value."""
    out: pathlib.Path = OUT
    """Where the numbers go, as JSON, with a table beside them."""


def main(flags: Flags) -> None:
    """Play, print and write."""
    console, rows = Console(), []
    for row in played(flags):
        rows.append(row)
        what = f"{row['option']}={row['value']}" if row["option"] else "as it is"
        game = row["in_the_game"]
        console.print(
            f"{row['map']} {row['learner']}, {what}: {row['won']:.3f}; in the game {game['median']:.2f}",
            highlight=False,
        )
    if not rows:
        raise SystemExit(
            f"{flags.checkout} has no model/LEARNER/MAP/rnn_net_params.pkl; name a clone of the repository."
        )
    flags.out.write_text(json.dumps({"battles": flags.battles, "rows": rows}, indent=1) + "\n")
    flags.out.with_suffix(".md").write_text(markdown(rows))


def played(flags: Flags) -> Iterator[dict[str, Any]]:
    """A row for each team and each value."""
    for name in MAPS:
        for option, value in CHANGES:
            env = qohort.make(f"battle/{name}", **({option: value} if option else {}))
            for learner in LEARNERS:
                weights = flags.checkout / "model" / learner / name / "rnn_net_params.pkl"
                if not weights.exists():
                    continue
                scores = evaluate(team_from_pymarl(weights, env.spec), env, episodes=flags.battles)
                low, high = wilson(int(scores["won"].sum()), flags.battles)
                yield {
                    "map": name,
                    "learner": learner,
                    "option": option,
                    "value": value,
                    "won": float(scores["won"].mean()),
                    "won_low": low,
                    "won_high": high,
                    "return": float(scores["return"].mean()),
                    "steps": float(scores["length"].mean()),
                    "in_the_game": in_the_game(flags.checkout / "result" / learner / name),
                }
            jax.clear_caches()  # the programs of all worlds together are more than a process may map


def in_the_game(curves: pathlib.Path) -> dict[str, float]:
    """How often seeds won at the end of their training."""
    ends = [float(np.load(file)[-LAST:].mean()) for file in sorted(curves.glob("win_rates_*.npy"))]
    return {"seeds": len(ends), "least": min(ends), "median": float(np.median(ends)), "most": max(ends)}


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Teams down, values across: wins in per cent."""
    cells = {(row["map"], row["learner"], row["option"], row["value"]): row for row in rows}
    named = [f"`{option}={value}`" if option else "here" for option, value in CHANGES]
    lines = [f"| map | learner | in the game | {' | '.join(named)} |", "|---|---|---|" + "---:|" * len(CHANGES)]
    for name, learner in dict.fromkeys((row["map"], row["learner"]) for row in rows):
        told = [cells[name, learner, *change] for change in CHANGES]
        game = told[0]["in_the_game"]
        ends = f"{100 * game['median']:.0f} ({100 * game['least']:.0f} to {100 * game['most']:.0f})"
        wins = " | ".join(f"{100 * row['won']:.0f}" for row in told)
        lines.append(f"| `{name}` | {learner} | {ends} | {wins} |")
    means = [np.mean([row["won"] for row in rows if (row["option"], row["value"]) == change]) for change in CHANGES]
    games = np.mean([row["in_the_game"]["median"] for row in rows if not row["option"]])
    lines.append(f"| mean | | {100 * games:.0f} | {' | '.join(f'{100 * mean:.0f}' for mean in means)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(tyro.cli(Flags))
