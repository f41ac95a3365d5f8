"""The learning curve of a run: greedy evaluations against environment steps, every seed and their mean."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from qohort.errors import QohortError
from qohort.report.figures import MUTED, OURS, dress, save, short, spoken, styled
from qohort.training import disk
from qohort.training.records import METRICS, line_of
from qohort.training.run_folder import read_config
from qohort.training.seeds import seed_folder, seeds_in

PREFERRED = ("eval/win_rate", "eval/return")
"""What is drawn: the first that was measured."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """The evaluations of one seed."""

    steps: Int[np.ndarray, " P"]
    values: Float[np.ndarray, " P"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """What a figure of a run shows."""

    name: str
    world: str
    metric: str
    seeds: dict[int, Line]
    planned: int
    """How many seeds the run is to have."""
    episodes: int
    """Episodes of one evaluation."""

    def mean(self) -> Line:
        """The mean over seeds, at the steps that every one of them has reached."""
        every = [dict(zip(line.steps.tolist(), line.values.tolist(), strict=True)) for line in self.seeds.values()]
        shared = sorted(set.intersection(*map(set, every)))
        values = [np.mean([seed[step] for seed in every]) for step in shared]
        return Line(steps=np.array(shared, np.int64), values=np.array(values, np.float64))

    def before(self) -> float | None:
        """The mean of the evaluations at step 0: the team as it was drawn, before anything was learned."""
        start = [line.values[0] for line in self.seeds.values() if line.steps[0] == 0]
        return float(np.mean(start)) if start else None


def read_curve(folder: str | Path, metric: str | None = None) -> Curve:
    """The evaluations of a run folder, which may be in use; lines that are not whole are left out.

    Args:
        folder: the run folder.
        metric: a name of the metric files; the win rate if the world has one, else the return, if not given.
    """
    folder = Path(folder)
    config = read_config(folder)
    with disk.explained(folder, "read the run folder"):
        logs = {seed: _lines(seed_folder(folder, seed) / METRICS) for seed in seeds_in(folder)}
    found = {name for lines in logs.values() for line in lines for name in line if name.startswith("eval/")}
    wanted = metric or next((name for name in PREFERRED if name in found), PREFERRED[-1])
    lines = {seed: line for seed, log in logs.items() if (line := _line(log, wanted)) is not None}
    if not lines:
        other = f" Known are: {', '.join(sorted(found))}." if found else " The first evaluation may still be going on."
        raise QohortError(f"{folder} has no values of {wanted!r} to draw.{other}")
    counts = [
        len(line["episodes/return"])
        for log in logs.values()
        for line in log
        if isinstance(line.get("episodes/return"), list)
    ]
    return Curve(
        name=str(config["name"]),
        world=str(config["world"]),
        metric=wanted,
        seeds=lines,
        planned=int(config["run"]["seeds"]),
        episodes=counts[-1] if counts else 0,
    )


def draw_curve(curve: Curve, paths: Sequence[Path]) -> None:
    """Write the figure; the ending of each path chooses the format: `.png`, `.svg` or `.pdf`."""
    with styled(13):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 4.5), layout="constrained")
        _paint(figure.add_subplot(), curve)
        figure.supxlabel(_footnote(curve), fontsize=11, color=MUTED)
        save(figure, paths)


def _paint(axes: Any, curve: Curve) -> None:
    mean, before = curve.mean(), curve.before()
    shown, unit = spoken(curve.metric), curve.metric == "eval/win_rate"
    last = max(int(line.steps[-1]) for line in curve.seeds.values())
    if before is not None:
        axes.axhline(before, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1)
    if len(curve.seeds) > 1:
        for line in curve.seeds.values():
            _trace(axes, line, width=1.2, alpha=0.45)
    _trace(axes, mean, width=3.5, alpha=1.0)
    dress(axes, rates=unit)
    axes.set_xlim(0, max(last, 1))
    axes.locator_params(axis="x", integer=True)
    axes.xaxis.set_major_formatter(lambda steps, _: short(steps))
    axes.set_title(f"{curve.name} on {curve.world}", loc="left", fontsize=16, pad=12)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(f"{shown} of the greedy team" if curve.metric.startswith("eval/") else shown)


def _trace(axes: Any, line: Line, *, width: float, alpha: float) -> None:
    """A curve; a single evaluation is a dot."""
    axes.plot(
        line.steps,
        line.values,
        color=OURS,
        linewidth=width,
        alpha=alpha,
        marker="o" if len(line.steps) == 1 else None,
        clip_on=len(line.steps) > 1,
        solid_capstyle="round",
        zorder=2 + alpha,
    )


def _footnote(curve: Curve) -> str:
    """How many seeds and episodes the figure rests on."""
    there = len(curve.seeds)
    seeds = "1 seed" if there == 1 else f"{there} seeds (thin) and their mean (thick)"
    if there < curve.planned:
        seeds += f", of {curve.planned} planned"
    counted = f"{seeds}; {curve.episodes} episodes per evaluation" if curve.episodes else seeds
    return counted if curve.before() is None else f"{counted}\ndashed: before training"


def _lines(path: Path) -> list[dict[str, Any]]:
    """What can be read of a metric file; a process may be in the middle of a line."""
    if not path.is_file():
        return []
    return [line for text in path.read_bytes().splitlines() if (line := line_of(text)) is not None]


def _line(log: Sequence[Mapping[str, Any]], metric: str) -> Line | None:
    """A seed's values in the order of their steps, or None if there is none."""
    values = {int(line["step"]): float(line[metric]) for line in log if isinstance(line.get(metric), int | float)}
    if not values:
        return None
    steps = sorted(values)
    return Line(steps=np.array(steps, np.int64), values=np.array([values[step] for step in steps], np.float64))
