"""A trained team, ready to act in anybody's loop."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from qohort.algorithms.base import AbstractAlgorithm, Params
from qohort.envs import AbstractEnv, make
from qohort.envs.fingerprint import fingerprint
from qohort.errors import QohortError, QohortWarning
from qohort.limits import at_least, at_most
from qohort.networks.base import AbstractTeam, View
from qohort.spec import EnvSpec
from qohort.training import checkpoint
from qohort.training.evaluation import evaluate as play_greedily
from qohort.training.evaluation import evaluation_key
from qohort.training.known import CONFIG_CLASSES
from qohort.training.run import Run
from qohort.training.run_folder import is_running, read_config, read_finished, trained_in
from qohort.training.seeds import checkpoint_folder, groups_in, is_stacked, named
from qohort.training.settings import config_from_dict

Which = Literal["best", "last"]

EVALUATE_STREAM = 1 << 21
"""Evaluations of loaded teams draw from streams of their own, counted from here."""
LAST_STREAM = 2**32 - 1 - EVALUATE_STREAM
MOST_EPISODES = 100_000
"""Of one evaluation; they are played at the same time and have to fit into memory."""


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A run's settings, read back from its folder."""

    name: str
    """What the folder calls the algorithm."""
    world: str
    """The world's name, with its options."""
    source: str
    """Where the settings came from."""
    algorithm: AbstractAlgorithm
    """The settings of the algorithm."""
    run: Run
    """Length, seeds, evaluation and files."""
    world_object: str | None = None
    """Which world it is, if it was made in Python: its name need not say everything."""

    def make(self) -> AbstractEnv:
        """The world of that name, if it is the one that the run was trained in."""
        try:
            env = make(self.world)
        except QohortError as error:
            raise QohortError(
                f"{error} If a script made or registered the world, load the team there, as in `qohort.load(run, "
                "env=world)`; a world that is trained as module:factory is found from everywhere."
            ) from None
        if self.world_object not in (None, fingerprint(env)):
            raise QohortError(
                f"The run was trained in a world that was made in Python and calls itself {self.world}; the registered "
                f"{self.world} is another one. Give the world itself, as in `qohort.load(run, env=world)`."
            )
        return env


def read_run(folder: str | Path, classes: Sequence[type] = ()) -> RunConfig:
    """The settings of a run folder; `classes` are the config classes of your own that it was made with."""
    content = read_config(Path(folder))
    known = CONFIG_CLASSES | {kind.__name__: kind for kind in classes}
    parts = {part: config_from_dict(content[part], known) for part in ("algorithm", "run")}
    return RunConfig(
        name=content["name"],
        world=content["world"],
        source=content["source"],
        algorithm=parts["algorithm"],
        run=parts["run"],
        world_object=content.get("world_object"),
    )


class LoadedTeam:
    """A team with its memory. It acts greedily and is deterministic.

    Attributes:
        spec: the world that it was trained for.
        step: the environment step at which its run was saved.
    """

    def __init__(self, algorithm: AbstractAlgorithm, network: AbstractTeam, spec: EnvSpec, *, step: int) -> None:
        self.spec = spec
        self.step = step
        self.network = network
        self.algorithm = algorithm
        self._act = jax.jit(
            lambda network, carry, view, first: algorithm.act(
                network, carry, view, first=first, key=jax.random.key(0), exploration=jnp.zeros(())
            )
        )
        self.reset()

    def reset(self) -> None:
        """Forget: an episode begins."""
        self._carry = self.network.initial(1)
        self._last = np.full((1, self.spec.n_agents), -1, np.int32)
        self._first = True

    def act(
        self,
        obs: Float[np.ndarray, "N O"],
        avail: Bool[np.ndarray, "N A"] | None = None,
        alive: Bool[np.ndarray, " N"] | None = None,
    ) -> Int[np.ndarray, " N"]:
        """The team's joint action; everything is available and everyone alive if it is not said."""
        n, a = self.spec.n_agents, self.spec.n_actions
        seen = _checked("obs", obs, (n, self.spec.obs_size), np.float32)
        may = np.ones((n, a), bool) if avail is None else _checked("avail", avail, (n, a), bool)
        if not may.any(axis=-1).all():
            stuck = self.spec.agents[int(np.argmin(may.any(axis=-1)))]
            raise QohortError(f"`avail` leaves {stuck} no action; every row needs at least one True.")
        lives = np.ones(n, bool) if alive is None else _checked("alive", alive, (n,), bool)
        obs_row, avail_row, alive_row = (jnp.asarray(array[None]) for array in (seen, may, lives))
        view = View(obs=obs_row, avail=avail_row, alive=alive_row, last_action=jnp.asarray(self._last))
        actions, self._carry = self._act(self.network, self._carry, view, jnp.asarray([self._first]))
        self._last = np.asarray(actions, np.int32)
        self._first = False
        return self._last[0].copy()

    def agent(self, which: int | str) -> "LoadedAgent":
        """One agent alone, by its position or name; it sees nothing of the others."""
        if self.network.talks:
            raise QohortError(
                "The agents of this team send each other messages, so none of them can act alone; "
                "let the whole team act with `team.act`."
            )
        if isinstance(which, str) and which not in self.spec.agents:
            raise QohortError(f"There is no agent named {which!r}; there are {', '.join(self.spec.agents)}.")
        index = self.spec.agents.index(which) if isinstance(which, str) else which
        if not 0 <= index < self.spec.n_agents:
            raise QohortError(f"There is no agent {which}; they are numbered 0 to {self.spec.n_agents - 1}.")
        return LoadedAgent(self, index)


