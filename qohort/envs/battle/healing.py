"""What Medivacs do: a stream of health for energy."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.combat import Sight
from qohort.envs.battle.orders import NOBODY
from qohort.envs.battle.rows import numbers, pick
from qohort.envs.battle.units import Stats

MOST_ENERGY = 200.0
FIRST_ENERGY = 50.0
ENERGY_RATE = 0.5625 / 16
"""Energy per tick that comes back, always."""
HEAL_RATE = 9 / 16
"""Hit points per tick."""
ENERGY_PER_POINT = 0.33
ENERGY_TO_START = 5.0
CAST_RANGE = 4.0
"""From the healer's edge."""
AUTOCAST_RANGE = 6.0


def heal(
    focus: Int[Array, "n ..."],
    sight: Sight,
    energy: Float[Array, "n ..."],
    health: Float[Array, "n ..."],
    healing: Bool[Array, "n ..."],
    *,
    stats: Stats,
    to_edges: bool,
) -> tuple[Float[Array, "n ..."], Float[Array, "n ..."], Bool[Array, "n ..."]]:
    """Heal who is chosen, hurt, biological and near; of several healers of one unit, the first does.

    Args:
        focus: whom each unit is to heal, if it heals.
        sight: that unit as it is now.
        energy: of the healers.
        health: of all.
        healing: who was healing in the last tick: going on needs less energy than starting.
        stats: of the units.
        to_edges: see `gap`.

    Returns:
        health given to each unit, energy used by each, and who heals now.
    """
    number = numbers(len(focus), focus)
    missing = pick(stats.health - health, focus)
    near = gap(sight, stats, to_edges) <= CAST_RANGE
    enough = energy >= jnp.where(healing, ENERGY_PER_POINT * HEAL_RATE, ENERGY_TO_START)
    able = stats.heals & sight.valid & pick(stats.biological, focus) & (missing > 0) & near & enough
    patient = able[:, None] & (focus[:, None] == number[None, :])
    first = jnp.argmax(patient, axis=0)
    chosen = able & (pick(first, focus) == number)
    points = jnp.where(chosen, jnp.minimum(HEAL_RATE, missing), 0.0)
    given = jnp.sum(jnp.where(patient, points[:, None], 0.0), axis=0)
    return given, points * ENERGY_PER_POINT, chosen


def gap(sight: Sight, stats: Stats, to_edges: bool) -> Float[Array, "n ..."]:
    """How far patients are for healing: from the healer's edge to the patient's, or else to its centre."""
    return sight.gap if to_edges else sight.distance - stats.radius


def choose_patient(
    focus: Int[Array, "n ..."],
    x: Float[Array, "n ..."],
    y: Float[Array, "n ..."],
    health: Float[Array, "n ..."],
    *,
    stats: Stats,
) -> Int[Array, "n ..."]:
    """Whom the healers of one side heal unasked: whoever of their side within range has lost most, then the nearest.

    A healer stays with its patient while there is something to heal. Numbers are those within the side.
    """
    hurt = (health > 0) & (health < stats.health) & stats.biological
    stays = (focus >= 0) & pick(hurt, focus)
    dx, dy = x[:, None] - x[None, :], y[:, None] - y[None, :]
    distance = jnp.sqrt(dx * dx + dy * dy)
    number = numbers(len(x), x)
    others = number[:, None] != number[None, :]
    able = stats.heals[:, None] & hurt[None, :] & (distance <= AUTOCAST_RANGE) & others
    rank = jnp.where(able, 1e3 * (health / stats.health)[None, :] + distance, jnp.inf)
    found = jnp.where(jnp.any(able, axis=1), jnp.argmin(rank, axis=1).astype(focus.dtype), NOBODY)
    return jnp.where(stats.heals, jnp.where(stays, focus, found), focus)
