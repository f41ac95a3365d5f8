"""Whom a unit attacks that nobody commands: the rules of the game's own units.

A unit that is idle or attack-moving looks around from time to time and takes the nearest enemy that its weapon can
hit, those first that could harm it. It stays with its target until that is dead. It answers attacks and its friends'
calls for help, and gives up when it has been led too far away.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from qohort.envs.battle.arena import Meeting
from qohort.envs.battle.orders import NOBODY
from qohort.envs.battle.rows import Rows, numbers, over, pick, row

UNTHREATENING = 64.0
"""What is added to the distance of a target that cannot harm: more than the length of a map."""
SPAN = 128.0
"""Distances and what is added to them are below."""


def nearest(
    x: Float[Array, "a ..."],
    y: Float[Array, "a ..."],
    to_x: Float[Array, "v ..."],
    to_y: Float[Array, "v ..."],
    *,
    reach: Float[Array, "..."],
    wanted: Bool[Array, "..."],
    penalty: Float[Array, "..."],
) -> Int[Array, "a ..."]:
    """The nearest wanted unit within reach, or `NOBODY`; of equally near ones the first.

    Distance and number are packed into one integer: the smallest of integers is found several times faster than where
    the smallest of distances is. Distances differ if they do so by more than 128 / 2³⁰ times the number of candidates.

    Args:
        x: of those who look.
        y: likewise.
        to_x: of those looked at.
        to_y: likewise.
        reach: how far the centre of each may be.
        wanted: who may be taken.
        penalty: added to distances.
    """
    bits = (len(to_x) - 1).bit_length()
    none = jnp.iinfo(jnp.int32).max

    def packed(number: Int[Array, ""]) -> tuple[Array]:
        dx, dy = row(to_x, number) - x, row(to_y, number) - y
        distance = jnp.sqrt(dx * dx + dy * dy)
        steps = ((distance + penalty[:, number]) * (2.0 ** (30 - bits) / SPAN)).astype(jnp.int32)
        return (jnp.where(wanted[:, number] & (distance <= reach[:, number]), (steps << bits) + number, none),)

    best = over(len(to_x), packed, ("min",))[0]
    return jnp.where(best < none, best & ((1 << bits) - 1), NOBODY)


def scan(
    x: Float[Array, "a ..."],
    y: Float[Array, "a ..."],
    to_x: Float[Array, "v ..."],
    to_y: Float[Array, "v ..."],
    *,
    reach: Float[Array, "a v ..."],
    meeting: Meeting,
    alive: Bool[Array, "v ..."],
) -> Int[Array, "a ..."]:
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


def in_turn(rows: Rows, turn: Int[Array, ""], period: int) -> Rows:
    """Every `period`-th of the rows: those whose turn it is."""
    return jax.tree.map(lambda row: _dealt_out(row, period)[:, turn], rows)


def back_in_line(found: Int[Array, "m ..."], turn: Int[Array, ""], period: int, n: int) -> Int[Array, "n ..."]:
    """What those found whose turn it is, in a row of all `n`; `NOBODY` for the others."""
    return jnp.where(numbers(n, found) % period == turn, jnp.repeat(found, period, axis=0)[:n], NOBODY)


def _dealt_out(row: Shaped[Array, "n *rest"], period: int) -> Shaped[Array, "m period *rest"]:
    lacking = -len(row) % period
    padded = jnp.pad(row, [(0, lacking)] + [(0, 0)] * (row.ndim - 1))
    return padded.reshape(-1, period, *row.shape[1:])


def answer_calls(
    x: Float[Array, "e ..."],
    y: Float[Array, "e ..."],
    calls: Bool[Array, "e ..."],
    attacker: Int[Array, "e ..."],
    *,
    radius: float,
) -> Int[Array, "e ..."]:
    """Whom a unit hears of: the attacker of the first friend near it that calls, or `NOBODY`."""
    dx, dy = x[:, None] - x[None, :], y[:, None] - y[None, :]
    heard = calls[None, :] & (dx * dx + dy * dy <= radius * radius)
    return jnp.where(jnp.any(heard, axis=1), pick(attacker, jnp.argmax(heard, axis=1)), NOBODY)
