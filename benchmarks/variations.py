"""What changing one thing at a time comes to: best teams, and the height of the learning curve.

    python -m benchmarks.variations METHOD REPORT OUT

REPORT is the report.json of runs with one thing changed and of the unchanged ones. A row has the share of battles that
each seed's best team has won, and the mean height of the curve from the first step to the last, in percent, with 95 %
bootstrap intervals over seeds.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import tyro

from benchmarks.sooner import height
from qohort.errors import QohortError


@dataclasses.dataclass(frozen=True)
class Flags:
    method: Annotated[str, tyro.conf.Positional]
    """The one that is changed; its own row comes first."""
    report: Annotated[pathlib.Path, tyro.conf.Positional]
    """What `qohort report` wrote."""
    out: Annotated[pathlib.Path, tyro.conf.Positional]
    """Where the table goes."""


def markdown(method: str, report: pathlib.Path) -> str:
    """The table as it stands in the documentation, battle by battle."""
    cells: Sequence[Mapping[str, Any]] = json.loads(report.read_text())["cells"]
    lines = ["| battle | changed | won, % | height, % |", "|---|---|---|---|"]
    for world in sorted({cell["world"] for cell in cells}, key=lambda world: (len(world), world)):
        here = {cell["algorithm"]: cell for cell in cells if cell["world"] == world}
        if method not in here:
            raise QohortError(
                f"{report} has no unchanged {method} on {world}, only {', '.join(sorted(here))}. Make the report anew "
                "with its runs beside them."
            )
        first = f"`{world.removeprefix('battle/')}`, {here[method]['until']:,} steps"
        lines.append(f"| {first} | nothing | {_figures(here.pop(method))} |")
        for name, cell in here.items():
            lines.append(f"| | `{name.removeprefix(method).strip()}` | {_figures(cell)} |")
    return "\n".join(lines) + "\n"


def _figures(cell: Mapping[str, Any]) -> str:
    return f"{', '.join(f'{100 * won:.1f}' for won in cell['score']['values'])} | {height(cell)}"


def main(flags: Flags) -> None:
    """Read and write."""
    flags.out.write_text(markdown(flags.method, flags.report))
    print(flags.out)


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
