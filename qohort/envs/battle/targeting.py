"""Whom a unit attacks that nobody commands: the rules of the game's own units.

A unit that is idle or attack-moving looks around from time to time and takes the nearest enemy that its weapon can
hit, those first that could harm it. It stays with its target until that is dead. It answers attacks and its friends'
calls for help, and gives up when it has been led too far away.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.arena import Meeting
from qohort.envs.battle.orders import NOBODY

UNTHREATENING = 1e3
"""What is added to the distance of a target that cannot harm."""


def nearest(
    x: Float[Array, " a"],
    y: Float[Array, " a"],
    to_x: Float[Array, " v"],
    to_y: Float[Array, " v"],
    *,
    reach: Float[Array, "*a v"],
    wanted: Bool[Array, "*a v"],
    penalty: Float[Array, "*a v"],
) -> Int[Array, " a"]:
    """The nearest wanted unit within reach, or `NOBODY`.

    Args:
        x: of those who look.
        y: likewise.
        to_x: of those looked at.
        to_y: likewise.
        reach: how far the centre of each may be.
        wanted: who may be taken.
        penalty: added to distances.
    """
    dx, dy = x[:, None] - to_x[None, :], y[:, None] - to_y[None, :]
    distance = jnp.sqrt(dx * dx + dy * dy)
    rank = jnp.where(wanted & (distance <= reach), distance + penalty, jnp.inf)
    best = jnp.argmin(rank, axis=1)
    return jnp.where(jnp.min(rank, axis=1) < jnp.inf, best.astype(jnp.int32), NOBODY)


def scan(
    x: Float[Array, " a"],
    y: Float[Array, " a"],
    to_x: Float[Array, " v"],
    to_y: Float[Array, " v"],
    alive: Bool[Array, " v"],
    *,
    reach: Float[Array, "a v"],
    meeting: Meeting,
) -> Int[Array, " a"]:
    """Whom a unit without a target takes."""
    return nearest(
        x,
        y,
        to_x,
        to_y,
        reach=reach,
        wanted=meeting.can_hit & alive[None, :],
        penalty=jnp.where(meeting.threatened, 0.0, UNTHREATENING),
    )


def turn_to_scan(n: int, tick: Int[Array, ""], period: int) -> Bool[Array, " n"]:
    """Whose turn it is to look around: units are spread over the ticks of a period."""
    return (jnp.arange(n) + tick) % period == 0


def answer_calls(
    x: Float[Array, " e"],
    y: Float[Array, " e"],
    calls: Bool[Array, " e"],
    attacker: Int[Array, " e"],
    *,
    radius: float,
) -> Int[Array, " e"]:
    """Whom a unit hears of: the attacker of the first friend near it that calls, or `NOBODY`."""
    dx, dy = x[:, None] - x[None, :], y[:, None] - y[None, :]
    heard = calls[None, :] & (dx * dx + dy * dy <= radius * radius)
    return jnp.where(jnp.any(heard, axis=1), attacker[jnp.argmax(heard, axis=1)], NOBODY)
