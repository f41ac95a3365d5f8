"""A chunk: play a fixed number of steps, then pay the updates that fell due. One compiled program."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Learner
from qohort.envs.base import AbstractEnv
from qohort.replay.feed import Mark
from qohort.replay.frames import Ring
from qohort.replay.memory import make_ring
from qohort.training.collect import Actors, Played, collect, first_actors


class TrainState(eqx.Module):
    """Everything that training changes."""

    learner: Learner
    actors: Actors
    ring: Ring
    key: PRNGKeyArray
    owed: Int[Array, ""]
    """Episodes (or steps) since updates last fell due."""
    mark: Mark
    """What the feed remembers besides the ring."""


class Rates(eqx.Module):
    """What schedules say at this point of training."""

    exploration: Float[Array, ""]
    learning_rate: Float[Array, ""]


class Report(eqx.Module):
    """What a chunk brought."""

    played: Played
    updates: Int[Array, ""]
    learnt: dict[str, Float[Array, ""]]
    """Means over the updates; meaningless if there were none."""


def first_state(algorithm: AbstractAlgorithm, env: AbstractEnv, key: PRNGKeyArray) -> TrainState:
    """Where training begins; a pure function of the key."""
    key_init, key_reset, key_train = jax.random.split(key, 3)
    learner = algorithm.init(env.spec, key_init)
    actors = first_actors(env, learner.params.team, environments=algorithm.environments, key=key_reset)
    ring = make_ring(env, algorithm.feed, algorithm.environments)
    state = TrainState(
        learner=learner,
        actors=actors,
        ring=ring,
        key=key_train,
        owed=jnp.zeros((), jnp.int32),
        mark=algorithm.feed.mark(ring, actors.carry),
    )
    # A bare Python number in a world's or a learner's state would have the chunk compiled a second time.
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), state)


def run_chunk(
    algorithm: AbstractAlgorithm, env: AbstractEnv, state: TrainState, *, rates: Rates, steps: int
) -> tuple[TrainState, Report]:
    """Play `steps` steps in every environment and learn what is due."""
    key, key_play, key_learn = jax.random.split(state.key, 3)
    learner = eqx.tree_at(lambda held: held.learning_rate, state.learner, rates.learning_rate)
    actors, ring, played = collect(
        algorithm,
        env,
        learner.params.team,
        actors=state.actors,
        ring=state.ring,
        key=key_play,
        exploration=rates.exploration,
        steps=steps,
    )
    pace = algorithm.pace()
    brought = played.episodes if pace.unit == "episodes" else steps * algorithm.environments
    owed = state.owed + brought
    due = jnp.where(algorithm.feed.ready(ring, env.spec), owed // pace.every * pace.updates, 0)
    learner, learnt = _learn(algorithm, env, learner, source=(ring, state.mark), key=key_learn, due=due)
    mark = algorithm.feed.marked_again(state.mark, ring, carry=actors.carry, updates=due)
    state = TrainState(learner=learner, actors=actors, ring=ring, key=key, owed=owed % pace.every, mark=mark)
    return state, Report(played=played, updates=due, learnt=learnt)


def _learn(
    algorithm: AbstractAlgorithm,
    env: AbstractEnv,
    learner: Learner,
    *,
    source: tuple[Ring, Mark],
    key: PRNGKeyArray,
    due: Int[Array, ""],
) -> tuple[Learner, dict[str, Float[Array, ""]]]:
    """`due` updates, in a loop whose length is known at run time only.

    To what algorithms tell of them, `valid` is added: the share of real steps among those that were drawn.
    """
    ring, mark = source

    def once(learner: Learner, index: Int[Array, ""]) -> tuple[Learner, dict[str, Array]]:
        key_sample, key_update = jax.random.split(jax.random.fold_in(key, index))
        window = algorithm.feed.draw(key_sample, ring, env, mark=mark)
        learner, looked = algorithm.update(learner, window, key_update)
        return learner, {**looked, "valid": jnp.mean(window.valid)}

    def body(index: Int[Array, ""], carry: tuple[Learner, dict[str, Array]]) -> tuple[Learner, dict[str, Array]]:
        learner, sums = carry
        learner, looked = once(learner, index)
        return learner, {name: total + looked[name] for name, total in sums.items()}

    _, shapes = jax.eval_shape(once, learner, jnp.zeros((), jnp.int32))
    nothing = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in shapes.items()}
    learner, sums = jax.lax.fori_loop(0, due, body, (learner, nothing))
    return learner, {name: total / jnp.maximum(due, 1) for name, total in sums.items()}
