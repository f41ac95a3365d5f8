"""The tables of a comparison."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from qohort.report.comparison import CellNumbers, Comparison, Reached, Summary
from qohort.report.figures import spoken
from qohort.report.scales import WIN_RATE
from qohort.report.statistics import Interval
from qohort.report.table import NOTHING, Table, estimate, number, percent, seconds_shown
from qohort.training.run_folder import clean


def tables(comparison: Comparison) -> list[Table]:
    """All tables of a comparison."""
    found = [_scores(comparison), _evaluations(comparison), _thresholds(comparison), _speed(comparison)]
    if len(comparison.counted) > 1 and comparison.aggregate:
        found.insert(0, _aggregate(comparison))
    found += [_improvement(comparison, world) for world in comparison.improvement]
    return [table for table in (*found, _runs(comparison)) if table.rows]


def _every(comparison: Comparison) -> list[CellNumbers]:
    return [cell for world in comparison.worlds for cell in comparison.on(world)]


def _keys(cell: CellNumbers) -> dict[str, Any]:
    return {"world": cell.cell.world, "algorithm": cell.cell.label, "metric": cell.scale.metric}


def _names(cell: CellNumbers) -> tuple[str, str]:
    return cell.cell.world, cell.cell.label


def _numbers(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _summarised(summary: Summary | None) -> dict[str, float]:
    nothing = Interval(value=np.nan, low=np.nan, high=np.nan)
    found = {}
    for name in ("iqm", "median", "mean"):
        found |= _numbers(name, nothing if summary is None else getattr(summary, name))
    return found


def _count(cell: CellNumbers) -> str:
    """How many seeds a score rests on, of how many."""
    scored = 0 if cell.score is None else len(cell.score.seeds)
    planned = len(cell.cell.planned)
    return f"{scored}" if scored == planned else f"{scored} of {planned}"


def _scores(comparison: Comparison) -> Table:
    cells = _every(comparison)
    rows, records = [], []
    for cell in cells:
        metric, score = cell.scale.metric, cell.score
        shown = (
            [NOTHING] * 3
            if score is None
            else [estimate(each, metric) for each in (score.iqm, score.median, score.mean)]
        )
        runs = [run for run in cell.cell.seeds if score is not None and run.seed in score.seeds]
        final = comparison.score == "absolute metric"
        episodes = _range([run.absolute_episodes if final else run.episodes for run in runs])
        steps = _range([run.absolute_steps if final else run.last_step for run in runs])
        rows.append((*_names(cell), spoken(metric), _count(cell), *shown, steps, episodes))
        records.append(
            {
                **_keys(cell),
                "seeds": 0 if score is None else len(score.seeds),
                "seeds_planned": len(cell.cell.planned),
                **_summarised(score),
                "values": "" if score is None else " ".join(map(repr, score.values.tolist())),
                "steps": steps.replace(",", ""),
                "episodes": episodes.replace(",", ""),
            }
        )
    return Table(
        name="scores",
        title=f"Scores: {comparison.score}",
        caption="IQM, median and mean over seeds with 95 % bootstrap intervals.",
        header=("world", "algorithm", "metric", "seeds", "IQM", "median", "mean", "steps", "episodes"),
        rows=tuple(rows),
        records=tuple(records),
        texts=3,
    )


def _evaluations(comparison: Comparison) -> Table:
    rows, records = [], []
    for cell in _every(comparison):
        metric = cell.scale.metric
        steps = _range([run.last_step for run in cell.cell.seeds])
        area = NOTHING if cell.area is None else estimate(cell.area.iqm, metric)
        rows.append(
            (
                *_names(cell),
                str(len(cell.last.seeds)),
                estimate(cell.last.iqm, metric),
                steps,
                estimate(cell.best.iqm, metric),
                area,
                f"{cell.until:,}",
            )
        )
        area_now = cell.area.iqm if cell.area else Interval(value=np.nan, low=np.nan, high=np.nan)
        records.append(
            {
                **_keys(cell),
                "seeds": len(cell.last.seeds),
                **_numbers("last", cell.last.iqm),
                "last_steps": steps.replace(",", ""),
                **_numbers("best", cell.best.iqm),
                **_numbers("area", area_now),
                "area_seeds": len(cell.area.seeds) if cell.area else 0,
                "area_until": cell.until,
            }
        )
    return Table(
        name="evaluations",
        title="Evaluations during training",
        caption=(
            "IQM over seeds with 95 % bootstrap intervals. The best evaluation is the greatest of many noisy ones and "
            "so is too high; the area is the mean height of the curve up to the step beside it, over the seeds that "
            "got there."
        ),
        header=("world", "algorithm", "seeds", "last evaluation", "at step", "best evaluation", "area", "up to step"),
        rows=tuple(rows),
        records=tuple(records),
    )


def _thresholds(comparison: Comparison) -> Table:
    rows, records = [], []
    for cell in _every(comparison):
        for reached in cell.reached:
            rows.append(
                (
                    *_names(cell),
                    _threshold(cell, reached),
                    f"{reached.reached} of {reached.runs}",
                    number(reached.steps),
                    seconds_shown(reached.seconds),
                )
            )
            records.append(
                {
                    **_keys(cell),
                    "threshold": reached.value,
                    "share": reached.share,
                    "reached": reached.reached,
                    "runs": reached.runs,
                    "median_steps": reached.steps,
                    "median_seconds": reached.seconds,
                }
            )
    return Table(
        name="thresholds",
        title="Steps and wall-clock time to a threshold",
        caption=(
            "Medians over all seeds of the first evaluation at or above the threshold. A seed that did not get there, "
            "or stopped before, counts as later than all others: the median is `never` if half or more did not."
        ),
        header=("world", "algorithm", "threshold", "reached", "median steps", "median time"),
        rows=tuple(rows),
        records=tuple(records),
    )


def _threshold(cell: CellNumbers, reached: Reached) -> str:
    if cell.scale.metric == WIN_RATE:
        return f"{100 * reached.value:g} %"
    return f"{reached.value:.4g}"


def _speed(comparison: Comparison) -> Table:
    rows, records = [], []
    for cell in _every(comparison):
        valid = percent(cell.valid) + (" %" if not math.isnan(cell.valid) else "")
        total = [float(run.seconds[-1]) for run in cell.cell.seeds if not np.isnan(run.seconds[-1])]
        spent = float(np.median(total)) if total else np.nan
        rows.append(
            (*_names(cell), number(cell.steps_per_second), number(cell.updates_per_second), valid, seconds_shown(spent))
        )
        records.append(
            {
                **_keys(cell),
                "steps_per_second": cell.steps_per_second,
                "updates_per_second": cell.updates_per_second,
                "valid": cell.valid,
                "median_seconds": spent,
            }
        )
    return Table(
        name="throughput",
        title="Throughput",
        caption=(
            "Medians over seeds. Rates are of play and learning, without compilation and evaluations; the time of a "
            "seed is with both. Seeds that trained together share one clock, so their rates are of all of them."
        ),
        header=("world", "algorithm", "steps per second", "updates per second", "valid", "time of a seed"),
        rows=tuple(rows),
        records=tuple(records),
    )


def _aggregate(comparison: Comparison) -> Table:
    counted = comparison.counted
    metric = WIN_RATE if all(comparison.scales[world].is_rate for world in counted) else ""
    names = {"iqm": "IQM", "median": "median", "mean": "mean", "optimality_gap": "optimality gap"}
    rows, records = [], []
    for one in comparison.aggregate:
        intervals = {name: getattr(one, name) for name in names}
        rows.append((one.label, str(one.runs), *(estimate(interval, metric) for interval in intervals.values())))
        record: dict[str, Any] = {"algorithm": one.label, "worlds": len(counted), "runs": one.runs}
        for name, interval in intervals.items():
            record |= _numbers(name, interval)
        records.append(record)
    return Table(
        name="aggregate",
        title=f"All {len(counted)} worlds: normalised {comparison.score}",
        caption=(
            "IQM over the runs of all worlds, which count the same however many runs they have; median and mean over "
            "worlds of the mean over runs; optimality gap to 1. With 95 % bootstrap intervals, stratified by world."
        ),
        header=("algorithm", "runs", *names.values()),
        rows=tuple(rows),
        records=tuple(records),
        texts=1,
    )


def _improvement(comparison: Comparison, world: str) -> Table:
    """A matrix for reading, and a line for each ordered pair as data."""
    pairs = comparison.improvement[world]
    labels = [label for label in comparison.collection.labels if any(label in pair for pair in pairs)]
    shown = {pair: f"{each.value:.2f} [{each.low:.2f}, {each.high:.2f}]" for pair, each in pairs.items()}
    shown = {pair: text.replace(" [nan, nan]", "") for pair, text in shown.items()}
    where = world or f"all {len(comparison.counted)} worlds"
    return Table(
        name=f"improvement-{clean(world)}" if world else "improvement",
        title=f"Probability of improvement on {where}",
        caption="P(row > column): how likely a run of the row is better than one of the column; ties count one half.",
        header=("better ↓, than →", *labels),
        rows=tuple((x, *(shown.get((x, y), NOTHING) for y in labels)) for x in labels),
        records=tuple(
            {"world": world or "all", "better": x, "than": y, **_numbers("probability", each)}
            for (x, y), each in pairs.items()
        ),
        texts=1,
    )


def _runs(comparison: Comparison) -> Table:
    collection = comparison.collection
    rows, records = [], []
    for cell in _every(comparison):
        for run in cell.cell.seeds:
            record = next(record for record in cell.cell.records if run.folder.is_relative_to(record.folder))
            version = ", then ".join(record.versions) or NOTHING
            folder = record.folder.relative_to(collection.root).as_posix()
            came = f"{run.last_step:,} of {run.planned_steps:,}"
            rows.append((*_names(cell), folder, str(run.seed), run.state, came, str(run.episodes), version))
            records.append(
                {
                    **_keys(cell),
                    "folder": folder,
                    "seed": run.seed,
                    "state": run.state,
                    "steps": run.last_step,
                    "planned_steps": run.planned_steps,
                    "episodes": run.episodes,
                    "version": version,
                    "world_version": record.processes[-1].get("world_version") or "",
                }
            )
    return Table(
        name="runs",
        title="Runs",
        caption="Every seed that has been evaluated; folders are below the one that this report is of.",
        header=("world", "algorithm", "folder", "seed", "state", "steps", "episodes", "version"),
        rows=tuple(rows),
        records=tuple(records),
        texts=3,
    )


def _range(values: Sequence[int]) -> str:
    if not values:
        return NOTHING
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
