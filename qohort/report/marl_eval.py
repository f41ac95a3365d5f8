"""Results in the JSON form of marl-eval (Gorsane et al. 2022, "Towards a Standardised Performance Evaluation Protocol
for Cooperative MARL"): environment, task, algorithm, run, step.

Its tools (0.0.4) take the shape of everything from the first run they meet: all algorithms must be on all tasks of an
environment, with equally many runs, equally many steps and the same metrics. So what is written is what all share,
and what had to stay out is told.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qohort.report.comparison import Comparison
from qohort.report.gather import EVAL, SeedRun

Runs = dict[str, list[SeedRun]]
"""The finished seeds by label."""


def marl_eval(comparison: Comparison) -> tuple[dict[str, Any], list[str]]:
    """The content of the file, and sentences about what is not in it."""
    environments: dict[str, dict[str, Runs]] = {}
    for world in comparison.worlds:
        name, _, task = world.partition("/")
        runs = {
            cell.cell.label: [run for run in cell.cell.seeds if run.absolute is not None and run.state == "finished"]
            for cell in comparison.on(world)
        }
        environments.setdefault(name, {})[task or name] = runs
    notes: list[str] = []
    content = {name: found for name, tasks in environments.items() if (found := _environment(name, tasks, notes))}
    return content, notes


def _environment(name: str, tasks: Mapping[str, Runs], notes: list[str]) -> dict[str, Any]:
    labels = [label for label in next(iter(tasks.values())) if all(runs.get(label) for runs in tasks.values())]
    every = {label for runs in tasks.values() for label in runs}
    if lost := sorted(every - {*labels}):
        notes.append(f"{name}: {', '.join(lost)} left out, which has no finished run on some task.")
    if not labels:
        return {}
    count = min(len(runs[label]) for runs in tasks.values() for label in labels)
    kept = {task: {label: runs[label][:count] for label in labels} for task, runs in tasks.items()}
    cut = sum(len(runs[label]) - count for runs in tasks.values() for label in labels)
    if cut:
        notes.append(f"{name}: the first {count} finished seeds of each algorithm; {cut} more left out.")
    grids = {task: _shared([run for seeds in runs.values() for run in seeds]) for task, runs in kept.items()}
    length = min(map(len, grids.values()))
    if not length:
        notes.append(f"{name}: left out, its runs have no evaluation at a common step.")
        return {}
    longest = max(len(run.steps) for runs in kept.values() for seeds in runs.values() for run in seeds)
    if longest > length:
        notes.append(f"{name}: {length} evaluations of each run, at steps that all runs of a task share.")
    grids = {
        task: [grid[k] for k in np.linspace(0, len(grid) - 1, length).round().astype(int)]
        for task, grid in grids.items()
    }
    metrics = _metrics([run for runs in kept.values() for seeds in runs.values() for run in seeds])
    return {
        task: {
            label.replace(",", ";"): {
                f"run_{index}": _run(run, grids[task], metrics) for index, run in enumerate(seeds)
            }
            for label, seeds in runs.items()
        }
        for task, runs in kept.items()
    }


def _shared(runs: Sequence[SeedRun]) -> list[int]:
    """Steps at which every one of them was evaluated."""
    return sorted(set.intersection(*({*run.steps.tolist()} for run in runs)))


def _metrics(runs: Sequence[SeedRun]) -> list[str]:
    """Those that every evaluation of every run has."""
    return sorted(set.intersection(*map(_measured, runs)))


def _measured(run: SeedRun) -> set[str]:
    absolute = {name for name, value in (run.absolute or {}).items() if np.isfinite(value)}
    return absolute & {name for name, values in run.values.items() if np.isfinite(values).all()}


def _run(run: SeedRun, grid: Sequence[int], metrics: Sequence[str]) -> dict[str, Any]:
    at = {step: index for index, step in enumerate(run.steps.tolist())}
    short = {metric: metric.removeprefix(EVAL) for metric in metrics}
    steps = {
        f"step_{number}": {
            "step_count": step,
            **{short[metric]: [float(run.values[metric][at[step]])] for metric in metrics},
        }
        for number, step in enumerate(grid)
    }
    absolute = run.absolute or {}
    return {**steps, "absolute_metrics": {short[metric]: [absolute[metric]] for metric in metrics}}