class LoadedAgent:
    """One member of a team, with a memory of its own."""

    def __init__(self, team: LoadedTeam, index: int) -> None:
        self._team = _copy(team)
        self._index = index

    def reset(self) -> None:
        """Forget: an episode begins."""
        self._team.reset()

    def act(self, obs: Float[np.ndarray, " O"], avail: Bool[np.ndarray, " A"] | None = None) -> int:
        """This agent's action."""
        spec = self._team.spec
        own = _checked("obs", obs, (spec.obs_size,), np.float32)
        every_obs = np.zeros((spec.n_agents, spec.obs_size), np.float32)
        every_obs[self._index] = own
        every_avail = np.ones((spec.n_agents, spec.n_actions), bool)
        if avail is not None:
            every_avail[self._index] = _checked("avail", avail, (spec.n_actions,), bool)
        return int(self._team.act(every_obs, every_avail)[self._index])


def load(
    run: str | Path,
    *,
    seed: int | None = None,
    which: Which = "best",
    env: AbstractEnv | None = None,
    classes: Sequence[type] = (),
) -> LoadedTeam:
    """A trained team from a run folder.

    Args:
        run: the folder; it may belong to a run that still goes on.
        seed: which seed's team; the run's first if not given.
        which: the one with the best evaluation, or the newest one.
        env: the world, if the run was started from Python with a world that has no registered name.
        classes: config classes of your own that the run was made with.
    """
    config = read_run(run, classes)
    spec = (env or config.make()).spec
    params, counters = load_params(Path(run), config, spec, seed=config.run.seed if seed is None else seed, which=which)
    return LoadedTeam(config.algorithm, params.team, spec, step=counters["step"])


def evaluate(
    team: LoadedTeam, env: AbstractEnv, *, episodes: int = 320, seed: int = 0, stream: int = 0
) -> dict[str, Float[np.ndarray, " episodes"]]:
    """Play greedy episodes in a world and return what each brought: `return`, `length` and the world's metrics.

    Seed and stream together choose the episodes; they are none that any training or its evaluations met.
    """
    check_asked(episodes=episodes, stream=stream)
    for what, has, needs in (
        ("agents", team.spec.n_agents, env.spec.n_agents),
        ("actions", team.spec.n_actions, env.spec.n_actions),
        ("features in an observation", team.spec.obs_size, env.spec.obs_size),
    ):
        if has != needs:
            raise QohortError(
                f"The team was trained on {team.spec.name} and has {has} {what}; {env.spec.name} has {needs}. Choose a "
                "world of the sizes that it was trained with."
            )
    key = evaluation_key(seed, EVALUATE_STREAM + stream)

    @jax.jit
    def play(env: AbstractEnv, network: AbstractTeam) -> dict[str, Float[Array, " episodes"]]:
        return play_greedily(team.algorithm, env, network, key=key, episodes=episodes)

    return {name: np.asarray(value) for name, value in play(env, team.network).items()}


def check_asked(*, stream: int, episodes: int = 1, number: int = 0) -> None:
    """Refuse streams and episodes that there are none of."""
    at_least(1, episodes=episodes)
    at_least(0, stream=stream, number=number)
    at_most(MOST_EPISODES, episodes=episodes)
    at_most(MOST_EPISODES - 1, number=number)
    at_most(LAST_STREAM, stream=stream)


def load_params(
    folder: Path, config: RunConfig, spec: EnvSpec, *, seed: int, which: Which
) -> tuple[Params, dict[str, Any]]:
    """What one seed had learned, the team in `team`, and the counters of the checkpoint that it comes from."""
    if which not in ("best", "last"):
        raise QohortError(f"`which` is {which!r}; it is 'best' or 'last'.")
    groups = groups_in(folder)
    known = {config.run.seed + index for index in range(config.run.seeds)}.union(*groups)
    if seed not in known:
        raise QohortError(f"{folder} has no seed {seed}; it has {', '.join(map(str, sorted(known)))}.")
    versions = trained_in(folder)
    if versions and versions != (spec.version,):
        warnings.warn(
            f"{folder} was trained in {' and '.join(versions)}, and {spec.name} is "
            f"{spec.version or 'without a version'} now: the team plays by other rules than those it knows.",
            QohortWarning,
            stacklevel=3,
        )
    group = next((group for group in groups if seed in group), (seed,))
    stacked = is_stacked(group, config.run.together)
    like = jax.eval_shape(lambda key: config.algorithm.init(spec, key), jax.random.key(0)).params
    if stacked:
        like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((len(group), *leaf.shape), leaf.dtype), like)
    part = "best" if which == "best" else "train.learner.params"
    check_checkpoint(folder, group)
    loaded = checkpoint.load(checkpoint_folder(folder, group), like, part=part)
    params = jax.tree.map(lambda leaf: leaf[group.index(seed)], loaded.tree) if stacked else loaded.tree
    return params, loaded.counters


def check_checkpoint(folder: Path, group: Sequence[int]) -> None:
    """Refuse seeds of a run folder that no checkpoint is of."""
    if checkpoint.paths(checkpoint_folder(folder, group)):
        return
    if read_finished(folder) is not None:
        raise QohortError(f"{folder} was kept without checkpoints; train it again to watch or judge it.")
    if is_running(folder):
        raise QohortError(
            f"There is no checkpoint of {named(group)} in {folder} yet; wait some minutes for its first one."
        )
    raise QohortError(
        f"There is no checkpoint of {named(group)} in {folder}: the run stopped before its first one. `qohort resume "
        f"{folder}` begins it again."
    )


def _checked(name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    array = np.asarray(value, dtype)
    if array.shape != shape:
        raise QohortError(f"`{name}` has the shape {array.shape}; this team expects {shape}.")
    return array


def _copy(team: LoadedTeam) -> LoadedTeam:
    other = object.__new__(LoadedTeam)
    other.__dict__.update(team.__dict__)
    other.reset()
    return other
