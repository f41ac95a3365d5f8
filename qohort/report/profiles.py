"""Scores as figures: every seed with its interval, performance profiles, aggregates, and who is better than whom."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qohort.report.compare_curves import COLUMNS, legend, legend_height
from qohort.report.comparison import CellNumbers, Comparison
from qohort.report.figures import FAINT, INK, MUTED, Look, dress, footnote, headline, looks, save, spoken, styled
from qohort.report.scales import WIN_RATE
from qohort.report.statistics import Interval

_ROW = 0.42
"""Inches for one label."""


def draw_scores(comparison: Comparison, paths: Sequence[Path]) -> None:
    """A panel for each world: the score of every seed, and the interquartile mean with its interval."""
    worlds = [world for world in comparison.worlds if any(cell.score for cell in comparison.on(world))]
    columns = min(COLUMNS, len(worlds))
    rows = -(-len(worlds) // columns)
    styles = looks(comparison.collection.labels)
    with styled(12):
        from matplotlib.figure import Figure

        high = 1.3 + _ROW * max(len(comparison.on(world)) for world in worlds)
        figure = Figure(figsize=(6.6 if columns == 1 else 4.3 * columns, high * rows + 0.7), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for index, axes in enumerate(grid.flat):
            if index < len(worlds):
                _scores_panel(axes, comparison.on(worlds[index]), styles)
                headline(axes, worlds[index])
                metric = comparison.scales[worlds[index]].metric
                axes.set_xlabel(f"{spoken(metric)}, {comparison.score}")
            else:
                axes.set_visible(False)
        note = "Small: every seed. Large: interquartile mean. Bars: 95 % bootstrap interval."
        footnote(figure, note)
        save(figure, paths)


def draw_profiles(comparison: Comparison, paths: Sequence[Path]) -> None:
    """The fraction of runs above every score, the mean over worlds, for the labels of the aggregate."""
    styles = looks(comparison.collection.labels)
    labels = [aggregate.label for aggregate in comparison.aggregate]
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.6, 4.7 + legend_height(6.6, labels)), layout="constrained")
        axes = figure.subplots()
        dress(axes, rates=True)
        for index, aggregate in enumerate(comparison.aggregate):
            _profile(axes, comparison.taus, aggregate.profile, styles[aggregate.label], place=index)
        axes.set_xlim(0, 1)
        rates = all(scale.is_rate for scale in comparison.scales.values())
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %" if rates else f"{share:g}")
        axes.set_xlabel(f"τ: {'win rate' if rates else 'normalised score'}, {comparison.score}")
        axes.set_ylabel("fraction of runs above τ")
        several = len(comparison.counted) > 1
        title = f"All {len(comparison.counted)} worlds" if several else comparison.counted[0]
        headline(axes, title)
        legend(figure, styles, labels)
        better = "Higher is better; worlds count the same.\n" if several else "Higher is better. "
        by = ", stratified by world" if several else ""
        note = f"{better}Bands: pointwise 95 % bootstrap intervals{by}."
        footnote(figure, note)
        save(figure, paths)


def draw_aggregate_scores(comparison: Comparison, paths: Sequence[Path]) -> None:
    """Interquartile mean, median, mean and optimality gap over all worlds, with intervals."""
    styles = looks(comparison.collection.labels)
    labels = [aggregate.label for aggregate in comparison.aggregate]
    panels = {
        "IQM": [aggregate.iqm for aggregate in comparison.aggregate],
        "median": [aggregate.median for aggregate in comparison.aggregate],
        "mean": [aggregate.mean for aggregate in comparison.aggregate],
        "optimality gap": [aggregate.optimality_gap for aggregate in comparison.aggregate],
    }
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11.4, 2.0 + _ROW * len(labels)), layout="constrained")
        for axes, (name, intervals) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
            _rows(axes, labels)
            for place, (label, interval) in enumerate(zip(labels, intervals, strict=True)):
                _bar(axes, interval, place, styles[label])
            axes.locator_params(axis="x", nbins=4)
            axes.set_title(name, loc="left", fontsize=13, color=INK)
            axes.set_xlabel(
                "less is better" if name == "optimality gap" else "more is better", fontsize=10, color=MUTED
            )
        note = (
            f"Normalised {comparison.score}s over all worlds, which count the same. "
            "Bars: 95 % bootstrap intervals, stratified by world."
        )
        footnote(figure, note)
        save(figure, paths)


def draw_improvement(comparison: Comparison, world: str, paths: Sequence[Path]) -> None:
    """P(X > Y) of every pair, with its interval; the even odds are a line."""
    pairs = comparison.improvement[world]
    labels = [label for label in comparison.collection.labels if any(label in pair for pair in pairs)]
    shown = [(x, y) for index, x in enumerate(labels) for y in labels[index + 1 :]]
    # The likelier one of a pair comes first, so that every point lies on one side.
    shown = [(x, y) if pairs[x, y].value >= 0.5 else (y, x) for x, y in shown]
    styles = looks(comparison.collection.labels)
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.6, 1.9 + 0.36 * len(shown)), layout="constrained")
        axes = figure.subplots()
        _rows(axes, [f"{x} > {y}" for x, y in shown])
        axes.axvline(0.5, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1)
        for place, (x, y) in enumerate(shown):
            _bar(axes, pairs[x, y], place, styles[x])
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_xlabel("P(first > second), a run of each")
        headline(axes, world or f"All {len(comparison.counted)} worlds")
        footnote(figure, "Bars: 95 % bootstrap intervals. Dashed: even odds.")
        save(figure, paths)


def _scores_panel(axes: Any, cells: Sequence[CellNumbers], styles: Mapping[str, Look]) -> None:
    _rows(axes, [cell.cell.label for cell in cells])
    for place, cell in enumerate(cells):
        look = styles[cell.cell.label]
        if cell.score is None:
            said = {"transform": axes.get_yaxis_transform(), "va": "center", "color": MUTED, "fontsize": 10}
            axes.text(0.02, place, "not finished", **said)
            continue
        values = cell.score.values
        axes.plot(
            values,
            place + _apart(values),
            color=look.colour,
            linestyle="none",
            marker="o",
            markersize=5,
            alpha=0.45,
            markeredgewidth=0,
            clip_on=False,
        )
        _bar(axes, cell.score.iqm, place, look)
    if cells[0].scale.metric == WIN_RATE:
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])


def _apart(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Below the bar, in two rows, so that equal values are seen as several."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.where(rank % 2 == 0, 0.24, 0.36)


def _rows(axes: Any, labels: Sequence[str]) -> None:
    """A row for each label, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _bar(axes: Any, interval: Interval, place: int, look: Look) -> None:
    if not np.isnan(interval.low):
        ends = [interval.low, interval.high]
        axes.plot(ends, [place, place], color=look.colour, linewidth=6, alpha=0.35, solid_capstyle="butt", zorder=2)
    axes.plot(
        [interval.value],
        [place],
        color=look.colour,
        linestyle="none",
        marker=look.marker,
        markersize=9,
        markeredgecolor="white",
        markeredgewidth=0.8,
        clip_on=False,
        zorder=4,
    )


def _profile(axes: Any, taus: Float[np.ndarray, " K"], band: Any, look: Look, *, place: int) -> None:
    axes.fill_between(taus, band.low, band.high, color=look.colour, alpha=0.13, linewidth=0, step="post", zorder=2)
    axes.step(taus, band.value, where="post", color=look.colour, linestyle=look.dashes, linewidth=2.4, zorder=3)
    marks = np.arange(4 * place, len(taus), 20)
    axes.plot(
        taus[marks],
        band.value[marks],
        color=look.colour,
        linestyle="none",
        marker=look.marker,
        markersize=6.5,
        markeredgecolor="white",
        markeredgewidth=0.7,
        clip_on=False,
        zorder=4,
    )
