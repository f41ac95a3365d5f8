"""What an analysis leaves: a page in Markdown, its numbers as JSON, and figures."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qohort.analyse.ranks import over_seeds
from qohort.analyse.subject import Subject
from qohort.errors import QohortError
from qohort.plain import plain
from qohort.report import figures
from qohort.report.statistics import Interval
from qohort.report.table import Table
from qohort.training import disk

Draw = Callable[[list[Path]], object]


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure of a page."""

    name: str
    """Of its files."""
    alt: str
    draw: Draw


def write(
    out: Path, name: str, *, sections: Sequence[str | Picture], numbers: Mapping[str, Any]
) -> tuple[list[Path], str]:
    """Write `NAME.md`, `NAME.json` and the figures into a folder; each file is whole or the one that was there before.

    Args:
        out: the folder; made if it is not there.
        name: of the page.
        sections: its parts, Markdown or figures.
        numbers: what the page tells, as plain data.

    Returns:
        The paths, and why there are no figures (empty if there are).
    """
    why = ""
    try:
        figures.require()
    except QohortError as error:
        why = str(error)
    parts, paths = [], [out / f"{name}.md", out / f"{name}.json"]
    with disk.explained(out, "write the analysis in"):
        out.mkdir(parents=True, exist_ok=True)
        for section in sections:
            if isinstance(section, str):
                parts.append(section)
            elif not why:
                files = [out / f"{section.name}.{ending}" for ending in figures.FORMATS]
                section.draw(files)
                paths += files
                parts.append(f"![{section.alt}]({section.name}.png)")
        if why:
            parts.append(f"There are no figures: {why}")
        disk.replace_text(out / f"{name}.md", "\n\n".join(part.strip("\n") for part in parts) + "\n")
        content = json.dumps(plain(numbers), indent=1, ensure_ascii=False, allow_nan=False)
        disk.replace_text(out / f"{name}.json", content + "\n")
    return paths, why


def headline(what: str, subject: Subject) -> str:
    """The first line of a page, and a second one if the teams do not play by the rules that they were trained by."""
    title = f"# {what} of {subject.name} on {subject.world}"
    now = subject.env.spec.version
    if subject.version is None or subject.version == now:
        return title
    return (
        f"{title}\n\nTrained in {subject.version} and played in {now or 'a world without a version'}: by other rules."
    )


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """A table in Markdown; so many columns at the left are words."""
    cells = tuple(map(tuple, rows))
    table = Table(name="", title="", caption="", header=tuple(header), rows=cells, records=(), texts=texts)
    return table.markdown().rstrip("\n")


def told(interval: Interval, digits: int = 2) -> str:
    """`0.31 [0.12, 0.50]`; without bounds where there is one seed, and a dash where nothing is known."""
    if math.isnan(interval.value):
        return "–"
    if math.isnan(interval.low):
        return f"{interval.value:.{digits}f}"
    return f"{interval.value:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def mean_of(values: Sequence[float], *, least: float = -math.inf, greatest: float = math.inf) -> Interval:
    """Of one number for each seed, which cannot lie outside these bounds."""
    return over_seeds(np.array(values, np.float64), least=least, greatest=greatest)


def share_of(values: Sequence[float]) -> Interval:
    """Of one part of the whole for each seed."""
    return mean_of(values, least=0.0, greatest=1.0)
