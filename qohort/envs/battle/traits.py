"""What analyses want to know of each agent beside its part of the state."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import Stats


def traits(before: Snapshot, after: Snapshot, *, stats: Stats, n_allies: int) -> dict[str, Float[Array, " A"]]:
    """How far the nearest enemy is, and the damage dealt until the next moment.

    What an enemy loses is divided among those who are seen to shoot at it at the end of the step, by the strength of
    their weapons; so the damage of an agent that dies in the step counts for the others.
    """
    n = n_allies
    living = before.alive[n:]
    away = jnp.hypot(before.x[:n, None] - before.x[None, n:], before.y[:n, None] - before.y[None, n:])
    nearest = jnp.min(jnp.where(living[None], away, jnp.inf), axis=1)
    lost = jnp.maximum((before.health + before.shield - after.health - after.shield)[n:], 0.0)
    strength = (stats.damage * stats.strikes / jnp.maximum(stats.period, 1.0))[:n]
    enemies = n + jnp.arange(len(living))
    part = jnp.where(after.aims_at[:n, None] == enemies[None], strength[:, None], 0.0)
    shares = part / jnp.maximum(part.sum(axis=0), 1e-9)[None]
    return {
        "distance to enemy": jnp.where(jnp.any(living), nearest, 0.0),
        "damage dealt": shares @ lost,
    }
