"""The numbers of a comparison: what tables print, figures draw and the JSON file holds."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from qohort.report import statistics
from qohort.report.gather import SeedRun
from qohort.report.labels import Cell, Collection, Key, joined, seeds_named
from qohort.report.scales import Evaluations, Scale, absolute_of, has, measured, scales_of
from qohort.report.statistics import Band, Interval

THRESHOLDS = (0.5, 0.75, 0.95)
POINTS = 201
"""At most so many points of a curve are computed."""

Clock = Literal["steps", "seconds"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """One number of every seed, and what it comes to."""

    seeds: tuple[int, ...]
    values: Float[np.ndarray, " n"]
    iqm: Interval
    median: Interval
    mean: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reached:
    """How long it took to get somewhere. A run that did not get there counts as infinitely late."""

    share: float
    value: float
    """The threshold in the metric's own unit."""
    runs: int
    reached: int
    steps: float
    """The median over all runs."""
    seconds: float
    """The same by the clock; NaN if a run has none."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The interquartile mean over seeds along steps or seconds."""

    grid: Float[np.ndarray, " P"]
    band: Band


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CellNumbers:
    """An algorithm on a world."""

    cell: Cell
    scale: Scale
    score: Summary | None
    """The absolute metric of the finished seeds (or the last evaluation, see `Comparison.score`)."""
    last: Summary
    best: Summary
    reached: tuple[Reached, ...]
    area: Summary | None
    """Mean height of the curve up to `until`."""
    until: int
    steps_per_second: float
    updates_per_second: float
    valid: float
    curves: Mapping[Clock, Curve]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Aggregate:
    """An algorithm over several worlds, in shares of each world's scale."""

    label: str
    runs: int
    iqm: Interval
    median: Interval
    mean: Interval
    optimality_gap: Interval
    profile: Band
    curve: Band


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Everything."""

    collection: Collection
    score: Literal["absolute metric", "last evaluation"]
    """What tables of scores are about."""
    cells: Mapping[Key, CellNumbers]
    scales: Mapping[str, Scale]
    improvement: Mapping[str, Mapping[Key, Interval]]
    """By world, and under the empty name over all worlds of the aggregate: P(first > second)."""
    aggregate: tuple[Aggregate, ...]
    """Labels with scores on every world."""
    taus: Float[np.ndarray, " K"]
    shares: Float[np.ndarray, " P"]
    """Of the planned steps: the grid of curves over worlds."""
    notes: tuple[str, ...]

    def on(self, world: str) -> list[CellNumbers]:
        """The numbers of all algorithms on a world."""
        return [
            self.cells[world, cell.label] for cell in self.collection.on(world) if (world, cell.label) in self.cells
        ]

    @property
    def worlds(self) -> list[str]:
        """The worlds that something is known of, in order."""
        return [world for world in self.collection.worlds if world in self.scales]

    @property
    def counted(self) -> list[str]:
        """The worlds of aggregates: those on which something lies between 0 and 1."""
        return [world for world in self.worlds if not self.scales[world].flat]


def compare(
    collection: Collection,
    *,
    metric: str | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Comparison:
    """Compute everything.

    Args:
        collection: the runs under their labels.
        metric: a name of the metric files, with or without `eval/`; each world's win rate, or its return if it has
            none, if not given. Greater is better.
        thresholds: shares of each world's scale; of a win rate without bounds they are the rate itself.
        bounds: by world, the values that count as 0 and as 1.
    """
    scales, notes = scales_of(collection, metric, bounds or {})
    there = {
        world: {
            cell.label: seeds
            for cell in collection.on(world)
            if (seeds := [run for run in cell.seeds if has(run, scale.metric)])
        }
        for world, scale in scales.items()
    }
    final = any(
        absolute_of(run, scales[world].metric) is not None
        for world, labels in there.items()
        for seeds in labels.values()
        for run in seeds
    )
    if not final:
        notes.append("No run is finished, so there is no absolute metric yet: scores are last evaluations.")
    notes += [
        sentence
        for world, scale in scales.items()
        for cell in collection.on(world)
        for sentence in _not_counted(cell, scale.metric, final=final)
    ]
    cells: dict[Key, CellNumbers] = {}
    for world, labels in there.items():
        everyone = [run for seeds in labels.values() for run in seeds]
        place = _Place(scale=scales[world], until=_until(everyone), grid=_grid(everyone, scales[world].metric))
        for label, seeds in labels.items():
            cells[world, label] = _cell(collection.cells[world, label], seeds, place, thresholds, final=final)
    counted = [world for world, scale in scales.items() if not scale.flat]
    together = _together(collection, cells, counted, notes)
    taus, shares = np.linspace(0, 1, 101), np.linspace(0, 1, POINTS)
    return Comparison(
        collection=collection,
        score="absolute metric" if final else "last evaluation",
        cells=cells,
        scales=scales,
        improvement=_improvement(collection, cells, together, counted),
        aggregate=tuple(_aggregate(label, cells, counted, taus=taus, shares=shares) for label in together),
        taus=taus,
        shares=shares,
        notes=tuple(notes),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Place:
    """What the algorithms on one world share."""

    scale: Scale
    until: int
    grid: Float[np.ndarray, " G"]


def _not_counted(cell: Cell, metric: str, *, final: bool) -> Iterable[str]:
    """Seeds of which there are numbers, but not the one that is compared."""
    without = [run.seed for run in cell.seeds if not has(run, metric)]
    if without and len(without) < len(cell.seeds):
        yield f"{cell.label} on {cell.world}: {seeds_named(without)} without any number for {metric}, not counted."
    unscored = [
        run.seed
        for run in cell.seeds
        if run.state == "finished" and run.seed not in without and absolute_of(run, metric) is None
    ]
    if unscored and final:
        yield (
            f"{cell.label} on {cell.world}: {seeds_named(unscored)} finished, but without an absolute metric; scores "
            "are of the others."
        )


def _until(runs: Sequence[SeedRun]) -> int:
    """Up to where areas are taken on a world: what every finished run has done; else what anyone has done."""
    finished = [run.last_step for run in runs if run.state == "finished"]
    return min(finished) if finished else max(run.last_step for run in runs)


def _grid(runs: Sequence[SeedRun], metric: str) -> Float[np.ndarray, " G"]:
    """Every step at which anyone was evaluated, or as many equal steps as a figure can show."""
    grid = np.unique(np.concatenate([measured(run, metric)[0] for run in runs])).astype(np.float64)
    return grid if len(grid) <= POINTS else np.linspace(grid[0], grid[-1], POINTS)


def _summary(seeds: Sequence[int], values: Sequence[float]) -> Summary:
    strata = [np.array(values, np.float64)]
    return Summary(
        seeds=tuple(seeds),
        values=strata[0],
        iqm=statistics.interval(strata, statistics.iqm),
        median=statistics.interval(strata, statistics.median),
        mean=statistics.interval(strata, statistics.mean),
    )


def _known(values: Mapping[int, float | None]) -> Summary | None:
    """Of the seeds that have a value, if any has."""
    kept = {seed: value for seed, value in values.items() if value is not None and not np.isnan(value)}
    return _summary(list(kept), list(kept.values())) if kept else None


def _cell(
    cell: Cell, seeds: Sequence[SeedRun], place: _Place, thresholds: Sequence[float], *, final: bool
) -> CellNumbers:
    metric, numbers = place.scale.metric, [run.seed for run in seeds]
    lines = [measured(run, metric) for run in seeds]
    last = _summary(numbers, [float(values[-1]) for _, _, values in lines])
    areas = [statistics.area_under_curve(steps, values, place.until) for steps, _, values in lines]
    speeds = [run.speed for run in seeds if run.speed is not None]
    return CellNumbers(
        cell=cell,
        scale=place.scale,
        score=_known({run.seed: absolute_of(run, metric) for run in seeds}) if final else last,
        last=last,
        best=_summary(numbers, [float(values.max()) for _, _, values in lines]),
        reached=()
        if place.scale.flat
        else tuple(_reached(share, place.scale, lines) for share in sorted({*thresholds})),
        area=_known(dict(zip(numbers, areas, strict=True))),
        until=place.until,
        steps_per_second=_middle([speed.steps_per_second for speed in speeds]),
        updates_per_second=_middle([speed.updates_per_second for speed in speeds]),
        valid=_middle([run.valid for run in seeds if run.valid is not None]),
        curves=_curves(lines, place.grid),
    )


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else np.nan


def _reached(share: float, scale: Scale, lines: Sequence[Evaluations]) -> Reached:
    value = scale.value(share)
    steps = np.array([statistics.first_reach(at, values, value) for at, _, values in lines])
    seconds = np.array([statistics.first_reach(clock, values, value) for _, clock, values in lines])
    return Reached(
        share=share,
        value=value,
        runs=len(lines),
        reached=int(np.isfinite(steps).sum()),
        steps=statistics.censored_median(steps),
        seconds=np.nan if np.isnan(seconds).any() else statistics.censored_median(seconds),
    )


def _curves(lines: Sequence[Evaluations], grid: Float[np.ndarray, " G"]) -> dict[Clock, Curve]:
    """Bands against steps and, if a clock was read, against seconds."""
    curves: dict[Clock, Curve] = {"steps": _banded(grid, [(steps, values) for steps, _, values in lines])}
    timed = [(clock[~np.isnan(clock)], values[~np.isnan(clock)]) for _, clock, values in lines]
    timed = [(clock, values) for clock, values in timed if len(clock)]
    if timed:
        begin, end = min(clock[0] for clock, _ in timed), max(clock[-1] for clock, _ in timed)
        curves["seconds"] = _banded(np.linspace(begin, end, POINTS), timed)
    return curves


def _banded(grid: Float[np.ndarray, " G"], lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> Curve:
    rows = np.stack([statistics.on_grid(x, y, grid) for x, y in lines])
    there = ~np.isnan(rows).all(axis=0)
    return Curve(grid=grid[there], band=statistics.curve_band([rows[:, there]]))


def _together(
    collection: Collection, cells: Mapping[Key, CellNumbers], worlds: Sequence[str], notes: list[str]
) -> list[str]:
    """The labels that have a score on every world that counts; of one that has not, the notes say so."""
    scored = {key for key, numbers in cells.items() if numbers.score is not None}
    lacking = {label: [world for world in worlds if (world, label) not in scored] for label in collection.labels}
    if len(worlds) > 1:
        notes += [
            f"{label} is left out of the aggregate over worlds: it has no score on {joined(missing)}."
            for label, missing in lacking.items()
            if missing
        ]
        notes += [
            f"{label} has {joined(counts)} scores on {joined(worlds)}; the worlds count the same in its aggregates."
            for label, missing in lacking.items()
            if not missing and len({*(counts := _counts(label, cells, worlds))}) > 1
        ]
    return [label for label, missing in lacking.items() if worlds and not missing]


def _counts(label: str, cells: Mapping[Key, CellNumbers], worlds: Sequence[str]) -> list[int]:
    return [0 if (score := cells[world, label].score) is None else len(score.values) for world in worlds]


def _improvement(
    collection: Collection, cells: Mapping[Key, CellNumbers], together: Sequence[str], counted: Sequence[str]
) -> dict[str, dict[Key, Interval]]:
    worlds = sorted({world for world, _ in cells})
    found = {
        world: _pairs(
            {
                label: [numbers.score.values]
                for label in collection.labels
                if (numbers := cells.get((world, label))) is not None and numbers.score is not None
            }
        )
        for world in worlds
    }
    if len(counted) > 1:
        found[""] = _pairs({label: _strata(label, cells, counted) for label in together})
    return {world: pairs for world, pairs in found.items() if pairs}


def _pairs(scores: Mapping[str, list[Float[np.ndarray, " _"]]]) -> dict[Key, Interval]:
    return {
        (first, second): statistics.improvement_interval(x, y)
        for first, x in scores.items()
        for second, y in scores.items()
        if first != second
    }


def _strata(label: str, cells: Mapping[Key, CellNumbers], worlds: Sequence[str]) -> list[Float[np.ndarray, " _"]]:
    """Scores of every world in shares of its scale."""
    scored = [(cells[world, label].scale, cells[world, label].score) for world in worlds]
    return [scale.share(score.values) for scale, score in scored if score is not None]


def _aggregate(
    label: str,
    cells: Mapping[Key, CellNumbers],
    worlds: Sequence[str],
    *,
    taus: Float[np.ndarray, " K"],
    shares: Float[np.ndarray, " P"],
) -> Aggregate:
    strata = _strata(label, cells, worlds)
    every = (statistics.iqm, statistics.median, statistics.mean, statistics.optimality_gap)
    iqm, median, mean, gap = (statistics.interval(strata, statistic) for statistic in every)
    lines = []
    for numbers in (cells[world, label] for world in worlds):
        seeds = [run for run in numbers.cell.seeds if has(run, numbers.scale.metric)]
        curves = [(run.planned_steps, measured(run, numbers.scale.metric)) for run in seeds]
        rows = [
            statistics.on_grid(steps / planned, numbers.scale.share(values), shares)
            for planned, (steps, _, values) in curves
        ]
        lines.append(np.stack(rows))
    return Aggregate(
        label=label,
        runs=sum(map(len, strata)),
        iqm=iqm,
        median=median,
        mean=mean,
        optimality_gap=gap,
        profile=statistics.profile_band(strata, taus),
        curve=statistics.curve_band(lines),
    )
