"""Who is where from whom, and who sees whom."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from qohort.envs.battle.face import Face, Traits
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.state import Snapshot

STEEP = 1e-7
"""The least run of a slope."""


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


def in_cone(flags: Flags, snapshot: Snapshot, away: Offsets) -> Bool[Array, "A m"]:
    """Which places lie in the directions of agents' cones."""
    towards = facing(flags, snapshot)
    x, y = towards[:, :1], towards[:, 1:]
    half = np.pi / flags.num_fov_actions
    if not flags.cones_by_slope:
        return away.dx * x + away.dy * y > np.cos(half).astype(np.float32) * jnp.sqrt(away.square)
    east = away.dx > 0
    run = jnp.where(east, jnp.maximum(away.dx, STEEP), jnp.minimum(away.dx, -STEEP))
    middle = jnp.arctan(y / jnp.where(east, jnp.maximum(x, STEEP), jnp.minimum(x, -STEEP)))
    return jnp.abs(jnp.arctan(away.dy / run) - middle) < half


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
