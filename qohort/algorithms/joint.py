"""From the utilities of a window to joint values, and means over its rows: what every learner with a mixer needs."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.estimators.exploration import mask_unavailable
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.spec import EnvSpec, Observation


class Shares(eqx.Module):
    """What each row counts in the means that the loss is made of; the shares of a whole batch add up to 1."""

    error: Float[Array, "T B"]
    penalty: Float[Array, "T B"]


def shares_of(valid: Bool[Array, "T B"], *, padding: bool) -> Shares:
    """Equal shares of the valid rows; of all rows of a batch cut to its longest episode, where padding counts."""
    dtype = jnp.zeros(()).dtype
    rows = valid.astype(dtype)
    counted = rows
    if padding:
        reached = jax.lax.cummax(jnp.any(valid, axis=1).astype(jnp.int8), reverse=True)
        counted = jnp.broadcast_to(reached.astype(dtype)[:, None], rows.shape)
    return Shares(*(mask / jnp.maximum(jnp.sum(mask), 1.0) for mask in (rows, counted)))


def pick(values: Float[Array, "*rows A"], actions: Int[Array, "*rows"]) -> Float[Array, "*rows"]:
    """The values of the actions. On a CPU a masked sum and its gradient are faster than a gather and a scatter."""
    taken = actions[..., None] == jax.lax.broadcasted_iota(actions.dtype, values.shape, values.ndim - 1)
    return jnp.sum(jnp.where(taken, values, 0.0), axis=-1)


def at_rows(observations: Observation, rows: slice) -> Observation:
    """Some of the frames."""
    return jax.tree.map(lambda leaf: leaf[rows], observations)


def mix(
    mixer: AbstractMixer,
    chosen: Float[Array, "T B N"],
    values: Float[Array, "T B N A"],
    moment: tuple[Observation, Int[Array, "T B N"]],
) -> MixerOutput:
    """The mixer on every row; `chosen` are the utilities, among `values`, of the moment's actions."""
    observation, actions = moment
    best = jnp.max(mask_unavailable(values, observation.avail), axis=-1)
    return per_row(mixer, chosen, best, observation, actions)


def per_row(function: Callable[..., Any], *arguments: Any) -> Any:
    """An unbatched function on every row of `T B`: one axis of rows, for two nested ones compile to slower products."""
    steps, batch = jax.tree.leaves(arguments[0])[0].shape[:2]
    rows = jax.tree.map(lambda leaf: leaf.reshape(steps * batch, *leaf.shape[2:]), arguments)
    return jax.tree.map(lambda leaf: leaf.reshape(steps, batch, *leaf.shape[1:]), jax.vmap(function)(*rows))


def mean_of_valid(rows: Float[Array, "T B"], valid: Bool[Array, "T B"], shares: Shares) -> Float[Array, ""]:
    """The mean over the rows that count; what stands in the others does not matter."""
    return jnp.sum(jnp.where(valid, rows, 0.0) * shares.error)


def summary(looked: dict[str, Array], shares: Shares) -> dict[str, Array]:
    """Means over the valid steps, and over agents where each has a number; more axes are left to the analysis."""

    def mean(value: Array) -> Array:
        return jnp.sum(jnp.mean(value, axis=tuple(range(2, value.ndim))) * shares.error)

    means = {name: mean(value) for name, value in looked.items() if value.ndim in (2, 3)}
    scalars = {name: value for name, value in looked.items() if value.ndim == 0}
    return {**means, **scalars, "td_error_abs": mean(jnp.abs(looked["td_error"]))}


def joint_values(config: AbstractMixerConfig, spec: EnvSpec) -> int:
    """How many joint values a mixer makes: one, or one for each agent where nothing is mixed."""

    def once(key: PRNGKeyArray) -> Float[Array, " M"]:
        utilities = jnp.zeros(spec.n_agents)
        return config.build(spec, key)(utilities, utilities, blank(spec), jnp.zeros(spec.n_agents, jnp.int32)).q_tot

    return jax.eval_shape(once, jax.random.key(0)).shape[0]


def blank(spec: EnvSpec) -> Observation:
    """A moment of a world's shapes; used for shapes alone."""
    n, a = spec.n_agents, spec.n_actions
    return Observation(
        obs=jnp.zeros((n, spec.obs_size)),
        state=jnp.zeros(spec.state_size),
        units=jnp.zeros((n, spec.unit_size)),
        avail=jnp.ones((n, a), bool),
        alive=jnp.ones(n, bool),
    )
