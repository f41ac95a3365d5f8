"""Greedy episodes of a team, moment by moment, and what its mixer says of them."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.algorithms.joint import pick
from qohort.analyse.subject import Subject
from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.estimators.exploration import mask_unavailable
from qohort.mixers.base import AbstractMixer, MixerOutput
from qohort.networks.base import AbstractTeam
from qohort.spec import Observation
from qohort.training.collect import Actors, first_actors
from qohort.training.evaluation import evaluation_key
from qohort.training.load import EVALUATE_STREAM, check_asked
from qohort.training.moments import Moment, look_and_step
from qohort.training.tally import metric_name


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Played:
    """All moments in which somebody acted, episode after episode; the first axis of every array."""

    episode: Int[np.ndarray, " Z"]
    """Numbered as `qohort eval` and `watch` number them."""
    time: Int[np.ndarray, " Z"]
    observation: Observation
    values: Float[np.ndarray, "Z N A"]
    actions: Int[np.ndarray, "Z N"]
    traits: dict[str, Float[np.ndarray, "Z N"]]
    """What the world says of each agent beside its units."""
    actors: Actors | None
    """Where play stood, to go on from there; only if it was asked for."""
    snapshots: Any
    scores: dict[str, float]
    """Means over the episodes: `return`, `length` and the world's metrics, as evaluations name them."""

    @property
    def moments(self) -> int:
        return len(self.time)

    @property
    def alive(self) -> Bool[np.ndarray, "Z N"]:
        return np.asarray(self.observation.alive)

    def at(self, rows: Any) -> "Played":
        """Some of the moments."""

        def some(tree: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf[rows], tree)

        arrays = ("episode", "time", "observation", "values", "actions", "traits", "actors", "snapshots")
        return dataclasses.replace(self, **{name: some(getattr(self, name)) for name in arrays})


def play(
    subject: Subject, *, episodes: int, stream: int = 0, exploration: float = 0.0, resumable: bool = False
) -> Played:
    """Play the first episodes of a stream, the ones that `qohort eval RUN --seed S` begins with.

    Args:
        subject: the team.
        episodes: how many.
        stream: the random stream.
        exploration: how often an agent acts at random.
        resumable: keep where play stood in every moment.
    """
    check_asked(stream=stream, episodes=episodes)
    if not 0 <= exploration <= 1:
        raise QohortError(f"`exploration` is {exploration:g}; a probability lies in 0 to 1.")
    key = evaluation_key(subject.seed, EVALUATE_STREAM + stream)
    moments, traits, observed, actors = _roll(
        subject.algorithm,
        subject.env,
        subject.team,
        key=key,
        exploration=jnp.float32(exploration),
        episodes=episodes,
        resumable=resumable,
    )
    over = np.asarray(moments.terminated | moments.truncated)
    length = np.where(over.any(axis=0), over.argmax(axis=0) + 1, len(over))
    number, time = np.nonzero(np.arange(len(over))[None] < length[:, None])
    kept = jax.tree.map(
        lambda leaf: np.asarray(leaf)[time, number], (moments.values, moments.actions, traits, observed)
    )
    stood = jax.tree.map(lambda leaf: leaf[time, number], (actors, moments.snapshot))
    gained = np.asarray(moments.reward).mean(axis=-1)
    last = {name: np.asarray(value)[length - 1, np.arange(episodes)] for name, value in moments.metrics.items()}
    returns = [gained[:steps, column].sum() for column, steps in enumerate(length)]
    scores = {"return": np.array(returns), "length": length, **last}
    return Played(
        episode=number,
        time=time,
        observation=kept[3],
        values=kept[0],
        actions=kept[1],
        traits=kept[2],
        actors=stood[0],
        snapshots=stood[1],
        scores={metric_name(name): float(value.mean()) for name, value in scores.items()},
    )


