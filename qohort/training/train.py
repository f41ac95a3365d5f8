"""Training from beginning to end: check, take a folder, run every seed, finish."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import jax

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs import AbstractEnv, make
from qohort.envs.check import check_form
from qohort.envs.registry import BUILT_IN, base
from qohort.replay.memory import check_memory
from qohort.training.interrupt import Interrupt
from qohort.training.programs import Programs
from qohort.training.progress import Display
from qohort.training.run import MAY_CHANGE, Run, grid_of
from qohort.training.run_folder import RunFolder, default_path, latest
from qohort.training.session import Interrupted, Session, Setting
from qohort.training.settings import config_hash, config_to_dict


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train` leaves behind."""

    folder: Path
    finished: bool
    """False if the run was interrupted; the same call goes on."""
    absolute: dict[int, dict[str, float]]
    """The absolute metric by seed: means over the episodes of the best policy."""
    signal: int | None = None
    """The signal that interrupted the run."""


def train(
    algorithm: AbstractAlgorithm,
    world: str | AbstractEnv,
    run: Run | None = None,
    *,
    name: str | None = None,
    source: str = "",
    display: Display | None = None,
) -> Trained:
    """Train a team, or go on with a run that was stopped.

    Args:
        algorithm: settings of the algorithm.
        world: a registered name, a `module:factory` string, or a world.
        run: length, seeds, evaluation and files.
        name: what the run folder calls the algorithm; its class and mixer if not given.
        source: where the settings come from; kept in the run folder.
        display: where progress is shown; standard error if not given.
    """
    run = run or Run()
    env = make(world) if isinstance(world, str) else world
    if not (isinstance(world, str) and base(world) in BUILT_IN):  # those are checked by the tests
        check_form(env)
    world_name = world if isinstance(world, str) else env.spec.name
    grid = grid_of(run, algorithm.environments)
    algorithm.check(env.spec)
    algorithm.feed.check_chunk(run.chunk)
    together = _together(run)
    config = {
        "name": name or algorithm_name(algorithm),
        "world": world_name,
        "source": source,
        "algorithm": config_to_dict(algorithm),
        "run": config_to_dict(run),
    }
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(display or Display())
        memory = check_memory(
            env, algorithm.feed, environments=algorithm.environments, copies=run.seeds if together else 1
        )
        display.say(memory)
        folder = stack.enter_context(_open_folder(config, run))
        for note in folder.notes:
            display.say(note)
        asked = {"steps": grid.steps, "seeds": _seeds(run), "absolute_factor": run.absolute_factor}
        done = folder.finished
        if done is not None and done["asked"] == asked:
            display.say(f"{folder.path} is finished: {grid.steps:,} steps. Give more --steps, or --fresh.")
            return Trained(folder.path, True, {int(seed): scores for seed, scores in done["absolute"].items()})
        if done is not None:
            folder.reopen()
        display.say(f"Run folder: {folder.path}")
        stop = stack.enter_context(Interrupt())
        setting = Setting(
            algorithm=algorithm,
            env=env,
            programs=Programs(algorithm, env, chunk=run.chunk, together=together),
            run=run,
            grid=grid,
            folder=folder.path,
            display=display,
            stop=lambda: stop.requested,
        )
        absolute: dict[int, dict[str, float]] = {}
        try:
            for seeds in [_seeds(run)] if together else [[seed] for seed in _seeds(run)]:
                absolute |= Session(setting, seeds, together=together).run()
        except Interrupted as interrupted:
            display.say(str(interrupted))
            return Trained(folder.path, False, absolute, stop.signal)
        folder.finish({"asked": asked, "absolute": absolute})
        return Trained(folder.path, True, absolute)


def algorithm_name(algorithm: AbstractAlgorithm) -> str:
    """A name for settings that did not come from a preset."""
    mixer = getattr(algorithm, "mixer", None)
    return type(mixer or algorithm).__name__.lower()


def _seeds(run: Run) -> list[int]:
    return [run.seed + index for index in range(run.seeds)]


def _together(run: Run) -> bool:
    """Several seeds in one program pay on an accelerator; on a CPU they are slower than one after the other."""
    if run.together is not None:
        return run.together
    return run.seeds > 1 and jax.default_backend() != "cpu"


def _open_folder(config: dict[str, Any], run: Run) -> RunFolder:
    may_change = {*MAY_CHANGE, "source"}
    digest = config_hash(config, may_change=may_change)
    usual = default_path(Path(run.root), world=config["world"], algorithm=config["name"], digest=digest)
    path = Path(run.folder) if run.folder else usual if run.fresh else latest(usual)
    return RunFolder.open(path, config, fresh=run.fresh, may_change=may_change)
