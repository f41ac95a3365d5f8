"""Playing: agents act in all environments at once, and frames go to the replay."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs.base import AbstractEnv, State
from qohort.networks.base import AbstractTeam, Carry, View
from qohort.replay.frames import Frame, Ring, append
from qohort.spec import Observation, Outcome


class Actors(eqx.Module):
    """Where play stands in every environment; all fields begin with the axis `E`."""

    state: State
    carry: Carry
    last_action: Int[Array, "E N"]
    first: Bool[Array, " E"]
    gained: Float[Array, " E"]
    """The return of the running episode so far; the mean over agents where they are rewarded one by one."""
    length: Int[Array, " E"]


class Played(eqx.Module):
    """What a stretch of play brought."""

    episodes: Int[Array, ""]
    sums: dict[str, Float[Array, ""]]
    """Over the finished episodes: return, length and the world's metrics."""
    faults: dict[str, Int[Array, ""]]
    """How often the world broke its contract."""


def first_actors(env: AbstractEnv, team: AbstractTeam, *, environments: int, key: PRNGKeyArray) -> Actors:
    """Every environment at the beginning of an episode."""
    return Actors(
        state=jax.vmap(env.reset)(jax.random.split(key, environments)),
        carry=team.initial(environments),
        last_action=jnp.full((environments, env.spec.n_agents), -1, jnp.int32),
        first=jnp.ones(environments, bool),
        gained=jnp.zeros(environments),
        length=jnp.zeros(environments, jnp.int32),
    )


def view_of(seen: Observation, last_action: Int[Array, "E N"]) -> View:
    return View(obs=seen.obs, avail=seen.avail, alive=seen.alive, last_action=last_action)


def collect(
    algorithm: AbstractAlgorithm,
    env: AbstractEnv,
    team: AbstractTeam,
    *,
    actors: Actors,
    ring: Ring,
    key: PRNGKeyArray,
    exploration: Float[Array, ""],
    steps: int,
) -> tuple[Actors, Ring, Played]:
    """Play `steps` steps in every environment."""
    environments = actors.first.shape[0]

    def play(carry: tuple[Actors, Ring, Played], key: PRNGKeyArray) -> tuple[tuple[Actors, Ring, Played], None]:
        actors, ring, played = carry
        key_act, key_step, key_reset = jax.random.split(key, 3)
        snapshot = jax.vmap(env.snapshot)(actors.state)
        seen = jax.vmap(env.observe)(snapshot)
        actions, memory = algorithm.act(
            team,
            actors.carry,
            view_of(seen, actors.last_action),
            first=actors.first,
            key=key_act,
            exploration=exploration,
        )
        reached, outcome = jax.vmap(env.step)(jax.random.split(key_step, environments), actors.state, actions)
        frame = Frame(
            snapshot=snapshot,
            actions=actions,
            reward=outcome.reward,
            terminated=outcome.terminated,
            truncated=outcome.truncated & ~outcome.terminated,
            first=actors.first,
            exploration=jnp.broadcast_to(exploration, actors.first.shape),
        )
        ring = append(ring, frame, jax.vmap(env.snapshot)(reached))
        actors = _go_on(env, actors, (reached, memory, actions), outcome, key_reset)
        played = _account(played, actors, outcome, seen)
        return (_begin_anew(actors), ring, played), None

    keys = jax.random.split(key, steps)
    (actors, ring, played), _ = jax.lax.scan(play, (actors, ring, _nothing(env)), keys)
    return actors, ring, played


def _go_on(
    env: AbstractEnv, actors: Actors, reached: tuple[State, Carry, Array], outcome: Outcome, key: PRNGKeyArray
) -> Actors:
    """After a step: where an episode ended, the next one stands at its beginning.

    `gained` and `length` still tell of the episode that the step belongs to.
    """
    state, memory, actions = reached
    ended = outcome.terminated | outcome.truncated

    def restart() -> State:
        fresh = jax.vmap(env.reset)(jax.random.split(key, ended.shape[0]))
        return jax.tree.map(lambda new, old: _where(ended, new, old), fresh, state)

    return Actors(
        # Resetting can cost as much as playing; most steps end nothing.
        state=jax.lax.cond(jnp.any(ended), restart, lambda: state),
        carry=memory,
        last_action=jnp.where(ended[:, None], -1, actions.astype(jnp.int32)),
        first=ended,
        gained=actors.gained + jnp.mean(outcome.reward, axis=-1),
        length=actors.length + 1,
    )


def _begin_anew(actors: Actors) -> Actors:
    return eqx.tree_at(
        lambda a: (a.gained, a.length),
        actors,
        (jnp.where(actors.first, 0.0, actors.gained), jnp.where(actors.first, 0, actors.length)),
    )


def _nothing(env: AbstractEnv) -> Played:
    sums = {name: jnp.zeros(()) for name in ("return", "length", *env.spec.metrics)}
    faults = {name: jnp.zeros((), jnp.int32) for name in ("reward", "avail")}
    return Played(episodes=jnp.zeros((), jnp.int32), sums=sums, faults=faults)


def _account(played: Played, actors: Actors, outcome: Outcome, seen: Observation) -> Played:
    """Add the episodes that just ended, and watch over the contract of the world."""
    ended = actors.first
    values = {"return": actors.gained, "length": actors.length.astype(jnp.float32), **outcome.metrics}
    faults = {
        "reward": ~jnp.isfinite(outcome.reward),
        "avail": ~jnp.any(seen.avail, axis=-1),
    }
    return Played(
        episodes=played.episodes + jnp.sum(ended, dtype=jnp.int32),
        sums={name: total + jnp.sum(jnp.where(ended, values[name], 0.0)) for name, total in played.sums.items()},
        faults={name: count + jnp.sum(faults[name], dtype=jnp.int32) for name, count in played.faults.items()},
    )


def _where(rows: Bool[Array, " E"], new: Any, old: Any) -> Any:
    if jnp.issubdtype(new.dtype, jax.dtypes.prng_key):
        data = _where(rows, jax.random.key_data(new), jax.random.key_data(old))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(new))
    return jnp.where(rows.reshape(rows.shape + (1,) * (new.ndim - 1)), new, old)
