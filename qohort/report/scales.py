"""How each world is scored: which metric, and which of its values count as 0 and as 1."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from qohort.errors import QohortError
from qohort.report.curves import PREFERRED
from qohort.report.gather import EVAL, SeedRun
from qohort.report.labels import Collection

WIN_RATE = "eval/win_rate"

Evaluations: TypeAlias = tuple[Int[np.ndarray, " _"], Float[np.ndarray, " _"], Float[np.ndarray, " _"]]
"""Steps, seconds and values of a seed's evaluations by one metric."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """How a world is scored: the metric, and which of its values count as 0 and as 1 in aggregates."""

    metric: str
    low: float
    high: float
    given: bool
    """Whether the bounds are the metric's or the user's own, not just the extremes of these runs."""

    @property
    def flat(self) -> bool:
        """Whether all runs have one value and no bounds are given, so that nothing lies between 0 and 1."""
        return self.low == self.high

    @property
    def is_rate(self) -> bool:
        """Whether shares of the scale are win rates."""
        return self.metric == WIN_RATE and (self.low, self.high) == (0.0, 1.0)

    def share(self, values: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        return (values - self.low) / (self.high - self.low)

    def value(self, share: float) -> float:
        return self.low + share * (self.high - self.low)


def scales_of(
    collection: Collection, metric: str | None, bounds: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, Scale], list[str]]:
    """The scale of every world that has the metric, and sentences about worlds that have not."""
    known = sorted({name for cell in collection.cells.values() for run in cell.seeds for name in run.values})
    wanted = metric if metric is None or metric.startswith(EVAL) else f"{EVAL}{metric}"
    if wanted is not None and wanted not in known:
        raise QohortError(f"No run has values of {wanted!r}. Known are: {', '.join(known)}.")
    for world, (low, high) in bounds.items():
        if world not in collection.worlds:
            raise QohortError(
                f"--bounds names {world!r}, which no run is on. Worlds are: {', '.join(collection.worlds)}."
            )
        if not low < high:
            raise QohortError(f"--bounds of {world} are {low:g} and {high:g}; the first must be less than the second.")
    scales: dict[str, Scale] = {}
    notes: list[str] = []
    for world in collection.worlds:
        runs = [run for cell in collection.on(world) for run in cell.seeds]
        here = {name for run in runs for name in run.values if has(run, name)}
        chosen = wanted or next((name for name in PREFERRED if name in here), "")
        if chosen not in here:
            notes.append(f"{world} is left out: its runs have no values of {chosen or PREFERRED[-1]}.")
            continue
        scales[world] = _scale(chosen, runs, bounds.get(world))
    if not scales:
        raise QohortError(
            f"No run has a number for {wanted or ' or '.join(PREFERRED)}. Known names are: {', '.join(known)}."
        )
    notes += [
        f"All runs on {world} have the same {scale.metric}, {scale.low:.4g}, so nothing tells what counts as 0 and as "
        f"1 there: it has no thresholds and no part in aggregates. --bounds {world}=LOW:HIGH gives it both."
        for world, scale in scales.items()
        if scale.flat
    ]
    return scales, notes


def _scale(metric: str, runs: Sequence[SeedRun], bounds: tuple[float, float] | None) -> Scale:
    if bounds is not None:
        return Scale(metric=metric, low=bounds[0], high=bounds[1], given=True)
    if metric == WIN_RATE:
        return Scale(metric=metric, low=0.0, high=1.0, given=True)
    every = [run.values[metric] for run in runs if metric in run.values]
    every += [np.array([value]) for run in runs if (value := absolute_of(run, metric)) is not None]
    low, high = float(np.nanmin(np.concatenate(every))), float(np.nanmax(np.concatenate(every)))
    return Scale(metric=metric, low=low, high=high, given=False)


def has(run: SeedRun, metric: str) -> bool:
    """Whether a seed was evaluated by a metric."""
    return metric in run.values and not np.isnan(run.values[metric]).all()


def absolute_of(run: SeedRun, metric: str) -> float | None:
    """A seed's absolute metric; None if it is not finished."""
    value = None if run.absolute is None else run.absolute.get(metric)
    return None if value is None or np.isnan(value) else value


def measured(run: SeedRun, metric: str) -> Evaluations:
    """Steps, seconds and values of the evaluations that have one."""
    values = run.values[metric]
    there = ~np.isnan(values)
    return run.steps[there], run.seconds[there], values[there]
