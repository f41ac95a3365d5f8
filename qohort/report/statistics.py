"""Statistics of a handful of runs, as Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", ask for them.

Scores come as *strata*: one array for each world, with a value for each run. A resample draws runs with replacement
within each world, never across worlds. Worlds count equally, however many runs they have; the paper has equally many
and pools them, which is the same then. Every statistic works on the last axis, so that thousands of resamples are one
call. NumPy alone does it: `rliable` 1.2.0 (August 2024) needs five packages more, and its intervals fail with `arch` 8.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int, Shaped

Strata: TypeAlias = Sequence[Float[np.ndarray, "..."]]
"""The scores of each world: runs on the last axis, resamples (if any) before it."""

Statistic: TypeAlias = Callable[[Strata], Float[np.ndarray, "..."]]
"""A number made of strata, for all resamples at once."""

RESAMPLES, LEVEL = 2000, 0.95
"""How often a bootstrap resamples, and what share of the resamples an interval holds."""
FEW = 5
"""With fewer runs than this, a bootstrap interval is too narrow more often than it says."""

_AT_ONCE = 1 << 22
"""Numbers in one array of resamples; more are done in turns."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval; the bounds are NaN where there is only one run to resample."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """A curve with pointwise confidence bounds; NaN where some world has no run."""

    value: Float[np.ndarray, " P"]
    low: Float[np.ndarray, " P"]
    high: Float[np.ndarray, " P"]
    alive: Int[np.ndarray, " P"]
    """How many runs there are at each point."""


def interquartile_mean(
    values: Float[np.ndarray, "*batch n"], times: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "*batch"]:
    """The mean of the middle half, as if each value were there so many times.

    Of n values in all, ⌊n/4⌋ are left out at either end, so fewer than four are a plain mean.
    """
    total = int(times.sum())
    cut = total // 4
    ordered, here = _sorted(values, times)
    until = np.cumsum(here, axis=-1)
    kept = np.clip(until, cut, total - cut) - np.clip(until - here, cut, total - cut)
    return np.asarray((ordered * kept).sum(axis=-1) / (total - 2 * cut))


