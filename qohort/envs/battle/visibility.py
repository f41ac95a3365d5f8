"""Who is where from whom, and who sees whom."""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from qohort.envs.battle.face import Face, Traits
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.state import Snapshot

STEEP = 1e-7
"""The least run of a slope."""
TINY = 1e-9
"""Edges of cones so close to an axis lie on it: along the vertical no slope within sight is steeper."""


class Offsets(eqx.Module):
    """From agents, in rows, to other units."""

    dx: Float[Array, "A m"]
    dy: Float[Array, "A m"]
    square: Float[Array, "A m"]
    """Of the distance."""


def offsets(from_x: Float[Array, "A 1"], from_y: Float[Array, "A 1"], x: Array, y: Array) -> Offsets:
    dx, dy = x - from_x, y - from_y
    return Offsets(dx=dx, dy=dy, square=dx * dx + dy * dy)


def to_enemies(snapshot: Snapshot, n_allies: int) -> Offsets:
    x, y = snapshot.x, snapshot.y
    return offsets(x[:n_allies, None], y[:n_allies, None], x[None, n_allies:], y[None, n_allies:])


def to_allies(snapshot: Snapshot, n_allies: int) -> Offsets:
    """Oneself included."""
    x, y = snapshot.x[:n_allies], snapshot.y[:n_allies]
    return offsets(x[:, None], y[:, None], x[None, :], y[None, :])


def to_others(snapshot: Snapshot, n_allies: int) -> Offsets:
    """To allies, oneself left out."""
    x, y = snapshot.x[:n_allies], snapshot.y[:n_allies]
    return offsets(x[:, None], y[:, None], others(x), others(y))


def others(values: Shaped[Array, " A"]) -> Shaped[Array, "A A-1"]:
    """In each row the entries of all others."""
    n = values.shape[0]
    later = np.arange(n - 1)[None, :] >= np.arange(n)[:, None]
    return jnp.where(later, values[None, 1:], values[None, :-1])


def within_sight(face: Face, traits: Traits, snapshot: Snapshot, away: Offsets) -> Bool[Array, "A m"]:
    """Which places agents look at. A cone includes its arc; a circle does not include its edge."""
    sight = traits.sight[: face.n_allies, None]
    if not face.flags.conic_fov:
        return away.square < sight * sight
    return (away.square <= sight * sight) & in_cone(face.flags, snapshot, away)


def within_reach(face: Face, traits: Traits, snapshot: Snapshot, away: Offsets) -> Bool[Array, "A m"]:
    """Which places agents could shoot at."""
    reach = traits.reach[: face.n_allies, None]
    near = away.square <= reach * reach
    return near & in_cone(face.flags, snapshot, away) if face.flags.conic_fov else near


def directions(flags: Flags) -> Float[np.ndarray, "K 2"]:
    """Unit vectors, from the east counter-clockwise."""
    angle = 2 * np.pi * np.arange(flags.num_fov_actions) / flags.num_fov_actions
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def facing(flags: Flags, snapshot: Snapshot) -> Float[Array, "A 2"]:
    """Where the agents' cones point."""
    assert snapshot.facing is not None, "snapshots of a face with cones hold where they point"
    return jnp.asarray(directions(flags))[snapshot.facing]


@functools.cache
def slopes(count: int) -> Float[np.ndarray, "K 2 4"]:
    """Between which slopes a cone lies, towards the east and towards the west: the least, the greatest, and after each
    whether it belongs to the cone.

    SMACv2 compares angles in double precision, where a unit exactly on an edge is inside or outside by rounding alone.
    Here every edge is a number of single precision (0 and ±1, on which units do stand, are exact), and whether it
    belongs to the cone is read off that comparison.
    """
    half, found = np.pi / count, np.empty((count, 2, 4), np.float32)
    for k in range(count):
        x, y = np.cos(2 * np.pi * (k / count)), np.sin(2 * np.pi * (k / count))
        for side, run in enumerate((max(x, STEEP), min(x, -STEEP))):
            middle = np.arctan(y / run)
            for end, angle in ((0, middle - half), (2, middle + half)):
                slope = np.float32(np.tan(angle) if abs(angle) < np.pi / 2 - TINY else np.copysign(np.inf, angle))
                slope = np.float32(0) if abs(slope) < TINY else slope
                inside = np.isfinite(slope) and abs(np.arctan(np.float64(slope)) - middle) < half
                found[k, side, end : end + 2] = slope, inside
    return found


def in_cone(flags: Flags, snapshot: Snapshot, away: Offsets) -> Bool[Array, "A m"]:
    """Which places lie in the directions of agents' cones."""
    if not flags.cones_by_slope:
        towards = facing(flags, snapshot)
        least = np.cos(np.pi / flags.num_fov_actions).astype(np.float32)
        return away.dx * towards[:, :1] + away.dy * towards[:, 1:] > least * jnp.sqrt(away.square)
    assert snapshot.facing is not None, "snapshots of a face with cones hold where they point"
    east = away.dx > 0
    run, rise = jnp.maximum(jnp.abs(away.dx), STEEP), jnp.where(east, away.dy, -away.dy)
    limits = jnp.asarray(slopes(flags.num_fov_actions))[snapshot.facing][:, None]
    ends = jnp.where(east[..., None], limits[:, :, 0], limits[:, :, 1])
    low, low_inside, high, high_inside = jnp.moveaxis(ends, -1, 0)
    above = (rise > low * run) | ((low_inside > 0) & (rise == low * run))
    return above & ((rise < high * run) | ((high_inside > 0) & (rise == high * run)))


def visibility_matrix(face: Face, snapshot: Snapshot) -> Bool[Array, "A n"]:
    """Which living units are in an agent's circle of sight: allies without oneself, then enemies.

    Cones and permissions do not count.
    """
    n = face.n_allies
    sight = face.traits_of(snapshot.kind).sight[:n]
    number = np.arange(n)
    mine = jnp.broadcast_to(sight[:, None], (n, n))
    if face.flags.mirrored_sight:
        mine = jnp.where(number[:, None] < number[None, :], mine, mine.T)
    allies = (to_allies(snapshot, n).square < mine * mine) & (number[:, None] != number[None, :])
    enemies = to_enemies(snapshot, n).square < (sight * sight)[:, None]
    alive = snapshot.alive
    return jnp.concatenate([allies, enemies], axis=1) & alive[:n, None] & alive[None, :]


def seen_places(face: Face, snapshot: Snapshot) -> Bool[Array, "A E"]:
    """Which enemies, or places where they died, living agents look at; see `permission`."""
    traits = face.traits_of(snapshot.kind)
    looks = within_sight(face, traits, snapshot, to_enemies(snapshot, face.n_allies))
    return looks & snapshot.alive[: face.n_allies, None]


def nobody_facing(face: Face) -> Int[Array, " A"] | None:
    """Where cones point at first: east."""
    return jnp.zeros(face.n_allies, jnp.int32) if face.flags.conic_fov else None
