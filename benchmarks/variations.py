"""What changing one thing at a time comes to: best teams, and the height of the learning curve.

    python -m benchmarks.variations METHOD REPORT OUT [--seconds N]

REPORT is the report.json of runs with one thing changed and of the unchanged ones. A row has the share of battles that
each seed's best team has won, and the mean height of the curve from the first step to the last, in percent, with 95 %
bootstrap intervals over seeds. With --seconds there is the mean height from the command until so many seconds have
passed, too: what takes fewer steps may take more time.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
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
    seconds: float | None = None
    """Also tell the height by the clock, until then."""


def markdown(method: str, report: pathlib.Path, seconds: float | None = None) -> str:
    """The table as it stands in the documentation, battle by battle."""
    cells: Sequence[Mapping[str, Any]] = json.loads(report.read_text())["cells"]
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {"won, %": _won, "height, %": height}
    if seconds is not None:
        columns[f"height in {seconds:g} seconds, %"] = functools.partial(_height_by_the_clock, seconds=seconds)
    lines = [f"| battle | changed | {' | '.join(columns)} |", f"|---|---|{'---|' * len(columns)}"]

    def row(names: str, cell: Mapping[str, Any]) -> None:
        lines.append(f"{names} | {' | '.join(told(cell) for told in columns.values())} |")

    for world in sorted({cell["world"] for cell in cells}, key=lambda world: (len(world), world)):
        here = {cell["algorithm"]: cell for cell in cells if cell["world"] == world}
        if method not in here:
            raise QohortError(
                f"{report} has no unchanged {method} on {world}, only {', '.join(sorted(here))}. Make the report anew "
                "with its runs beside them."
            )
        first = f"`{world.removeprefix('battle/')}`, {here[method]['until']:,} steps"
        row(f"| {first} | nothing", here.pop(method))
        for name, cell in here.items():
            row(f"| | `{name.removeprefix(method).strip()}`", cell)
    return "\n".join(lines) + "\n"


def _won(cell: Mapping[str, Any]) -> str:
    return ", ".join(f"{100 * won:.1f}" for won in cell["score"]["values"])


def _height_by_the_clock(cell: Mapping[str, Any], seconds: float) -> str:
    """Of the curve over time; one that ends before stays where it ends."""
    curve = cell["curves"]["seconds"]
    moments = np.linspace(0.0, seconds, 1001)
    return f"{100 * np.interp(moments, curve['grid'], curve['band']['value']).mean():.1f}"


def main(flags: Flags) -> None:
    """Read and write."""
    flags.out.write_text(markdown(flags.method, flags.report, flags.seconds))
    print(flags.out)


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
