"""Learning curves of several algorithms: a panel for each world, against steps or the clock, and over all worlds."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from qohort.report.comparison import CellNumbers, Clock, Comparison, Curve
from qohort.report.figures import INK, Look, dress, footnote, headline, looks, save, short, spoken, styled
from qohort.report.scales import WIN_RATE

COLUMNS = 3
PANEL = (4.3, 3.1)
"""Inches of one panel; a figure of one panel is larger."""
MARKS = 7
"""Markers along a curve."""


def draw_worlds(comparison: Comparison, clock: Clock, paths: Sequence[Path]) -> bool:
    """A panel for each world; False if no run has this clock, and nothing was drawn."""
    worlds = [world for world in comparison.worlds if any(clock in cell.curves for cell in comparison.on(world))]
    if not worlds:
        return False
    columns = min(COLUMNS, len(worlds))
    rows = -(-len(worlds) // columns)
    styles = looks(comparison.collection.labels)
    with styled(12):
        from matplotlib.figure import Figure

        wide, high = (6.6, 4.2) if len(worlds) == 1 else (PANEL[0] * columns, PANEL[1] * rows)
        here = [cell for world in worlds for cell in comparison.on(world)]
        drawn = {cell.cell.label for cell in here if clock in cell.curves}
        labels = [label for label in comparison.collection.labels if label in drawn]
        figure = Figure(figsize=(wide, high + 0.6 + legend_height(wide, labels)), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for index, axes in enumerate(grid.flat):
            if index < len(worlds):
                _panel(axes, comparison.on(worlds[index]), clock, styles)
                headline(axes, worlds[index])
            else:
                axes.set_visible(False)
        legend(figure, styles, labels)
        footnote(figure, _small_print(here, clock))
        save(figure, paths)
    return True


def draw_aggregate(comparison: Comparison, paths: Sequence[Path]) -> None:
    """The interquartile mean over the runs of all worlds, in shares of each world's scale and planned steps."""
    styles = looks(comparison.collection.labels)
    with styled(12):
        from matplotlib.figure import Figure

        labels = [aggregate.label for aggregate in comparison.aggregate]
        figure = Figure(figsize=(6.6, 4.7 + legend_height(6.6, labels)), layout="constrained")
        axes = figure.subplots()
        dress(axes, rates=True)
        for index, aggregate in enumerate(comparison.aggregate):
            curve = Curve(grid=comparison.shares, band=aggregate.curve)
            trace(axes, curve, styles[aggregate.label], most=int(aggregate.curve.alive.max()), place=index)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.set_xlabel("share of the planned environment steps")
        rates = all(scale.is_rate for scale in comparison.scales.values())
        axes.set_ylabel("win rate" if rates else "normalised score")
        axes.set_title(f"All {len(comparison.counted)} worlds", loc="left", fontsize=13, color=INK)
        legend(figure, styles, labels)
        runs = sorted({int(aggregate.curve.alive.max()) for aggregate in comparison.aggregate})
        counted = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
        footnote(
            figure,
            f"Lines: interquartile mean over {counted} runs; worlds count the same.\n"
            "Bands: pointwise 95 % bootstrap intervals, stratified by world.",
        )
        save(figure, paths)


