"""Discs on a plane that push themselves and each other: the physics of the multi-agent particle environments.

The equations are those of Lowe et al. 2017's environments in the fork of Iqbal and Sha. All discs move. One step of
`STEP` seconds takes a disc from position x and velocity v to

    v ← (1 − DAMPING) v + STEP (push + contact),   no faster than its top speed,
    x ← x + STEP v.

A disc a that touches another disc b is accelerated away from it by F m_b / m_a², where

    F = STIFFNESS · MARGIN · log(1 + exp((r_a + r_b − distance) / MARGIN)).

The heavier b and the lighter a, the more a gives way; the forces of a pair are *not* equal and opposite unless the
masses are. That is how the published environments have it.

Differences: discs in the very same place do not push each other, where the published code divides by zero.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

STEP, DAMPING = 0.1, 0.25
STIFFNESS, MARGIN = 100.0, 1e-3

MOVES = ("stay", "go right", "go left", "go up", "go down")
_DIRECTIONS = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], np.float32)


class Discs(eqx.Module):
    """What does not change about discs."""

    radius: Float[Array, " N"]
    mass: Float[Array, " N"]
    acceleration: Float[Array, ""]
    """What a disc that pushes itself accelerates by."""
    top_speed: Float[Array, ""]
    solid: bool = eqx.field(static=True)
    """Whether they touch each other at all."""


def advance(
    discs: Discs, position: Float[Array, "N 2"], velocity: Float[Array, "N 2"], moves: Int[Array, " N"]
) -> tuple[Float[Array, "N 2"], Float[Array, "N 2"]]:
    """One step; `moves` are numbers of `MOVES`. Returns positions and velocities."""
    total = discs.acceleration * jnp.asarray(_DIRECTIONS)[moves]
    if discs.solid:
        total += contacts(discs, position)
    velocity = (1 - DAMPING) * velocity + STEP * total
    speed = length(velocity)[:, None]
    velocity *= jnp.where(speed > discs.top_speed, discs.top_speed / jnp.where(speed > 0, speed, 1.0), 1.0)
    return position + STEP * velocity, velocity


def contacts(discs: Discs, position: Float[Array, "N 2"]) -> Float[Array, "N 2"]:
    """What each disc is accelerated by, by all that it touches."""
    away = -offsets(position, position)
    distance = length(away)
    depth = discs.radius[:, None] + discs.radius[None, :] - distance
    force = STIFFNESS * MARGIN * jax.nn.softplus(depth / MARGIN)
    yields = discs.mass[None, :] / jnp.square(discs.mass[:, None])
    direction = away / jnp.where(distance > 0, distance, 1.0)[:, :, None]
    return ((force * yields)[:, :, None] * direction).sum(axis=1)


def offsets(origin: Float[Array, "A 2"], target: Float[Array, "B 2"]) -> Float[Array, "A B 2"]:
    """From each of some points to each of others."""
    return target[None, :, :] - origin[:, None, :]


def length(vector: Float[Array, "*rows 2"]) -> Float[Array, "*rows"]:
    return jnp.sqrt(jnp.square(vector).sum(axis=-1))
