"""Training from beginning to end: check, take a folder, run every seed, finish."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
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
from qohort.training.run import MAY_CHANGE, Grid, Run, grid_of
from qohort.training.run_folder import RunFolder, default_path, latest
from qohort.training.seeds import Group, groups_for, groups_in, is_stacked, named, seeds_in
from qohort.training.session import Interrupted, Session, Setting, absolute_of
from qohort.training.settings import config_hash, config_to_dict

CHANGEABLE = frozenset({*MAY_CHANGE, "source"})
"""What a run may have otherwise when it goes on."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train` leaves behind."""

    folder: Path
    """The run folder."""
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
    config = {
        "name": name or algorithm_name(algorithm),
        "world": world_name,
        "source": source,
        "algorithm": config_to_dict(algorithm),
        "run": config_to_dict(run),
    }
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(display or Display())
        path = _path_of(config, run)
        groups = _groups(run, begun=[] if run.fresh else groups_in(path))
        copies = max(map(len, groups))
        memory = check_memory(env, algorithm.feed, environments=algorithm.environments, copies=copies)
        display.say(memory)
        folder = stack.enter_context(
            RunFolder.open(path, config, fresh=run.fresh, may_change=CHANGEABLE, world_version=env.spec.version)
        )
        for note in folder.notes:
            display.say(note)
        asked = {"steps": grid.steps, "seeds": _seeds(run), "absolute_factor": run.absolute_factor}
        done = folder.finished
        if done is not None and done["asked"] == asked:
            display.say(f"{folder.path} is finished: {grid.steps:,} steps. Give more --steps or --seeds, or --fresh.")
            return Trained(folder.path, True, {int(seed): scores for seed, scores in done["absolute"].items()})
        if done is not None:
            folder.reopen()
        display.say(f"Run folder: {folder.path}")
        stop = stack.enter_context(Interrupt())

        programs = functools.cache(lambda together: Programs(algorithm, env, chunk=run.chunk, together=together))

        def session(seeds: Group) -> Session:
            together = is_stacked(seeds, run.together)
            setting = Setting(
                algorithm=algorithm,
                env=env,
                programs=programs(together),
                run=run,
                grid=grid,
                folder=folder.path,
                display=display,
                stop=lambda: stop.requested,
            )
            return Session(setting, seeds, together=together)

        groups = _groups(run, begun=groups_in(folder.path))
        for sentence in _surprises(groups, _seeds(run), seeds_in(folder.path)):
            display.say(sentence)
        absolute: dict[int, dict[str, float]] = {}
        try:
            for seeds in groups:
                absolute |= _before(folder.path, seeds, run, grid, display) or session(seeds).run()
        except Interrupted as interrupted:
            display.say(str(interrupted))
            return Trained(folder.path, False, absolute, stop.signal)
        absolute = {seed: absolute[seed] for seed in _seeds(run)}
        folder.finish({"asked": asked, "absolute": absolute})
        return Trained(folder.path, True, absolute)


def algorithm_name(algorithm: AbstractAlgorithm) -> str:
    """A name for settings that did not come from a preset."""
    mixer = getattr(algorithm, "mixer", None)
    return type(mixer or algorithm).__name__.lower()


def _seeds(run: Run) -> list[int]:
    return [run.seed + index for index in range(run.seeds)]


def _groups(run: Run, *, begun: Sequence[Group]) -> list[Group]:
    """Several seeds in one program pay on an accelerator; on a CPU they are slower than one after the other."""
    together = run.together
    if together is None:
        together = run.seeds > 1 and jax.default_backend() != "cpu"
    return groups_for(begun, _seeds(run), together=together)


def _before(folder: Path, seeds: Group, run: Run, grid: Grid, display: Display) -> dict[int, dict[str, float]] | None:
    """The absolute metric of seeds that were finished by an earlier command."""
    found = absolute_of(folder, seeds, steps=grid.steps, episodes=run.absolute_factor * run.eval_episodes)
    if found:
        display.say(f"{named(seeds)}: finished before.")
    return found


def _surprises(groups: Sequence[Group], asked: Sequence[int], there: Sequence[int]) -> Iterator[str]:
    """Sentences where the folder has other seeds than are asked for."""
    trained = {seed for group in groups for seed in group}
    if rest := sorted({*there} - trained):
        yield f"{named(rest)}: in this folder, but not asked for; nothing of it is touched."
    for group in groups:
        if more := sorted({*group} - {*asked}):
            yield f"{named(more)}: not asked for, but {named(group)} train together and cannot be parted."


def _path_of(config: dict[str, Any], run: Run) -> Path:
    """The folder that was named, or the one that these settings have; the newest of those."""
    if run.folder:
        return Path(run.folder)
    digest = config_hash(config, may_change=CHANGEABLE)
    usual = default_path(Path(run.root), world=config["world"], algorithm=config["name"], digest=digest)
    return usual if run.fresh else latest(usual)
