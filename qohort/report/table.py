"""A table: what people read and the same as plain numbers; written as Markdown, LaTeX (booktabs) and CSV."""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from qohort.report.scales import WIN_RATE
from qohort.report.statistics import Interval

NOTHING = "–"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """What people read, and the same as records of plain numbers."""

    name: str
    """Of its files."""
    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    records: tuple[Mapping[str, Any], ...]
    texts: int = 2
    """So many columns at the left are words; the others are numbers."""

    def markdown(self) -> str:
        align = ["---"] * self.texts + ["---:"] * (len(self.header) - self.texts)
        lines = [self.header, align, *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"

    def latex(self) -> str:
        columns = "l" * self.texts + "r" * (len(self.header) - self.texts)
        body = [_row(line) for line in (self.header, *self.rows)]
        lines = [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{_tex(self.title)}. {_tex(self.caption)}}}",
            f"  \\label{{tab:{self.name}}}",
            f"  \\begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            f"    {body[0]}",
            r"    \midrule",
            *(f"    {line}" for line in body[1:]),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """Numbers in full; an empty cell is unknown, `inf` was never reached."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: "" if _unknown(value) else value for name, value in line.items()} for line in self.records
        )
        return text.getvalue()


def number(value: float) -> str:
    """Four digits that count; thousands apart."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{100 * value:.1f}"


def estimate(interval: Interval, metric: str) -> str:
    """A number with its interval; a win rate in per cent."""
    show, unit = (percent, " %") if metric == WIN_RATE else (number, "")
    if math.isnan(interval.low):
        return f"{show(interval.value)}{unit}"
    return f"{show(interval.value)}{unit} [{show(interval.low)}, {show(interval.high)}]"


def seconds_shown(seconds: float) -> str:
    if math.isnan(seconds) or math.isinf(seconds):
        return number(seconds)
    if seconds < 119.5:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _unknown(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "<": r"$<$",
    ">": r"$>$",
    "≥": r"$\geq$",
    "|": r"$|$",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
}


def _row(cells: Sequence[str]) -> str:
    """A line of a table; a bracket that it begins with would be taken for the length of the rule or line above."""
    line = " & ".join(map(_tex, cells))
    return ("{}" if line.startswith("[") else "") + line + r" \\"


def _tex(text: str) -> str:
    """LaTeX that prints a text as it is."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)
