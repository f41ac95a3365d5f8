"""Pictures of the theory laboratory."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qohort.lab.spectrum import FUNCTIONS
from qohort.lab.theorem import TheoremStudy
from qohort.report.figures import FAINT, INK, MUTED, dress, footnote, looks, save, styled


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """One figure, and the predictions whose numbers it shows."""

    name: str
    alt: str
    needs: tuple[int, ...]
    draw: Callable[[TheoremStudy, Sequence[Path]], None]


def draw_decay(study: TheoremStudy, paths: Sequence[Path]) -> None:
    """How far the first degrees miss the derivative, for three functions at growing scales."""
    curves = study.findings[3].measured["curves"]
    with styled(11):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10.4, 4.0), layout="constrained")
        for axes, name in zip(figure.subplots(1, 3, sharey=True), ("exponential", "softplus", "tanh"), strict=True):
            for (scale, missed), look in zip(curves[name].items(), looks(list(curves[name])).values(), strict=True):
                _line(axes, np.arange(1, len(missed) + 1), np.maximum(missed, 1e-9), look, label=f"v·α = {scale}")
            axes.axhline(0.01, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
            axes.set_yscale("log")
            axes.set_ylim(1e-8, 1e6)
            radius = FUNCTIONS[name].radius
            shown = "no radius" if np.isinf(radius) else f"radius {radius:.2f}"
            axes.set_title(f"{FUNCTIONS[name].shown}, {shown}", loc="left", fontsize=12, color=INK)
            axes.set_xlabel("degrees, or heads")
            axes.legend(frameon=False, fontsize=10)
        figure.axes[0].set_ylabel("share of the derivative that is missed")
        footnote(figure, "Dashed: 1 %. Beyond its radius an expansion around 0 gets worse with every degree.")
        save(figure, paths)


def draw_remainder(study: TheoremStudy, paths: Sequence[Path]) -> None:
    """The remainder against the distance from the maximiser."""
    measured = study.findings[2].measured
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.6, 4.6), layout="constrained")
        axes = figure.subplots()
        distances = np.array(measured["distances"])
        styles = looks([*measured["errors"], "exponential, 3 degrees"])
        for name, errors in measured["errors"].items():
            _line(axes, distances, np.array(errors), styles[name], label=f"{name}: {measured['orders'][name]:.2f}")
        few = np.array(measured["errors_with_three_degrees"])
        _line(axes, distances, few, styles["exponential, 3 degrees"], label="exponential, 3 degrees")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("distance Δ from the maximiser")
        axes.set_ylabel("what the theorem leaves out")
        axes.set_title("Slopes of the remainder", loc="left", fontsize=13, color=INK)
        axes.legend(frameon=False, fontsize=10)
        save(figure, paths)


def draw_heads(study: TheoremStudy, paths: Sequence[Path]) -> None:
    """Errors of trained mixers against the number of heads, at one state and at many."""
    one, many = study.findings[5].measured, study.findings[6].measured["errors"]
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10.4, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.axhline(one["least"], color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1)
        _errors(left, {"weighted heads": one["weighted"], "unweighted heads": one["unweighted"]})
        left.set_title("One state", loc="left", fontsize=13, color=INK)
        left.set_ylabel("root mean squared error")
        _errors(right, many)
        right.set_title("128 states, tested on others", loc="left", fontsize=13, color=INK)
        footnote(
            figure,
            "Lines: medians over starting points, which are dots. Dashed: the best weighted sum. Unweighted heads fix "
            f"the sum of the weights, which should be {one['sum_of_weights']:.2f}.",
        )
        save(figure, paths)


def draw_regret(study: TheoremStudy, paths: Sequence[Path]) -> None:
    """What greedy joint actions lose, near the maximiser and everywhere."""
    measured = study.findings[7].measured
    names = list(next(iter(measured.values()))["regrets"])
    styles = looks(names)
    with styled(12):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8.2, 3.4), layout="constrained")
        for axes, (between, found) in zip(
            figure.subplots(1, 2, sharey=True, sharex=True), measured.items(), strict=True
        ):
            axes.set_yticks(range(len(names)), names)
            axes.set_ylim(len(names) - 0.4, -0.6)
            axes.grid(axis="x", color=FAINT, linewidth=0.8)
            axes.spines[["top", "right"]].set_visible(False)
            for place, name in enumerate(names):
                lost = np.array(found["regrets"][name])
                axes.plot(
                    lost,
                    place + np.linspace(-0.2, 0.2, len(lost)),
                    linestyle="none",
                    marker=styles[name].marker,
                    color=styles[name].colour,
                    markersize=7,
                    clip_on=False,
                    zorder=3,
                )
            axes.set_title(f"{between}: at most {found['optimum']:.2f}", loc="left", fontsize=13, color=INK)
            axes.set_xlabel("regret of the greedy joint action")
        figure.axes[0].set_xlim(left=-0.2)
        save(figure, paths)


PICTURES: tuple[Picture, ...] = (
    Picture(name="remainder", alt="The remainder against the distance", needs=(2,), draw=draw_remainder),
    Picture(name="decay", alt="What the first degrees miss", needs=(3,), draw=draw_decay),
    Picture(name="regret", alt="What greedy joint actions lose", needs=(7,), draw=draw_regret),
    Picture(name="heads", alt="Errors against the number of heads", needs=(6, 5), draw=draw_heads),
)
"""Each is shown with the first prediction that it needs."""


def _errors(axes: Any, rows: dict[str, dict[int, list[float]]]) -> None:
    ticks = list(next(iter(rows.values())))
    for (name, row), look in zip(rows.items(), looks(list(rows)).values(), strict=True):
        heads = np.array(list(row))
        _line(axes, heads, np.array([np.median(errors) for errors in row.values()]), look, label=name)
        for place, errors in row.items():
            axes.plot([place] * len(errors), errors, linestyle="none", marker=".", color=look.colour, alpha=0.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(count) for count in ticks])
    axes.set_yscale("log")
    axes.set_xlabel("heads")
    axes.legend(frameon=False, fontsize=11)


def _line(axes: Any, x: Any, y: Any, look: Any, *, label: str) -> None:
    dress(axes, rates=False)
    axes.plot(
        x,
        y,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linewidth=1.8,
        label=label,
        zorder=3,
    )
