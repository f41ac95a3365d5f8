"""Pictures of the representation laboratory: tables that can be said above tables that are found, and errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qohort.lab.fits import Kind, best_actions
from qohort.lab.payoff import Found, PayoffStudy
from qohort.report.figures import FAINT, INK, MUTED, OURS, dress, footnote, looks, save, styled
from qohort.report.table import number

_NUMBERED = 6
"""Tables with more rows or columns are drawn without numbers."""

_SHOWN: tuple[Kind, ...] = ("additive", "supermodular", "monotone")


def draw_tables(study: PayoffStudy, paths: Sequence[Path]) -> None:
    """The payoff and the nearest tables of its classes; below what each mixer found from its median starting point."""
    above = [("payoff", study.payoff.table, 0.0)]
    above += [(f"nearest {kind}", study.fits[kind].tables[0], study.fits[kind].squared_error) for kind in _SHOWN]
    below = [(f"{found.mixer} found", *_median(found)) for found in study.found]
    columns = max(len(above), min(len(below), 4))
    rows = 1 + -(-len(below) // columns)
    first = study.payoff.table.shape[0]
    with styled(11):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2.9 * columns, (1.1 + min(2.4, 0.55 * first)) * rows + 0.6), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_visible(False)
        placed = [*zip(grid[0], above, strict=False), *zip(grid[1:].flat, below, strict=False)]
        for axes, (title, table, error) in placed:
            axes.set_visible(True)
            _heat(axes, table, study.payoff.table)
            axes.set_title(title, loc="left", fontsize=12, color=INK)
            axes.set_xlabel(f"squared error {number(error)}", fontsize=10, color=MUTED)
        several = "; columns: all others together" if study.payoff.table.ndim > 2 else "; columns: agent 1"
        footnote(figure, f"Rows: agent 0{several}. Framed: the greatest entries, which the team would choose.")
        save(figure, paths)


def draw_errors(study: PayoffStudy, paths: Sequence[Path]) -> None:
    """The squared error of every starting point beside the least that the mixer's class has."""
    names = [found.mixer for found in study.found]
    styles = looks(names)
    farthest = 1.3 * study.variation  # training that ran away is drawn at the edge
    beyond = sum(int((found.reached.errors > farthest).sum()) for found in study.found)
    note = f"\nErrors above {number(farthest)} are at the edge ({beyond})." if beyond else ""
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.4, 2.3 + 0.42 * len(names)), layout="constrained")
        axes = figure.subplots()
        dress(axes, rates=False)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color=FAINT, linewidth=0.8)
        for place, found in enumerate(study.found):
            least, errors = study.least(found), np.minimum(np.sort(found.reached.errors), farthest)
            best = study.chosen(found) == study.payoff.table.max()
            best = best[np.argsort(found.reached.errors)]
            axes.plot([least] * 2, [place - 0.36, place + 0.36], color=INK, linewidth=2.5, zorder=3)
            rows = place + np.linspace(-0.24, 0.24, len(errors))
            look = styles[found.mixer]
            for good, marker, colour in ((False, "x", MUTED), (True, look.marker, look.colour)):
                if (best == good).any():
                    axes.plot(
                        errors[best == good],
                        rows[best == good],
                        linestyle="none",
                        marker=marker,
                        markersize=6,
                        color=colour,
                        clip_on=False,
                        zorder=4,
                    )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
        axes.set_xlabel("squared error of the whole table")
        axes.set_title(study.payoff.name, loc="left", fontsize=13, color=INK)
        footnote(
            figure, "Bar: the least error of the class. Coloured: a best joint action is chosen; ×: another." + note
        )
        save(figure, paths)


def _median(found: Found) -> tuple[Float[np.ndarray, "..."], float]:
    """The table of the starting point in the middle."""
    place = int(np.argsort(found.reached.errors, kind="stable")[len(found.reached.errors) // 2])
    return found.reached.tables[place], float(found.reached.errors[place])


def _heat(axes: Any, table: Float[np.ndarray, "..."], payoff: Float[np.ndarray, "..."]) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    flat, best = (values.reshape(len(values), -1) for values in (table, best_actions(table.round(2))))
    tones = LinearSegmentedColormap.from_list("tones", ["#ffffff", "#a9cfe8", OURS])
    axes.imshow(flat, cmap=tones, vmin=payoff.min(), vmax=payoff.max() + 0.3 * np.ptp(payoff), aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FAINT)
    for row, column in np.argwhere(best):
        corner = (column - 0.46, row - 0.44)
        axes.add_patch(Rectangle(corner, 0.92, 0.88, fill=False, edgecolor=INK, linewidth=1.8))
    if max(flat.shape) <= _NUMBERED:
        for (row, column), value in np.ndenumerate(flat):
            axes.text(column, row, f"{round(value, 2) + 0.0:.4g}", ha="center", va="center", fontsize=10, color=INK)
