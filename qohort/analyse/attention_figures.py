"""Attention drawn: one episode as heat maps, correlations of all seeds, and how uneven the heads are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qohort.analyse.attention import Attention
from qohort.analyse.attention_summary import Summary
from qohort.analyse.points import spread_points
from qohort.analyse.ranks import known_quantile, over_seeds
from qohort.report.figures import FAINT, INK, MUTED, footnote, save, styled

COLUMNS = 3
"""Panels beside each other."""


def draw_maps(found: Attention, paths: Sequence[Path], *, order: Sequence[int], episode: int = 0) -> None:
    """Agents by time, a panel for each head, and one for all of them together."""
    rows = found.played.episode == episode
    shares = found.gaze.shares[rows][:, [*order, found.gaze.heads]]
    alive, names = found.played.alive[rows], found.subject.env.spec.agents
    titles = [*(f"head {place + 1}" for place in range(len(order))), "all heads"]
    with styled(11):
        from matplotlib.figure import Figure

        lines = -(-len(titles) // COLUMNS)
        figure = Figure(figsize=(10.5, lines * (0.9 + 0.26 * len(names)) + 1.1), layout="constrained")
        panels = figure.subplots(lines, COLUMNS, squeeze=False, sharex=True, sharey=True)
        for place, axes in enumerate(panels.flat):
            if place >= len(titles):
                axes.set_visible(False)
                continue
            _map(axes, shares[:, place], alive, ceiling=max(float(shares.max()), 2 / len(names)))
            axes.set_title(titles[place], loc="left", fontsize=12, color=INK)
            axes.set_yticks(range(len(names)), names)
            if place + COLUMNS >= len(titles):
                axes.set_xlabel("step")
                axes.xaxis.set_tick_params(labelbottom=True)
        figure.colorbar(panels[0, 0].images[0], ax=panels, shrink=0.8, pad=0.01).set_label("λ", rotation=0, labelpad=10)
        note = f"{found.subject.label}, greedy episode {episode}. Uniform weights are {1 / len(names):.3g}. × dead."
        footnote(figure, note)
        save(figure, paths)


def draw_correlations(summary: Summary, paths: Sequence[Path]) -> None:
    """A panel for each matched head: the rank correlation with each feature, every seed and their interval."""
    rows, places = summary.features, summary.places
    with styled(11):
        from matplotlib.figure import Figure

        lines = -(-len(places) // COLUMNS)
        figure = Figure(figsize=(10.5, lines * (0.9 + 0.3 * len(rows)) + 1.0), layout="constrained")
        panels = figure.subplots(lines, COLUMNS, squeeze=False, sharex=True, sharey=True)
        for place, axes in enumerate(panels.flat):
            if place >= len(places):
                axes.set_visible(False)
                continue
            last = place == summary.heads
            untrained = summary.untrained[:, :, -1:] if last else summary.untrained[:, :, :-1]
            for line in range(len(rows)):
                band = known_quantile(untrained[..., line].ravel(), [0.025, 0.975])
                axes.barh(line, band[1] - band[0], left=band[0], height=0.72, color=FAINT, alpha=0.6, zorder=1)
                _seeds(axes, summary.correlations[:, place, line], line)
            axes.axvline(0, color=MUTED, linewidth=1)
            axes.set_title(places[place], loc="left", fontsize=12, color=INK)
            axes.set_yticks(range(len(rows)), rows)
            axes.set_xlim(-1.03, 1.03)
            axes.spines[["top", "right"]].set_visible(False)
            if place + COLUMNS >= len(places):
                axes.set_xlabel("rank correlation with λ")
                axes.xaxis.set_tick_params(labelbottom=True)
        panels[0, 0].invert_yaxis()
        footnote(figure, "Small: every seed. Large: mean with Student's 95 % interval. Grey: 95 % of untrained heads.")
        save(figure, paths)


def draw_unevenness(summary: Summary, paths: Sequence[Path]) -> None:
    """The greatest weight among the living, as a multiple of the uniform one."""
    places = summary.places
    untrained = np.stack([item.untrained_largest for item in summary.found])
    with styled(11):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 1.5 + 0.38 * len(places)), layout="constrained")
        axes = figure.subplots()
        for line in range(len(places)):
            some = untrained[..., -1:] if line == summary.heads else untrained[..., :-1]
            low, high = np.quantile(some, [0.025, 0.975])
            axes.barh(line, high - low, left=low, height=0.72, color=FAINT, alpha=0.6, zorder=1)
            values = summary.largest[:, line]
            spread_points(axes, values, line, over_seeds(values, least=1.0))
        axes.axvline(1, color=MUTED, linewidth=1)
        axes.set_yticks(range(len(places)), places)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("greatest λ among the living, as a multiple of the uniform one")
        footnote(figure, "1 is uniform. Small: seeds. Large: mean, 95 % interval. Grey: 95 % of untrained heads.")
        save(figure, paths)


def _seeds(axes: Any, values: np.ndarray, line: int) -> None:
    if not np.isnan(values).all():
        spread_points(axes, values, line, over_seeds(values))


def _map(axes: Any, shares: np.ndarray, alive: np.ndarray, *, ceiling: float) -> None:
    """One head; crosses where an agent is dead, so that colour alone says nothing."""
    steps, agents = alive.shape
    edges = (0.5, steps + 0.5, agents - 0.5, -0.5)
    axes.imshow(shares.T, aspect="auto", cmap="cividis", vmin=0, vmax=ceiling, interpolation="nearest", extent=edges)
    time, agent = np.nonzero(~alive)
    axes.scatter(time + 1, agent, marker="x", s=9, color="white", linewidths=0.8)
    axes.locator_params(axis="x", integer=True)
