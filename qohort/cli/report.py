"""`qohort report DIR`: compare all runs below a folder."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from qohort.cli.show import shown
from qohort.errors import QohortError
from qohort.report.caveats import caveats
from qohort.report.comparison import THRESHOLDS, compare
from qohort.report.gather import gather, without_runs
from qohort.report.labels import collect
from qohort.report.write_report import FIGURES, PAGE, TABLES, write_report
from qohort.training.flags import parse
from qohort.training.run_folder import CONFIG, is_ours

_SHOWN = {
    "aggregate": ("algorithm", "runs", "IQM", "optimality gap"),
    "scores": ("world", "algorithm", "seeds", "IQM", "steps"),
}
"""What fits a terminal; the report has the rest."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportFlags:
    """Compare all runs below a folder: learning curves, scores with intervals, tables, and all numbers."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """Where the runs are, at any depth."""
    out: Path | None = None
    """Where the report is written; DIR/report if not given."""
    threshold: tuple[float, ...] = THRESHOLDS
    """Win rates whose first time is told; of a return they are shares of the range from its 0 to its 1."""
    metric: str | None = None
    """What is compared, such as `return`; each world's win rate, or its return if it has none, if not given."""
    labels: tuple[str, ...] = ()
    """Other names, as OLD=NEW; OLD is a label or a run folder's path below DIR. These come first, in this order."""
    bounds: tuple[str, ...] = ()
    """What counts as 0 and as 1 on a world, as WORLD=LOW:HIGH; by default the extremes of the runs on it."""

    def __post_init__(self) -> None:
        for share in self.threshold:
            if not 0 < share <= 1:
                raise QohortError(f"--threshold is {share:g}; it must lie above 0, up to 1.")


def main(argv: Sequence[str]) -> int:
    """Compare, write, and show the scores."""
    if not argv:
        raise QohortError("`qohort report` needs the folder that holds the runs, as in `qohort report runs`.")
    flags = parse(ReportFlags, argv, prog="qohort report")
    root: Path = flags.folder
    out = flags.out or root / "report"
    if (out / CONFIG).is_file() and is_ours(out):
        raise QohortError(f"--out is {out}, which is a run folder; give the report a folder of its own.")
    records = gather(root, leave_out=[out])
    collection = collect(records, root, names=_names(flags.labels))
    comparison = compare(
        collection, metric=flags.metric, thresholds=flags.threshold, bounds=dict(map(_bounds, flags.bounds))
    )
    written = write_report(comparison, out, [*caveats(comparison), *without_runs(records, root)])
    console = Console(highlight=False)
    for table in written.tables:
        if table.name in _SHOWN:
            console.print(shown(table, _SHOWN[table.name]))
    for sentence in written.caveats:
        console.print(f"- {sentence}", markup=False, soft_wrap=True)
    if written.caveats:
        console.print()
    for name in (PAGE, FIGURES, TABLES):
        if name != FIGURES or not written.no_figures:
            console.print(f"{out / name}", markup=False, soft_wrap=True)
    for path in written.paths:
        if path.parent == out and path.name != PAGE:
            console.print(f"{path}", markup=False, soft_wrap=True)
    if written.no_figures:
        raise QohortError(f"Tables and numbers are written, but no figures. {written.no_figures}")
    return 0


def _names(words: Sequence[str]) -> dict[str, str]:
    names = {}
    for word in words:
        old, equals, new = word.rpartition("=")
        if not (old and equals and new):
            raise QohortError(f"--labels has {word!r}; a new name is given as OLD=NEW, such as qatten=Qatten.")
        names[old] = new
    return names


def _bounds(word: str) -> tuple[str, tuple[float, float]]:
    world, _, pair = word.rpartition("=")
    low, _, high = pair.partition(":")
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = math.nan, math.nan
    if not world or not all(map(math.isfinite, bounds)):
        raise QohortError(f"--bounds has {word!r}; bounds are given as WORLD=LOW:HIGH, such as games/two-step=0:8.")
    return world, bounds
