"""How often the interval of a report holds the truth, for few and for many seeds.

    python benchmarks/interval_coverage.py [--runs 3 5 10 20] [--experiments 10000]

An experiment is so many scores from a normal distribution, whose interquartile mean is 0. Counted is how many of the
95 % bootstrap intervals of the scores' interquartile mean hold 0.
"""

import dataclasses
import json
import pathlib

import numpy as np
import tyro

from qohort.report import statistics

RESULTS = pathlib.Path(__file__).parent / "results" / "interval-coverage.json"


@dataclasses.dataclass(frozen=True)
class Flags:
    runs: tuple[int, ...] = (3, 5, 10, 20)
    """How many seeds an experiment has."""
    experiments: int = 10_000
    """How many experiments for each number of seeds."""
    seed: int = 0
    """Which scores are drawn."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write a row for each number of seeds."""
    rows = []
    for runs in flags.runs:
        rng = np.random.default_rng(flags.seed)
        held = 0
        for _ in range(flags.experiments):
            interval = statistics.interval([rng.normal(size=runs)], statistics.iqm)
            held += interval.low <= 0 <= interval.high
        rows.append({"runs": runs, "held": int(held), "share": held / flags.experiments})
        print(rows[-1], flush=True)
    told = {"experiments": flags.experiments, "resamples": statistics.RESAMPLES, "seed": flags.seed, "rows": rows}
    flags.out.write_text(json.dumps(told, indent=1) + "\n")
    print(flags.out)


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
