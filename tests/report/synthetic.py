"""Run folders made by the writers of real runs, with numbers that a test chose."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qohort.algorithms.base import AbstractAlgorithm
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.mixers import VDN
from qohort.training import disk
from qohort.training.records import Records
from qohort.training.run import Run
from qohort.training.run_folder import ENVIRONMENT, RunFolder
from qohort.training.seeds import seed_folder
from qohort.training.session import ABSOLUTE_FILE
from qohort.training.settings import config_to_dict

Evaluations = Sequence[tuple[int, float]]
"""Steps and win rates."""


def write_run(
    folder: pathlib.Path,
    seeds: Mapping[int, Evaluations],
    *,
    name: str = "vdn",
    world: str = "battle/3m",
    algorithm: AbstractAlgorithm | None = None,
    planned: int | None = None,
    planned_seeds: Sequence[int] | None = None,
    absolute: Mapping[int, float] | None = None,
    episodes: int = 32,
    wins: bool = True,
    scale: float = 20.0,
    seconds: Callable[[int], float] | None = lambda step: 2 + step / 1000,
    process: Mapping[str, Any] | None = None,
) -> pathlib.Path:
    """A run folder.

    Args:
        folder: where.
        seeds: the evaluations of each seed.
        name: of the algorithm.
        world: its name.
        algorithm: its settings.
        planned: steps; those of the longest seed if not given.
        planned_seeds: all of `seeds` if not given.
        absolute: the absolute metric of the seeds that are finished; the last evaluation of all if not given.
        episodes: of an evaluation.
        wins: whether there is a win rate besides the return, which is `scale` times as large.
        scale: of the return.
        seconds: the clock at a step; None: no clock.
        process: changes to what is known of the process that trained.
    """
    numbers = list(planned_seeds or seeds)
    steps = planned or max(step for lines in seeds.values() for step, _ in lines)
    run = Run(steps=steps, seed=min(numbers), seeds=len(numbers), eval_episodes=episodes)
    config = {
        "name": name,
        "world": world,
        "source": "made up",
        "algorithm": config_to_dict(algorithm or ValueDecomposition(mixer=VDN())),
        "run": config_to_dict(run),
    }
    final = {seed: lines[-1][1] for seed, lines in seeds.items()} if absolute is None else absolute
    with RunFolder.open(folder, config, fresh=False) as opened:
        opened.begin()
        for seed, lines in seeds.items():
            _write_seed(seed_folder(folder, seed), seed, lines, (episodes, wins, scale, seconds))
            if seed in final:
                line = {
                    "seed": seed,
                    "steps": lines[-1][0],
                    **_scores(final[seed], 10 * episodes, wins=wins, scale=scale),
                }
                disk.replace_json(seed_folder(folder, seed) / ABSOLUTE_FILE, line)
        if {*final} == {*numbers}:
            opened.finish({"asked": {"steps": steps, "seeds": numbers, "absolute_factor": 10}, "absolute": {}})
    _settle_process(folder, process or {})
    return folder


def learning(
    rng: np.random.Generator,
    *,
    best: float,
    half: float,
    steps: int,
    every: int,
    noise: float = 0.04,
    episodes: int = 32,
) -> list[tuple[int, float]]:
    """A made-up learning curve: an S of a height, a middle and some luck of its own."""
    height = float(np.clip(best + noise * rng.normal(), 0, 1))
    middle = half * float(np.exp(0.25 * rng.normal()))
    grid = np.arange(0, steps + 1, every)
    chance = height / (1 + np.exp(-(grid - middle) / (middle / 4)))
    return [(int(step), float(rng.binomial(episodes, p)) / episodes) for step, p in zip(grid, chance, strict=True)]


def _write_seed(
    folder: pathlib.Path, seed: int, lines: Evaluations, how: tuple[int, bool, float, Callable[[int], float] | None]
) -> None:
    episodes, wins, scale, seconds = how
    folder.mkdir()
    records = Records(folder, columns=["train/loss", "eval/return"])
    before = 0
    for step, rate in lines:
        if step:
            records.write(seed, step, {"train/loss": 1.0 / step, "train/episodes": 8, "train/updates": 1})
            if seconds is not None:
                spent = seconds(step) - seconds(before)
                timing = {
                    "seconds": seconds(step),
                    "steps_per_second": (step - before) / spent,
                    "updates_per_second": 1 / spent,
                }
                records.time(seed, step, timing)
        records.write(seed, step, _scores(rate, episodes, wins=wins, scale=scale))
        before = step
    records.close()


def _scores(rate: float, episodes: int, *, wins: bool, scale: float) -> dict[str, Any]:
    won = [1.0 if index < round(rate * episodes) else 0.0 for index in range(episodes)]
    means = {"eval/return": rate * scale, "eval/length": 10.0} | ({"eval/win_rate": rate} if wins else {})
    lists = {"episodes/return": [scale * rate] * episodes, "episodes/length": [10.0] * episodes}
    return means | lists | ({"episodes/won": won} if wins else {})


def _settle_process(folder: pathlib.Path, changes: Mapping[str, Any]) -> None:
    """Where it was made: the same everywhere, unless a test says something else."""
    known = {
        "host": "here",
        "cpus": 2,
        "devices": {"kind": "cpu", "platform": "cpu", "count": 1},
        "versions": {"python": "3.11.7", "qohort": "0.1.0", "jax": "0.10.2"},
        "git": {"commit": "0" * 40, "changed": False},
    }
    disk.replace_json(folder / ENVIRONMENT, {"processes": [{**known, **changes}]})


def with_mixer(mixer: Any) -> ValueDecomposition:
    return dataclasses.replace(ValueDecomposition(mixer=VDN()), mixer=mixer)


def lines_of(path: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
