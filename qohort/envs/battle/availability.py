"""What agents can do."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from qohort.envs.battle.face import Face, Traits
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.visibility import Offsets, to_allies, to_enemies, within_reach

EAST_WEST = (0, 0, 1, -1)
NORTH_SOUTH = (1, -1, 0, 0)
"""The directions of the actions north, south, east and west."""


def availability(face: Face, snapshot: Snapshot) -> Bool[Array, "A K"]:
    """Which actions each agent may choose. The dead have no-op, and nobody else has."""
    traits = face.traits_of(snapshot.kind)
    reach = reachable(face, traits, snapshot, to_enemies(snapshot, face.n_allies))
    return available(face, snapshot, moves(face, snapshot), targets(face, traits, snapshot, reach))


def available(
    face: Face, snapshot: Snapshot, moves: Bool[Array, "A 4"], targets: Bool[Array, "A M"]
) -> Bool[Array, "A K"]:
    alive = snapshot.alive[: face.n_allies, None]
    always = jnp.broadcast_to(alive, (face.n_allies, 1))
    looks = jnp.broadcast_to(alive, (face.n_allies, face.flags.looks))
    return jnp.concatenate([~alive, always, moves, looks, targets], axis=1)


def moves(face: Face, snapshot: Snapshot) -> Bool[Array, "A 4"]:
    """Whether there is ground half a move to the north, south, east and west of living agents."""
    n, half = face.n_allies, face.flags.move_amount / 2
    x = jnp.stack([snapshot.x[:n] + half * way for way in EAST_WEST], axis=1)
    y = jnp.stack([snapshot.y[:n] + half * way for way in NORTH_SOUTH], axis=1)
    ground = at_cells(face.pathing, cells(face.flags, x), cells(face.flags, y), beyond=False)
    return ground & snapshot.alive[:n, None]


def cells(flags: Flags, coordinate: Float[Array, "*rows"]) -> Int[Array, "*rows"]:
    if not flags.truncated_moves:
        coordinate = jnp.floor(coordinate)
    return coordinate.astype(jnp.int32)


def at_cells(
    grid: Shaped[Array, "X Y"], x: Int[Array, "*rows"], y: Int[Array, "*rows"], *, beyond: bool | float
) -> Shaped[Array, "*rows"]:
    """What a map holds in some cells, and `beyond` its border."""
    width, depth = grid.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < depth)
    cell = jnp.clip(x, 0, width - 1) * depth + jnp.clip(y, 0, depth - 1)
    return jnp.where(inside, grid.ravel().at[cell].get(mode="promise_in_bounds"), beyond)


def reachable(face: Face, traits: Traits, snapshot: Snapshot, away: Offsets) -> Bool[Array, "A M"]:
    """Whom agents could act upon right now: living enemies, and for Medivacs living allies other than Medivacs."""
    alive, n = snapshot.alive, face.n_allies
    enemies = within_reach(face, traits, snapshot, away) & alive[None, n:] & alive[:n, None]
    if not face.healers:
        return enemies
    near = within_reach(face, traits, snapshot, to_allies(snapshot, n))
    return by_role(face, traits, enemies, near & (alive[:n] & ~traits.heals[:n])[None, :] & alive[:n, None])


def targets(face: Face, traits: Traits, snapshot: Snapshot, reach: Bool[Array, "A M"]) -> Bool[Array, "A M"]:
    """Whom agents may choose to act upon; without `action_mask` all whom they could if they were near."""
    if face.flags.action_mask:
        return reach
    alive, n = snapshot.alive, face.n_allies
    enemies = alive[:n, None] & alive[None, n:]
    if not face.healers:
        return enemies
    return by_role(face, traits, enemies, alive[:n, None] & (alive[:n] & ~traits.heals[:n])[None, :])


def by_role(face: Face, traits: Traits, enemies: Bool[Array, "A E"], allies: Bool[Array, "A A"]) -> Bool[Array, "A M"]:
    """Targets by number: Medivacs count allies, the others count enemies."""
    wide = [jnp.pad(side, ((0, 0), (0, face.n_targets - side.shape[1]))) for side in (enemies, allies)]
    return jnp.where(traits.heals[: face.n_allies, None], wide[1], wide[0])
