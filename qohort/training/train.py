"""Training from beginning to end: check, take a folder, run every seed, finish."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs import AbstractEnv, make
from qohort.envs.check import check_form
from qohort.envs.registry import BUILT_IN, base
from qohort.errors import QohortError
from qohort.plain import plain
from qohort.replay.memory import check_memory
from qohort.training.deterministic import be_deterministic
from qohort.training.interrupt import Interrupt
from qohort.training.job import check, config_of
from qohort.training.known import CONFIG_CLASSES
from qohort.training.programs import Programs
from qohort.training.progress import Display
from qohort.training.records import as_numbers
from qohort.training.run import MAY_CHANGE, Grid, Run, asked_of, going_on, grid_of
from qohort.training.run_folder import RunFolder, default_path, finished_as, latest, read_config, read_finished
from qohort.training.seeds import Group, groups_for, groups_in, is_stacked, named, seeds_in
from qohort.training.session import Interrupted, Session, Setting, absolute_of, check_going_on
from qohort.training.settings import KIND, config_from_dict, config_hash, config_to_dict

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
    run = Run() if run is None else run
    _check_kinds(algorithm, run)
    if run.deterministic:
        be_deterministic()  # before anything is computed
    job = _job(algorithm, world, run, name=name, source=source)
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(display or Display())
        _say_memory(job, display)
        version = job.env.spec.version
        folder = stack.enter_context(
            RunFolder.open(job.path, job.config, fresh=job.run.fresh, may_change=CHANGEABLE, world_version=version)
        )
        done = finished_as(folder.path, job.asked)
        if done is not None:
            steps = f"{job.grid.steps:,} steps"
            display.say(f"{folder.path} is finished: {steps}. Give more --steps or --seeds, or --fresh.")
            absolute = {int(seed): as_numbers(scores) for seed, scores in done["absolute"].items()}
            return Trained(folder.path, True, absolute)
        return _train_groups(job, folder, display)


def _check_kinds(algorithm: object, run: object) -> None:
    if not isinstance(algorithm, AbstractAlgorithm):
        raise QohortError(
            f"The algorithm is {algorithm!r}; it must be settings, such as `ValueDecomposition(mixer=Qatten())`, or "
            '`qohort.preset("qatten", "battle/3m").algorithm`.'
        )
    if not isinstance(run, Run):
        raise QohortError(f"The run is {run!r}; it must be a `Run`, such as `Run(steps=100_000)`.")


def algorithm_name(algorithm: AbstractAlgorithm) -> str:
    """A name for settings that did not come from a preset: the class of the mixer, or of what has none."""
    settings = config_to_dict(algorithm)
    return ((settings.get("mixer") or settings)[KIND]).lower()


@dataclasses.dataclass(frozen=True)
class _Job:
    """What is to be done, checked as far as it can be without a folder."""

    algorithm: AbstractAlgorithm
    env: AbstractEnv
    run: Run
    grid: Grid
    config: dict[str, Any]
    """What `config.json` says."""
    path: Path

    @property
    def asked(self) -> dict[str, Any]:
        return asked_of(self.run, self.grid)

    @property
    def seeds(self) -> list[int]:
        return self.asked["seeds"]


def _job(algorithm: AbstractAlgorithm, world: str | AbstractEnv, run: Run, *, name: str | None, source: str) -> _Job:
    """Make the world, and refuse what cannot be trained."""
    env = make(world) if isinstance(world, str) else world
    if not (isinstance(world, str) and base(world) in BUILT_IN):  # those are checked by the tests
        check_form(env)
    check(algorithm, env, run)
    config = config_of(algorithm, world, run, name=name or algorithm_name(algorithm), source=source)
    path = _path_of(config, run)
    before = None if run.fresh else _before(path)
    if before is not None:
        run = going_on(run, before, algorithm.environments)
    config["run"] = config_to_dict(run)
    return _Job(algorithm, env, run, grid_of(run, algorithm.environments), config, path)


def _before(path: Path) -> Run | None:
    """How the run in a folder went so far; None if there is none, or none that can be read."""
    with contextlib.suppress(QohortError):
        return config_from_dict(read_config(path)["run"], CONFIG_CLASSES)
    return None


def _say_memory(job: _Job, display: Display) -> None:
    """What the replay needs, or a refusal."""
    groups = _groups(job, begun=[] if job.run.fresh else groups_in(job.path))
    environments, copies = job.algorithm.environments, max(map(len, groups))
    display.say(check_memory(job.env, job.algorithm.feed, environments=environments, copies=copies))


def _train_groups(job: _Job, folder: RunFolder, display: Display) -> Trained:
    """Every group of seeds that is not done, one after the other."""
    place, run, steps = folder.path, job.run, job.grid.steps
    groups = _groups(job, begun=groups_in(place))
    episodes = run.absolute_factor * run.eval_episodes
    before = {seeds: absolute_of(place, seeds, steps=steps, episodes=episodes) for seeds in groups}
    open_groups = [seeds for seeds in groups if before[seeds] is None]
    done = read_finished(place)
    check_going_on(place, open_groups, steps=steps, judged=done["asked"]["seeds"] if done else ())
    folder.begin()
    surprises = _surprises(groups, job.seeds, seeds_in(place))
    for sentence in filter(None, (*folder.notes, f"Run folder: {place}", *surprises)):
        display.say(sentence)
    absolute: dict[int, dict[str, float]] = {}
    with Interrupt() as stop:
        session = _sessions(job, place, display, stop)
        try:
            for seeds in groups:
                found = before[seeds]
                if found is not None:
                    display.say(f"{named(seeds)}: finished before.")
                absolute |= session(seeds).run() if found is None else found
        except Interrupted as interrupted:
            display.say(str(interrupted))
            return Trained(place, False, absolute, stop.signal)
    absolute = {seed: absolute[seed] for seed in job.seeds}
    folder.finish({"asked": job.asked, "absolute": plain(absolute)})
    return Trained(place, True, absolute)


def _sessions(job: _Job, folder: Path, display: Display, stop: Interrupt) -> Callable[[Group], Session]:
    """Makes the session of a group; all of one kind share their programs."""
    programs = functools.cache(
        lambda together: Programs(job.algorithm, job.env, chunk=job.run.chunk, together=together)
    )

    def session(seeds: Group) -> Session:
        together = is_stacked(seeds, job.run.together)
        setting = Setting(
            algorithm=job.algorithm,
            env=job.env,
            programs=programs(together),
            run=job.run,
            grid=job.grid,
            folder=folder,
            display=display,
            stop=lambda: stop.requested,
        )
        return Session(setting, seeds, together=together)

    return session


def _groups(job: _Job, *, begun: Sequence[Group]) -> list[Group]:
    """Several seeds in one program pay on an accelerator; on a CPU they are slower than one after the other."""
    together = job.run.together
    if together is None:
        together = job.run.seeds > 1 and jax.default_backend() != "cpu"
    return groups_for(begun, job.seeds, together=together)


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
        return Path(run.folder).expanduser()
    digest = config_hash(config, may_change=CHANGEABLE)
    usual = default_path(Path(run.root).expanduser(), world=config["world"], algorithm=config["name"], digest=digest)
    return usual if run.fresh else latest(usual)
