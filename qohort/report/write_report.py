"""`report/`: figures, tables and all numbers of a comparison, and a page that holds them together."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qohort
from qohort.errors import QohortError
from qohort.plain import plain
from qohort.report import compare_curves, figures, profiles
from qohort.report.comparison import Comparison
from qohort.report.figures import FORMATS, spoken
from qohort.report.labels import joined
from qohort.report.marl_eval import marl_eval
from qohort.report.statistics import RESAMPLES
from qohort.report.table import Table
from qohort.report.tables import tables
from qohort.training import disk

PAGE, NUMBERS, MARL_EVAL, FIGURES, TABLES = "report.md", "report.json", "marl_eval.json", "figures", "tables"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """What there is now."""

    paths: tuple[Path, ...]
    tables: tuple[Table, ...]
    caveats: tuple[str, ...]
    no_figures: str
    """Why there are none; empty if there are."""


@dataclasses.dataclass(frozen=True)
class _Figure:
    name: str
    title: str
    alt: str
    draw: Callable[[list[Path]], object]


def write_report(comparison: Comparison, out: Path, caveats: Sequence[str]) -> Written:
    """Write everything; each file is whole or the one that was there before. Equal runs give equal bytes.

    Args:
        comparison: the numbers.
        out: the folder; made if it is not there.
        caveats: sentences for the top of the page.
    """
    with disk.explained(out, "write the report in"):
        for folder in (out, out / FIGURES, out / TABLES):
            folder.mkdir(parents=True, exist_ok=True)
        content, notes = marl_eval(comparison)
        every, told = tables(comparison), [*caveats, *comparison.notes]
        files = {NUMBERS: _json(numbers(comparison, told)), MARL_EVAL: _json(content)}
        for table in every:
            files[f"{TABLES}/{table.name}.csv"] = table.csv()
            files[f"{TABLES}/{table.name}.tex"] = table.latex()
        drawn, no_figures, pictures = _draw(comparison, out)
        files[PAGE] = _page(comparison, every, drawn, caveats=told, left_out=notes, no_figures=no_figures)
        for name, text in files.items():
            disk.replace_text(out / name, text)
        paths = (out / PAGE, *pictures, *(out / name for name in files if name != PAGE))
        _clear(out, paths)
    return Written(paths=paths, tables=tuple(every), caveats=tuple(told), no_figures=no_figures)


def _clear(out: Path, written: Sequence[Path]) -> None:
    """Take away figures and tables of an earlier report that this one does not have; files of other kinds stay."""
    for folder, endings in ((FIGURES, FORMATS), (TABLES, ("csv", "tex"))):
        for path in (out / folder).iterdir():
            if path not in written and path.suffix[1:] in endings:
                path.unlink()


def numbers(comparison: Comparison, caveats: Sequence[str]) -> dict[str, Any]:
    """Everything that is drawn or printed, as plain data; what is unknown or never happened is null."""
    cells = []
    for cell in comparison.cells.values():
        shown = {field.name: getattr(cell, field.name) for field in dataclasses.fields(cell)}
        del shown["cell"]
        cells.append(
            {"world": cell.cell.world, "algorithm": cell.cell.label, "seeds_planned": cell.cell.planned, **shown}
        )
    pairs = [
        {"world": world or None, "better": better, "than": than, **dataclasses.asdict(interval)}
        for world, found in comparison.improvement.items()
        for (better, than), interval in found.items()
    ]
    content = {
        "format": 1,
        "qohort": qohort.__version__,
        "score": comparison.score,
        "resamples": RESAMPLES,
        "caveats": list(caveats),
        "cells": cells,
        "aggregate": comparison.aggregate,
        "aggregate_taus": comparison.taus,
        "aggregate_shares": comparison.shares,
        "improvement": pairs,
    }
    return plain(content)


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _draw(comparison: Comparison, out: Path) -> tuple[list[_Figure], str, list[Path]]:
    """Draw what there is to draw; without matplotlib nothing, and the sentence why."""
    try:
        figures.require()
    except QohortError as error:
        return [], str(error), []
    drawn, paths = [], []
    for figure in _figures(comparison):
        files = [out / FIGURES / f"{figure.name}.{ending}" for ending in FORMATS]
        if figure.draw(files) is not False:
            drawn.append(figure)
            paths += files
    return drawn, "", paths


def _figures(comparison: Comparison) -> list[_Figure]:
    several = len(comparison.counted) > 1
    found = [
        _Figure(
            "curves",
            "Learning curves",
            "Learning curves against environment steps",
            lambda paths: compare_curves.draw_worlds(comparison, "steps", paths),
        ),
        _Figure(
            "curves-seconds",
            "Learning curves by the clock",
            "Learning curves against wall-clock time",
            lambda paths: compare_curves.draw_worlds(comparison, "seconds", paths),
        ),
    ]
    if any(cell.score for cell in comparison.cells.values()):
        draw: Callable[[list[Path]], object] = lambda paths: profiles.draw_scores(comparison, paths)  # noqa: E731
        found.append(_Figure("scores", "Scores", "Scores of every seed", draw))
    if comparison.aggregate:
        if several:
            found += [
                _Figure(
                    "aggregate-curve",
                    "Learning curve over all worlds",
                    "Learning curve over all worlds",
                    lambda paths: compare_curves.draw_aggregate(comparison, paths),
                ),
                _Figure(
                    "aggregate",
                    "Scores over all worlds",
                    "Aggregate scores over all worlds",
                    lambda paths: profiles.draw_aggregate_scores(comparison, paths),
                ),
            ]
        found.append(
            _Figure(
                "profiles",
                "Performance profiles",
                "Performance profiles",
                lambda paths: profiles.draw_profiles(comparison, paths),
            )
        )
    which = "" if "" in comparison.improvement else comparison.worlds[0]
    if which in comparison.improvement and (not which or len(comparison.worlds) == 1):
        found.append(
            _Figure(
                "improvement",
                "Probability of improvement",
                "Probability of improvement of every pair",
                lambda paths: profiles.draw_improvement(comparison, which, paths),
            )
        )
    return found


def _page(
    comparison: Comparison,
    every: Sequence[Table],
    drawn: Sequence[_Figure],
    *,
    caveats: Sequence[str],
    left_out: Sequence[str],
    no_figures: str,
) -> str:
    parts = [f"# {_title(comparison)}\n", _summary(comparison)]
    if caveats:
        parts.append("## Before you read\n\n" + "".join(f"- {_escaped(sentence)}\n" for sentence in caveats))
    if no_figures:
        parts.append(f"There are no figures: {no_figures}\n")
    for figure in drawn:
        links = ", ".join(f"[{ending.upper()}]({FIGURES}/{figure.name}.{ending})" for ending in FORMATS)
        parts.append(f"## {figure.title}\n\n![{figure.alt}]({FIGURES}/{figure.name}.png)\n\n{links}\n")
    for table in every:
        links = ", ".join(f"[{ending.upper()}]({TABLES}/{table.name}.{ending})" for ending in ("csv", "tex"))
        parts.append(f"## {table.title}\n\n{table.markdown()}\n{table.caption} {links}\n")
    return "\n".join([*parts, _METHODS, _files(left_out)])


def _title(comparison: Comparison) -> str:
    labels = [label for label in comparison.collection.labels if any(label == key[1] for key in comparison.cells)]
    algorithms = joined(labels) if len(labels) <= 5 else _many(len(labels), "algorithm")
    worlds = joined(comparison.worlds) if len(comparison.worlds) <= 3 else _many(len(comparison.worlds), "world")
    return _escaped(f"{algorithms} on {worlds}")


def _summary(comparison: Comparison) -> str:
    cells = comparison.cells.values()
    seeds = sum(len(cell.last.seeds) for cell in cells)
    labels, worlds = len({label for _, label in comparison.cells}), len(comparison.worlds)
    lines = [
        f"{_many(seeds, 'seed')} of {_many(labels, 'algorithm')} on {_many(worlds, 'world')}.",
        f"Scores are of the **{comparison.score}**",
    ]
    if comparison.score == "absolute metric":
        lines[-1] += ": the policy with the best evaluation, played again for more episodes"
    lines[-1] += ". Intervals are 95 % bootstrap intervals over seeds."
    for world, scale in comparison.scales.items():
        if not scale.is_rate and not scale.flat:
            why = "which were given" if scale.given else "the extremes of these runs, so other runs may shift them"
            metric = spoken(scale.metric)
            lines.append(
                f"{_escaped(world)} is scored by {_escaped(metric)}; 0 and 1 of aggregates and of thresholds are "
                f"{scale.low:.4g} and {scale.high:.4g}, {why}."
            )
    return " ".join(lines) + "\n"


_METHODS = f"""## How the numbers are made