def repeats(counts: Sequence[int]) -> Int[np.ndarray, " n"]:
    """How often each run is there if worlds are to have equally many: the fewest times that are whole."""
    equal = math.lcm(*counts)
    return np.repeat([equal // count for count in counts], counts)


def iqm(strata: Strata) -> Float[np.ndarray, "..."]:
    """The interquartile mean of the runs of all worlds, those of each repeated until worlds have equally many."""
    return interquartile_mean(np.concatenate(strata, axis=-1), repeats([scores.shape[-1] for scores in strata]))


def mean(strata: Strata) -> Float[np.ndarray, "..."]:
    """The mean over worlds of the mean over runs."""
    return np.asarray(np.mean([scores.mean(axis=-1) for scores in strata], axis=0))


def median(strata: Strata) -> Float[np.ndarray, "..."]:
    """The median over worlds of the mean over runs; the median over runs if there is one world."""
    if len(strata) == 1:
        return np.asarray(np.median(strata[0], axis=-1))
    return np.asarray(np.median([scores.mean(axis=-1) for scores in strata], axis=0))


def optimality_gap(strata: Strata, *, target: float = 1.0) -> Float[np.ndarray, "..."]:
    """The mean over worlds of how far runs fall short of a target; what is above it counts as the target."""
    return np.asarray(target - mean([np.minimum(scores, target) for scores in strata]))


def performance_profile(strata: Strata, thresholds: Float[np.ndarray, " K"]) -> Float[np.ndarray, "..."]:
    """The mean over worlds of the fraction of runs above each threshold; thresholds are the last axis."""
    return np.stack([mean([(scores > threshold) * 1.0 for scores in strata]) for threshold in thresholds], axis=-1)


def probability_of_improvement(better: Strata, worse: Strata) -> float:
    """P(X > Y) for a run of each, averaged over worlds; a tie counts one half."""
    return float(np.mean([_wins(x, y).mean() for x, y in zip(better, worse, strict=True)]))


def interval(
    strata: Strata, statistic: Statistic, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Interval:
    """A statistic with the percentile interval of its stratified bootstrap."""
    value = float(statistic(strata))
    if all(len(scores) < 2 for scores in strata):
        return Interval(value=value, low=np.nan, high=np.nan)
    rng = np.random.default_rng(seed)
    drawn = statistic([scores[_rows(rng, resamples, len(scores))] for scores in strata])
    low, high = _bounds(drawn, level)
    return Interval(value=value, low=float(low), high=float(high))


def improvement_interval(
    better: Strata, worse: Strata, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Interval:
    """The probability of improvement with its interval; the runs of both are resampled."""
    value = probability_of_improvement(better, worse)
    if all(len(scores) < 2 for scores in (*better, *worse)):
        return Interval(value=value, low=np.nan, high=np.nan)
    rng = np.random.default_rng(seed)
    drawn = []
    for x, y in zip(better, worse, strict=True):
        rows, columns = _rows(rng, resamples, len(x)), _rows(rng, resamples, len(y))
        drawn.append(_wins(x, y)[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2)))
    low, high = _bounds(np.mean(drawn, axis=0), level)
    return Interval(value=value, low=float(low), high=float(high))


def profile_band(
    strata: Strata,
    thresholds: Float[np.ndarray, " K"],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Band:
    """A performance profile with pointwise bounds."""
    rng = np.random.default_rng(seed)
    drawn = [scores[_rows(rng, resamples, len(scores))] for scores in strata]
    low, high = _bounds(performance_profile(drawn, thresholds), level)
    runs = sum(map(len, strata))
    alone = all(len(scores) < 2 for scores in strata)
    return Band(
        value=performance_profile(strata, thresholds),
        low=np.full(len(thresholds), np.nan) if alone else low,
        high=np.full(len(thresholds), np.nan) if alone else high,
        alive=np.full(len(thresholds), runs, np.int64),
    )


def curve_band(
    strata: Sequence[Float[np.ndarray, "_ P"]],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Band:
    """The interquartile mean of curves at every point, over the runs that are there (NaN: this one is not).

    Worlds count equally at every point, whichever of their runs are there.
    Points with the same runs share their resamples, so a band has no jitter of its own.
    """
    there = ~np.isnan(np.concatenate(strata, axis=0))
    owner = np.repeat(np.arange(len(strata)), [len(runs) for runs in strata])
    points = there.shape[1]
    value, low, high = (np.full(points, np.nan) for _ in range(3))
    patterns, which = np.unique(there, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if len({*owner[pattern]}) < len(strata):
            continue
        rows = [np.flatnonzero(pattern & (owner == world)) for world in range(len(strata))]
        columns = np.flatnonzero(which.ravel() == number)
        _fill(np.concatenate(strata, axis=0), rows, columns, (value, low, high), (resamples, level, seed))
    alive = np.where(np.isnan(value), 0, there.sum(axis=0))
    return Band(value=value, low=low, high=high, alive=alive.astype(np.int64))


def first_reach(positions: Shaped[np.ndarray, " P"], values: Float[np.ndarray, " P"], threshold: float) -> float:
    """Where a curve is at or above a threshold for the first time; infinite if it never is.

    Means that older versions wrote are rounded to single precision: half a unit of that is not missed.
    """
    slack = float(np.spacing(np.float32(abs(threshold)))) / 2
    reached = np.flatnonzero(values >= threshold - slack)
    return float(positions[reached[0]]) if len(reached) else np.inf


def censored_median(values: Float[np.ndarray, " n"]) -> float:
    """The median of times of which some are infinite: infinite, if half of the runs or more never got there."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(values) - 1) // 2]), float(ordered[len(values) // 2])
    return (low + high) / 2


def area_under_curve(steps: Shaped[np.ndarray, " P"], values: Float[np.ndarray, " P"], until: int | float) -> float:
    """The mean height of a curve from its first point to a step, by trapezoids; NaN if the curve ends before."""
    if len(steps) == 0 or steps[-1] < until:
        return np.nan
    if until <= steps[0]:
        return float(values[0])
    inside = steps < until
    x = np.append(steps[inside], until).astype(np.float64)
    y = np.append(values[inside], np.interp(until, steps, values))
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (x[-1] - x[0]))


def on_grid(
    positions: Shaped[np.ndarray, " P"], values: Float[np.ndarray, " P"], grid: Float[np.ndarray, " G"]
) -> Float[np.ndarray, " G"]:
    """A curve on other points: straight between its own, NaN before its first and after its last."""
    if len(positions) == 0:
        return np.full(len(grid), np.nan)
    return np.interp(grid, positions.astype(np.float64), values, left=np.nan, right=np.nan)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share, z = successes / trials, 1.959964
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """From the smallest on; equal values share the mean of their ranks."""
    below = (values[:, None] > values[None, :]).sum(axis=1)
    equal = (values[:, None] == values[None, :]).sum(axis=1)
    return below + (equal - 1) / 2


def spearman(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """The correlation of the ranks; not a number if one of them has no order."""
    x, y = ranks(a) - ranks(a).mean(), ranks(b) - ranks(b).mean()
    length = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float(x @ y) / length if length else float("nan")


def _wins(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " m"]) -> Float[np.ndarray, "n m"]:
    return (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])


def _sorted(
    values: Float[np.ndarray, "*batch n"], times: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "*batch n"], Int[np.ndarray, "... n"]]:
    """Values in order, and how often each of them is there."""
    if (times == times[0]).all():  # in any order the same, and sorting alone is several times faster
        return np.sort(values, axis=-1), times
    order = np.argsort(values, axis=-1)
    return np.take_along_axis(values, order, axis=-1), times[order]


def _rows(rng: np.random.Generator, resamples: int, runs: int) -> Int[np.ndarray, "R n"]:
    return rng.integers(0, runs, size=(resamples, runs))


def _bounds(drawn: Float[np.ndarray, "R *rest"], level: float) -> Float[np.ndarray, "2 *rest"]:
    return np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)


def _fill(
    runs: Float[np.ndarray, "n P"],
    rows: Sequence[Int[np.ndarray, " _"]],
    columns: Int[np.ndarray, " C"],
    into: tuple[np.ndarray, np.ndarray, np.ndarray],
    how: tuple[int, float, int],
) -> None:
    """One set of runs at the points where exactly these are there."""
    value, low, high = into
    resamples, level, seed = how
    every, times = np.concatenate(rows), repeats([len(world) for world in rows])
    value[columns] = interquartile_mean(runs[np.ix_(every, columns)].T, times)
    if all(len(world) < 2 for world in rows):
        return
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([world[_rows(rng, resamples, len(world))] for world in rows], axis=1)
    turn = max(1, _AT_ONCE // drawn.size)
    for begin in range(0, len(columns), turn):
        part = columns[begin : begin + turn]
        again = interquartile_mean(np.moveaxis(runs[:, part][drawn], 2, 1), times)
        low[part], high[part] = _bounds(again, level)
