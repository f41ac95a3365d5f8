"""A step of play that is looked at: what there was to see and to choose before it, and what it brought."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs.base import AbstractEnv, Snapshot
from qohort.networks.base import AbstractTeam
from qohort.training.collect import Actors, view_of

Instead = Callable[[Int[Array, "E N"], Bool[Array, "E N A"]], Int[Array, "E N"]]


class Moment(eqx.Module):
    """What is looked at before a step, and what the step brought."""

    snapshot: Snapshot
    values: Float[Array, "*rows N A"]
    """The utility of every action, as the team network gave it."""
    avail: Bool[Array, "*rows N A"]
    alive: Bool[Array, "*rows N"]
    actions: Int[Array, "*rows N"]
    reward: Float[Array, "*rows M"]
    terminated: Bool[Array, "*rows"]
    truncated: Bool[Array, "*rows"]
    metrics: dict[str, Float[Array, "*rows"]]


def look_and_step(
    algorithm: AbstractAlgorithm,
    env: AbstractEnv,
    team: AbstractTeam,
    actors: Actors,
    *,
    key: PRNGKeyArray,
    exploration: float | Float[Array, ""] = 0.0,
    instead: Instead | None = None,
) -> tuple[Actors, Moment]:
    """A step in every environment. `evaluate` plays by it, so what is looked at is what was judged.

    Args:
        algorithm: how the team acts.
        env: the world.
        team: the weights.
        actors: where play stands.
        key: of this step.
        exploration: how often an agent acts at random.
        instead: the actions that are taken, from those that the team chose and those that are available.
    """
    environments = actors.first.shape[0]
    key_act, key_step = jax.random.split(key)
    snapshot = jax.vmap(env.snapshot)(actors.state)
    seen = jax.vmap(env.observe)(snapshot)
    view = view_of(seen, actors.last_action)
    outputs, memory = algorithm.look(team, actors.carry, view, first=actors.first)
    actions = algorithm.choose(outputs, seen.avail, key=key_act, exploration=jnp.asarray(exploration, jnp.float32))
    if instead is not None:
        actions = instead(actions, seen.avail)
    state, outcome = jax.vmap(env.step)(jax.random.split(key_step, environments), actors.state, actions)
    moment = Moment(
        snapshot=snapshot,
        values=outputs,
        avail=seen.avail,
        alive=seen.alive,
        actions=actions.astype(jnp.int32),
        reward=outcome.reward,
        terminated=outcome.terminated,
        truncated=outcome.truncated,
        metrics=outcome.metrics,
    )
    reached = Actors(
        state=state,
        carry=memory,
        last_action=actions.astype(jnp.int32),
        first=jnp.zeros_like(actors.first),
        gained=actors.gained + jnp.mean(outcome.reward, axis=-1),
        length=actors.length + 1,
    )
    return reached, moment
