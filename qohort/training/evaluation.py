"""Greedy play whose numbers are reported. It has its own random stream and changes nothing."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs.base import AbstractEnv
from qohort.networks.base import AbstractTeam
from qohort.training.collect import Actors, first_actors
from qohort.training.moments import look_and_step

Scores = dict[str, Float[Array, " episodes"]]


def evaluate(
    algorithm: AbstractAlgorithm, env: AbstractEnv, team: AbstractTeam, *, key: PRNGKeyArray, episodes: int
) -> Scores:
    """Play one greedy episode in each of `episodes` environments: `return`, `length` and the world's metrics."""
    key_reset, key_play = jax.random.split(key)
    actors = first_actors(env, team, environments=episodes, key=key_reset)
    scores = {name: jnp.zeros(episodes) for name in ("return", "length", *env.spec.metrics)}
    going = jnp.ones(episodes, bool)

    def anyone(carry: tuple[Actors, Scores, Bool[Array, " E"], Array]) -> Bool[Array, ""]:
        return jnp.any(carry[2]) & (carry[3] < env.spec.limit)

    def play(
        carry: tuple[Actors, Scores, Bool[Array, " E"], Array],
    ) -> tuple[Actors, Scores, Bool[Array, " E"], Array]:
        actors, scores, going, step = carry
        actors, moment = look_and_step(algorithm, env, team, actors, key=jax.random.fold_in(key_play, step))
        now = {"return": actors.gained, "length": actors.length.astype(jnp.float32), **moment.metrics}
        scores = {name: jnp.where(going, now[name], old) for name, old in scores.items()}
        going &= ~(moment.terminated | moment.truncated)
        return actors, scores, going, step + 1

    return jax.lax.while_loop(anyone, play, (actors, scores, going, jnp.zeros((), jnp.int32)))[1]


def evaluation_key(seed: int, index: int) -> PRNGKeyArray:
    """The stream of the `index`-th evaluation of a seed; training never draws from it."""
    stream = jax.random.fold_in(jax.random.key(seed), 0x5EED)
    return jax.random.fold_in(stream, index)
