"""Three small runs, and what they leave behind."""

import dataclasses
import io
import json
from pathlib import Path

from rich.console import Console

from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import AbstractEnv
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import QMIX, Independent, Qatten
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed
from qohort.training import checkpoint
from qohort.training.progress import Display
from qohort.training.run import Run
from qohort.training.train import Trained, train
from tests.worlds import Clock

EPSILON = LinearSchedule(start=1.0, end=0.2, steps=400)

ALGORITHMS: dict[str, ValueDecomposition] = {
    "qatten": ValueDecomposition(
        mixer=Qatten(heads=2, embed=4),
        team=Recurrent(hidden=8),
        feed=Replayed(sampler="windows", batch=4, episodes=30, length=5),
        optimiser=Optimiser(kind="adam", learning_rate=1e-2, final_learning_rate=1e-3, anneal_steps=500),
        epsilon=EPSILON,
        environments=2,
        update_every=16,
        update_unit="steps",
        estimator="td-lambda",
        target_interval=3,
    ),
    "qmix": ValueDecomposition(
        mixer=QMIX(embed=4),
        team=FeedForward(hidden=8),
        feed=Replayed(batch=4, episodes=20),
        epsilon=EPSILON,
        update_every=5,
        target_interval=3,
    ),
    "iql": ValueDecomposition(
        mixer=Independent(),
        team=Recurrent(hidden=8),
        feed=Replayed(batch=4, episodes=20),
        epsilon=EPSILON,
        environments=2,
        update_every=7,
        target_interval=3,
    ),
}

WORLDS: dict[str, str | AbstractEnv] = {
    "qatten": "games/relay",
    "qmix": "games/two-step",
    "iql": Clock(individual=True),
}


def go(name: str, folder: Path | None, *, steps: int, display: Display | None = None, **settings: object) -> Trained:
    """Train, or go on; 40 steps are a chunk."""
    algorithm = ALGORITHMS[name]
    run = Run(
        steps=steps,
        chunk=40 // algorithm.environments,
        eval_every=200,
        eval_episodes=4,
        log_every=80,
        absolute_factor=2,
        checkpoint_every=0.0,
        folder=folder,
    )
    return train(
        algorithm,
        WORLDS[name],
        dataclasses.replace(run, **settings),
        name=name,
        display=display or Display(Console(file=io.StringIO())),
    )


def heard(display: Display) -> str:
    """What a display that `listening` made was told."""
    file = display.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def listening() -> Display:
    return Display(Console(file=io.StringIO(), width=200))


def left(folder: Path, seed: int = 0) -> dict[str, bytes]:
    """All bytes that must not depend on how often a run was stopped."""
    place = folder / f"seed-{seed}"
    newest = checkpoint.paths(place / "checkpoints")[0]
    counters = json.dumps(checkpoint.read_counters(newest)["positions"][0]["metrics.jsonl"]).encode()
    files = {name: (place / name).read_bytes() for name in ("metrics.jsonl", "metrics.csv", "absolute.json")}
    return files | {"arrays": (newest / "arrays.safetensors").read_bytes(), "position": counters}