def _legend_columns(wide: float, labels: Sequence[str]) -> int:
    """As many as fit, then as even as can be."""
    fitting = max(1, int(wide / (0.95 + 0.1 * max(map(len, labels)))))
    return -(-len(labels) // -(-len(labels) // fitting))


def legend_height(wide: float, labels: Sequence[str]) -> float:
    """Inches that the legend of a figure so wide takes."""
    return 0.1 + 0.26 * -(-len(labels) // _legend_columns(wide, labels))


def legend(figure: Any, styles: Mapping[str, Look], labels: Sequence[str]) -> None:
    """Above all panels, outside of them: line, dashes and marker of each label."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=styles[label].colour,
            linestyle=styles[label].dashes,
            marker=styles[label].marker,
            linewidth=2.4,
            markersize=6.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            label=label,
        )
        for label in labels
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=_legend_columns(figure.get_figwidth(), labels),
        frameon=False,
        handlelength=3.4,
        columnspacing=1.8,
        borderaxespad=0.2,
    )


def trace(axes: Any, curve: Curve, look: Look, *, most: int, place: int) -> None:
    """A line with its band; paler where fewer than `most` runs are there, and a dot where it is one point."""
    band, grid = curve.band, curve.grid
    if not len(grid):
        return
    axes.fill_between(grid, band.low, band.high, color=look.colour, alpha=0.13, linewidth=0, zorder=2)
    whole = band.alive >= most
    for begin, end, full in stretches(whole):
        axes.plot(
            grid[begin : end + 1],
            band.value[begin : end + 1],
            color=look.colour,
            linestyle=look.dashes,
            linewidth=2.4 if full else 1.6,
            alpha=1.0 if full else 0.45,
            dash_capstyle="butt",
            zorder=3,
        )
    marks = np.array(_marks(len(grid), place))
    for full in (True, False):
        shown = marks[whole[marks] == full]
        if not len(shown):  # an empty line has a box all the same, which would push the panels apart
            continue
        axes.plot(
            grid[shown],
            band.value[shown],
            color=look.colour,
            linestyle="none",
            marker=look.marker,
            markersize=6.5 if full else 5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            alpha=1.0 if full else 0.45,
            clip_on=False,
            zorder=4,
        )


def stretches(whole: Bool[np.ndarray, " P"]) -> list[tuple[int, int, bool]]:
    """First and last point of every stretch of a line that is whole or is not; whole is what is so at both ends."""
    if len(whole) == 1:
        return [(0, 0, bool(whole[0]))]
    pieces = whole[:-1] & whole[1:]
    turns = [0, *(int(index) + 1 for index in np.flatnonzero(pieces[1:] != pieces[:-1])), len(pieces)]
    return [(begin, end, bool(pieces[begin])) for begin, end in itertools.pairwise(turns)]


def _marks(points: int, place: int) -> list[int]:
    """Which points bear a marker: spread over the curve, and not the same ones for every label."""
    apart = max(1, points // MARKS)
    return sorted({*range((place * apart // 4) % apart if points > MARKS else 0, points, apart)})


def _panel(axes: Any, cells: Sequence[CellNumbers], clock: Clock, styles: Mapping[str, Look]) -> None:
    from matplotlib.ticker import MaxNLocator

    cells = [cell for cell in cells if clock in cell.curves]
    metric = cells[0].scale.metric
    dress(axes, rates=metric == WIN_RATE)
    for index, cell in enumerate(cells):
        trace(axes, cell.curves[clock], styles[cell.cell.label], most=len(cell.last.seeds), place=index)
    last = max(float(cell.curves[clock].grid[-1]) for cell in cells)
    axes.set_xlim(0, last or 1)
    if clock == "steps":
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: short(value))
        axes.set_xlabel("environment steps")
    else:
        size, unit = _unit(last)
        ticks = MaxNLocator(nbins=5).tick_values(0, last / size)
        axes.set_xticks(
            [tick * size for tick in ticks if tick <= last / size],
            [f"{tick:g}" for tick in ticks if tick <= last / size],
        )
        axes.set_xlabel(f"{unit} of wall-clock time")
    axes.set_ylabel(spoken(metric))


def _unit(seconds: float) -> tuple[float, str]:
    for size, unit in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 3 * size:
            return size, unit
    return 1.0, "seconds"


def _small_print(cells: Sequence[CellNumbers], clock: Clock) -> str:
    cells = [cell for cell in cells if clock in cell.curves]
    seeds = sorted({len(cell.last.seeds) for cell in cells})
    counted = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    episodes = sorted({run.episodes for cell in cells for run in cell.cell.seeds if run.episodes})
    each = "" if not episodes else f", {' or '.join(map(str, episodes))} greedy episodes an evaluation"
    many = "seed" if seeds == [1] else "seeds"
    bands = "" if seeds == [1] else " Bands: pointwise 95 % bootstrap intervals."
    fewer = any((cell.curves[clock].band.alive < len(cell.last.seeds)).any() for cell in cells)
    lines = [f"Lines: interquartile mean over {counted} {many}{each}.{bands}"]
    if fewer:
        lines.append("Paler and thinner: not every seed has come that far.")
    if clock == "seconds":
        lines.append("Evaluations are included, and compilation, which only the first seed of a process needs.")
    return "\n".join(lines)
