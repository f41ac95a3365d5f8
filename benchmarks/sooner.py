"""How soon battles are learned, method by method: the mean height of the learning curves.

    python -m benchmarks.sooner

It reads the report of results/battle-v3/grid and writes the table of docs/battle.md: interquartile means over seeds
with 95 % bootstrap intervals, and the number of seeds where it is not three. A map is shown if two methods have that
many. Best teams win nearly all battles of most maps: how soon tells methods apart where how well does not.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tyro

from benchmarks.learned import RESULTS
from qohort.envs.battle.battles import BATTLES
from qohort.errors import QohortError

SHOWN = {"qatten": "Qatten", "qmix": "QMIX", "vdn": "VDN", "iql": "IQL"}
"""The methods of the table, and what they are called there."""
SEEDS = 3
"""So many are asked for."""


@dataclasses.dataclass(frozen=True)
class Flags:
    report: pathlib.Path = RESULTS / "battle-v3" / "grid" / "report" / "report.json"
    """What `qohort report` wrote."""
    out: pathlib.Path = RESULTS / "battle-sooner.md"
    """Where the table goes."""


def markdown(report: pathlib.Path) -> str:
    """The table as it stands in the documentation, from a report."""
    told = json.loads(report.read_text())["cells"]
    cells = {(cell["world"].removeprefix("battle/"), cell["algorithm"]): cell for cell in told}
    lines = [f"| battle | up to step | {' | '.join(SHOWN.values())} |", f"|---|---:|{'---|' * len(SHOWN)}"]
    for battle in BATTLES:
        here = {method: cells[battle, method] for method in SHOWN if (battle, method) in cells}
        whole = [cell for cell in here.values() if len(cell["area"]["seeds"]) >= SEEDS]
        if len(whole) < 2:
            continue
        until = {cell["until"] for cell in here.values()}
        if len(until) > 1:
            raise QohortError(
                f"The curves on {battle} in {report} end at {sorted(until)} steps; heights up to different steps do not"
                " compare. Make a report of runs of equal length."
            )
        heights = [_cell(here[method]) if method in here else "" for method in SHOWN]
        lines.append(f"| `{battle}` | {until.pop():,} | {' | '.join(heights)} |")
    return "\n".join(lines) + "\n"


def _cell(cell: Mapping[str, Any]) -> str:
    seeds = len(cell["area"]["seeds"])
    many = f"{seeds} seeds" if seeds > 1 else "1 seed"
    return height(cell) + (f", {many}" if seeds != SEEDS else "")


def height(cell: Mapping[str, Any]) -> str:
    """Of the learning curve of a report's cell, in percent, with its interval, which one seed does not have."""
    ends = (cell["area"]["iqm"][name] for name in ("value", "low", "high"))
    value, *interval = (f"{100 * end:.1f}" for end in ends if end is not None)
    return f"{value} [{', '.join(interval)}]" if interval else value


def main(flags: Flags) -> None:
    """Read and write."""
    flags.out.write_text(markdown(flags.report))
    print(flags.out)


if __name__ == "__main__":
    main(tyro.cli(Flags))