Following Agarwal et al. (2021) and Gorsane et al. (2022). **IQM**: the mean of the middle half of the runs (⌊n/4⌋ left
out at either end, so of fewer than four runs it is the mean). **Several worlds** count the same, however many runs each
has: the runs of each are repeated until all worlds have equally many. **Intervals**: percentile bootstrap,
{RESAMPLES:,} resamples of runs within each world, from a fixed random seed. **Probability of improvement**: over all
pairs of runs, ties one half, averaged over worlds. **Optimality gap**: mean shortfall to 1. **Curves**: straight lines
between a run's own evaluations; a run is drawn as far as it came and no farther. **Clock**: what the training
process measured, compilation and evaluations included; work that was repeated after a kill is not counted.
"""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _files(left_out: Sequence[str]) -> str:
    said = "".join(f"\n- Not in `{MARL_EVAL}`: {_escaped(sentence)}" for sentence in left_out)
    return f"""## Files

- [`{NUMBERS}`]({NUMBERS}): every number, curves and profiles too
- [`{MARL_EVAL}`]({MARL_EVAL}): the finished runs, in the form of marl-eval
- `{TABLES}/`: every table as CSV and as LaTeX (booktabs); `{FIGURES}/`: every figure as PNG and SVG{said}
"""


def _escaped(text: str) -> str:
    """Names are text, not Markdown."""
    return text.replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;")
