"""A trained team as analyses see it: the agents, and the mixer that they were trained with."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs import AbstractEnv
from qohort.errors import QohortError
from qohort.mixers.base import AbstractMixer
from qohort.networks.base import AbstractTeam
from qohort.spec import EnvSpec
from qohort.training.load import Which, check_checkpoint, load_params, read_run
from qohort.training.run_folder import trained_in
from qohort.training.seeds import groups_in


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One seed of a run: the team with the best evaluation, or the newest one, with the mixer of that moment."""

    run: Path
    seed: int
    step: int
    """How far the run was."""
    which: Which = "best"
    """The team with the best evaluation so far, or that of this step."""
    name: str
    """The method's."""
    world: str
    env: AbstractEnv
    version: str | None = None
    """Of the world's rules, when training ended; None if it was not recorded."""
    algorithm: AbstractAlgorithm
    team: AbstractTeam
    mixer: AbstractMixer

    @property
    def label(self) -> str:
        """What figures and tables call it."""
        return f"seed {self.seed}"

    @property
    def age(self) -> str:
        """Which team of the run it is, for a table."""
        return f"best of {self.step:,}" if self.which == "best" else f"{self.step:,}"

    def untrained(self, count: int) -> AbstractMixer:
        """Mixers as they are drawn before training, all arrays with a first axis of mixers: a null model."""
        keys = jax.random.split(jax.random.fold_in(jax.random.key(self.seed), 0xA11), count)
        return _drawn(self.algorithm, self.env.spec, keys)


def subjects(
    runs: Sequence[str | Path],
    *,
    seeds: Sequence[int] = (),
    which: Which = "best",
    env: AbstractEnv | None = None,
    classes: Sequence[type] = (),
) -> list[Subject]:
    """The teams of one or several run folders, which must be of one method on one world.

    Args:
        runs: the folders.
        seeds: which seeds; all that have a checkpoint, if none is named.
        which: of each, the team with the best evaluation, or the newest one.
        env: the world, if the runs were started from Python with a world that has no registered name.
        classes: config classes of your own that the runs were made with.
    """
    found: list[Subject] = []
    seeds = tuple(dict.fromkeys(seeds))
    for run in map(Path, runs):
        there = [seed for group in groups_in(run) for seed in group]
        wanted = [seed for seed in seeds if seed in there] if seeds else there
        begins = read_run(run, classes).run
        planned = range(begins.seed, begins.seed + begins.seeds)
        for seed in seeds if there else planned[:1]:
            if seed in planned and seed not in there:
                check_checkpoint(run, [seed])
        found += [_subject(run, seed, which, env, classes) for seed in wanted]
    missing = set(seeds) - {subject.seed for subject in found}
    if missing:
        raise QohortError(f"No run has the seed {min(missing)}; leave --seeds out to have all there are.")
    if not found:
        raise QohortError("Name at least one run folder.")
    _check_alike(found)
    return found


def _check_alike(found: Sequence[Subject]) -> None:
    first, met = found[0], dict[int, Path]()
    for other in found:
        if (other.world, other.name) != (first.world, first.name):
            raise QohortError(
                f"{other.run} is {other.name} on {other.world}, but {first.run} is {first.name} on {first.world}; "
                "an analysis is of the seeds of one method on one world."
            )
        if other.algorithm != first.algorithm:
            raise QohortError(
                f"{other.run} and {first.run} are both {first.name}, but with different settings; analyse them apart."
            )
        if other.version != first.version and None not in (other.version, first.version):
            raise QohortError(
                f"{other.run} was trained in {other.version}, but {first.run} in {first.version}: those are different "
                "games; analyse them apart."
            )
        if other.seed in met:
            raise QohortError(f"{other.run} and {met[other.seed]} both hold seed {other.seed}; leave one of them out.")
        met[other.seed] = other.run


@eqx.filter_jit
def _drawn(algorithm: AbstractAlgorithm, spec: EnvSpec, keys: Key[Array, " R"]) -> AbstractMixer:
    def draw(key: PRNGKeyArray) -> AbstractMixer:
        mixer = algorithm.mixer_of(algorithm.init(spec, key).params)
        assert mixer is not None
        return mixer

    return eqx.filter_vmap(draw)(keys)


def _subject(run: Path, seed: int, which: Which, env: AbstractEnv | None, classes: Sequence[type]) -> Subject:
    config = read_run(run, classes)
    world = env or config.make()
    params, counters = load_params(run, config, world.spec, seed=seed, which=which)
    mixer = config.algorithm.mixer_of(params)
    if mixer is None:
        raise QohortError(f"{run} was trained with {config.name}, which has no mixer to ask; choose another method.")
    return Subject(
        run=run,
        seed=seed,
        step=int(counters["step"]),
        which=which,
        name=config.name,
        world=config.world,
        env=world,
        version=(trained_in(run) or (None,))[-1],
        algorithm=config.algorithm,
        team=params.team,
        mixer=jax.tree.map(jnp.asarray, mixer),
    )