def spaced(count: int, wanted: int) -> Int[np.ndarray, " _"]:
    """So many of `count` rows, evenly spaced; all of them if they are not more."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int))


def distinct(played: Played) -> Int[np.ndarray, " Z"]:
    """The first of all moments that are the same to mixer and agents; a game without a state has just one."""
    return np.sort(np.unique(_seen(played), axis=0, return_index=True)[1])


def copies(played: Played) -> Int[np.ndarray, " Z"]:
    """For each moment, the first episode that its own repeats in every moment; without chance, all repeat one."""
    seen, first, found = _seen(played), dict[bytes, int](), np.empty_like(played.episode)
    for episode in np.unique(played.episode):
        own = played.episode == episode
        found[own] = first.setdefault(seen[own].tobytes(), int(episode))
    return found


def mixed(mixer: AbstractMixer, played: Played, actions: Int[np.ndarray, "Z N"] | None = None) -> MixerOutput:
    """What a mixer says of each moment, of the actions that were taken if no others are named."""
    return _mixed(mixer, *_moments(played, actions))


def weights_of(
    mixer: AbstractMixer, played: Played, actions: Int[np.ndarray, "Z N"] | None = None
) -> Float[np.ndarray, "Z N"]:
    """The derivative of Q_tot by each chosen utility: what the utility counts, as learning sees it."""
    return np.asarray(_weights(mixer, *_moments(played, actions)), np.float64)


def utilities(played: Played) -> Float[np.ndarray, "Z N"]:
    """Of the actions that were taken."""
    taken = np.take_along_axis(played.values, played.actions[..., None].astype(np.int64), axis=-1)
    return taken[..., 0].astype(np.float64)


def _seen(played: Played) -> Float[np.ndarray, "Z X"]:
    """All that mixer and agents know of each moment."""
    parts = (played.values, *jax.tree.leaves(played.observation))
    return np.concatenate([np.asarray(part, np.float32).reshape(played.moments, -1) for part in parts], axis=1)


def _moments(played: Played, actions: Int[np.ndarray, "Z N"] | None) -> tuple[Array, Array, Observation]:
    chosen = jnp.asarray(played.actions if actions is None else actions)
    return jnp.asarray(played.values), chosen, jax.tree.map(jnp.asarray, played.observation)


@eqx.filter_jit
def _mixed(
    mixer: AbstractMixer, values: Float[Array, "Z N A"], actions: Int[Array, "Z N"], seen: Observation
) -> MixerOutput:
    def one(values: Float[Array, "N A"], actions: Int[Array, " N"], seen: Observation) -> MixerOutput:
        return mixer(pick(values, actions), _best(values, seen), seen, actions)

    return jax.vmap(one)(values, actions, seen)


@eqx.filter_jit
def _weights(
    mixer: AbstractMixer, values: Float[Array, "Z N A"], actions: Int[Array, "Z N"], seen: Observation
) -> Float[Array, "Z N"]:
    def one(values: Float[Array, "N A"], actions: Int[Array, " N"], seen: Observation) -> Float[Array, " N"]:
        def q_tot(chosen: Float[Array, " N"]) -> Float[Array, ""]:
            return mixer(chosen, _best(values, seen), seen, actions).q_tot.sum()

        return jax.grad(q_tot)(pick(values, actions))

    return jax.vmap(one)(values, actions, seen)


def _best(values: Float[Array, "N A"], seen: Observation) -> Float[Array, " N"]:
    return jnp.max(mask_unavailable(values, seen.avail), axis=-1)


@eqx.filter_jit
def _roll(
    algorithm: AbstractAlgorithm,
    env: AbstractEnv,
    team: AbstractTeam,
    *,
    key: PRNGKeyArray,
    exploration: Float[Array, ""],
    episodes: int,
    resumable: bool,
) -> tuple[Moment, dict[str, Float[Array, "T E N"]], Observation, Actors | None]:
    """Every step up to the limit; what comes after an episode's end is cut off later."""
    key_reset, key_play = jax.random.split(key)

    def step(actors: Actors, time: Int[Array, ""]) -> tuple[Actors, tuple]:
        reached, moment = look_and_step(
            algorithm, env, team, actors, key=jax.random.fold_in(key_play, time), exploration=exploration
        )
        traits = jax.vmap(env.traits)(moment.snapshot, jax.vmap(env.snapshot)(reached.state))
        observed = jax.vmap(env.observe)(moment.snapshot)
        return reached, (moment, traits, observed, actors if resumable else None)

    actors = first_actors(env, team, environments=episodes, key=key_reset)
    return jax.lax.scan(step, actors, jnp.arange(env.spec.limit))[1]
