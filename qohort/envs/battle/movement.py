"""Where units go: along the terrain's ways, past each other, and never out of bounds.

The engine's own steering is not public. Here a unit walks straight to its goal or to the next corner on the way, and
overlaps with others are then undone: whoever walks gives way to whoever stands or fights, friends who stand idle are
pushed aside, enemies are not. A unit that is blocked goes round.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.arena import FAR
from qohort.envs.battle.rows import over, row
from qohort.envs.battle.terrain import Terrain

TINY = 1e-6


class Place(eqx.Module):
    """Where units are, or want to be."""

    x: Float[Array, "n ..."]
    y: Float[Array, "n ..."]


class Walk(eqx.Module):
    """Where units are going in this tick."""

    dx: Float[Array, "n ..."]
    """The step."""
    dy: Float[Array, "n ..."]
    moving: Bool[Array, "n ..."]


def heading(here: Place, goal: Place, terrain: Terrain, freely: Bool[Array, "n ..."]) -> Place:
    """The point to walk towards: the goal if the way is straight, else the next corner.

    Args:
        here: where units are.
        goal: where they want to be.
        terrain: the ground.
        freely: who flies or climbs, and needs no way.
    """
    if terrain.waypoint is None:
        return goal
    width, height = terrain.pathing.shape
    start = _cell(here.x, width) * height + _cell(here.y, height)
    end = _cell(goal.x, width) * height + _cell(goal.y, height)
    corner = terrain.waypoint[start, end].astype(jnp.int32)
    straight = freely | (corner == end)
    return Place(
        x=jnp.where(straight, goal.x, corner // height + 0.5),
        y=jnp.where(straight, goal.y, corner % height + 0.5),
    )


def pace(
    speed: Float[Array, "n ..."],
    moving: Bool[Array, "n ..."],
    acceleration: Float[Array, "n ..."],
    most: Float[Array, "n ..."],
) -> Float[Array, "n ..."]:
    """Speeds after a tick: fliers gather speed, walkers have theirs at once, and all stop at once."""
    return jnp.where(moving, jnp.minimum(speed + acceleration, most), 0.0)


def step_towards(here: Place, to: Place, length: Float[Array, "n ..."], moving: Bool[Array, "n ..."]) -> Walk:
    """A step of the given length towards a point, or as far as the point."""
    dx, dy = to.x - here.x, to.y - here.y
    distance = jnp.sqrt(dx * dx + dy * dy)
    part = jnp.where(moving, jnp.minimum(length / jnp.maximum(distance, TINY), 1.0), 0.0)
    return Walk(dx=dx * part, dy=dy * part, moving=moving & (distance > TINY))


def push_apart(
    here: Place,
    walk: Walk,
    *,
    room: Float[Array, "n n ..."],
    friends: Float[Array, "n n ..."],
    alive: Bool[Array, "n ..."],
    fixed: Bool[Array, "n ..."],
    push: float,
    sidestep: float,
    turns: Float[Array, "n ..."],
) -> Place:
    """Where units are after undoing their overlaps, all at once.

    Of two that overlap, each undoes half if both give way, or all if the other does not. Who walks gives way to all,
    who stands idle to friends. Written without conditions, so that the loop over pairs runs at full width.

    Args:
        here: where units are after their step.
        walk: the step.
        room: how far apart two units have to be; negative if they pass through each other.
        friends: 1 for two units of one side.
        alive: the dead are in nobody's way.
        fixed: who gives way to nobody: those who are attacking, and structures.
        push: the part of an overlap that is undone.
        sidestep: how fast a blocked unit goes round, in parts of its step.
        turns: on which side each goes round: 1 for the left, -1 for the right.
    """
    to_foes = walk.moving.astype(jnp.float32)
    to_friends = jnp.where(fixed, to_foes, 1.0) - to_foes
    gone = jnp.where(alive, 0.0, -FAR)

    def pushed_by(number: Int[Array, ""]) -> tuple[Array, Array, Array, Array]:
        dx, dy = here.x - row(here.x, number), here.y - row(here.y, number)
        distance = jnp.sqrt(jnp.maximum(dx * dx + dy * dy, TINY))
        overlap = jnp.maximum(room[number] + gone + row(gone, number) - distance, 0.0)
        friend = friends[number]
        mine, other = to_foes + friend * to_friends, row(to_foes, number) + friend * row(to_friends, number)
        force = overlap / distance * (push * mine * (1.0 - 0.5 * other))
        firmly = force * (1.0 - other)
        return force * dx, force * dy, firmly * dx, firmly * dy

    off_x, off_y, firm_x, firm_y = over(len(gone), pushed_by, ("sum", "sum", "sum", "sum"))
    off_x, off_y = _not_into(firm_x, firm_y, off_x, off_y)
    around_x, around_y = _around(walk, off_x, off_y, sidestep * turns)
    return Place(x=here.x + off_x + around_x, y=here.y + off_y + around_y)


def _not_into(
    firm_x: Float[Array, "n ..."],
    firm_y: Float[Array, "n ..."],
    off_x: Float[Array, "n ..."],
    off_y: Float[Array, "n ..."],
) -> tuple[Float[Array, "n ..."], Float[Array, "n ..."]]:
    """A push without what would press its unit into those who stand firm: a crowd makes no room where there is none."""
    square = jnp.maximum(firm_x * firm_x + firm_y * firm_y, TINY * TINY)
    pressed = jnp.minimum((off_x * firm_x + off_y * firm_y) / square - 1.0, 0.0)
    return off_x - pressed * firm_x, off_y - pressed * firm_y


def _around(
    walk: Walk, off_x: Float[Array, "n ..."], off_y: Float[Array, "n ..."], sidestep: Float[Array, "n ..."]
) -> tuple[Float[Array, "n ..."], Float[Array, "n ..."]]:
    """A step across the way for who is pushed back: it keeps its speed.

    Some go round to the left, others to the right: so a group parts around what is in its way, and closes in on a
    target from all sides. Each sticks to its side, for else it would come to rest between two others.
    """
    length = jnp.sqrt(walk.dx * walk.dx + walk.dy * walk.dy)
    ahead_x, ahead_y = walk.dx / jnp.maximum(length, TINY), walk.dy / jnp.maximum(length, TINY)
    back = -(off_x * ahead_x + off_y * ahead_y)
    blocked = jnp.clip(back, 0.0, length)
    aside = jnp.sqrt(blocked * (2.0 * length - blocked)) * sidestep
    return -ahead_y * aside, ahead_x * aside


def keep_inside(to: Place, start: Place, terrain: Terrain, freely: Bool[Array, "n ..."]) -> Place:
    """Where units may be instead: inside the borders, and slid along walls.

    Args:
        to: where they would be.
        start: where they were.
        terrain: the ground.
        freely: who flies or climbs: borders stop it, walls do not.
    """
    left, bottom, right, top = terrain.box
    x, y = jnp.clip(to.x, left, right), jnp.clip(to.y, bottom, top)
    if terrain.open:
        return Place(x=x, y=y)
    both = freely | _free(x, y, terrain)
    only_x, only_y = _free(x, start.y, terrain), _free(start.x, y, terrain)
    return Place(
        x=jnp.where(both | only_x, x, start.x),
        y=jnp.where(both | (only_y & ~only_x), y, start.y),
    )


def _free(x: Float[Array, "n ..."], y: Float[Array, "n ..."], terrain: Terrain) -> Bool[Array, "n ..."]:
    width, height = terrain.walkable.shape
    return terrain.walkable[_cell(x, width), _cell(y, height)]


def _cell(position: Float[Array, "n ..."], size: int) -> Int[Array, "n ..."]:
    return jnp.clip(jnp.floor(position).astype(jnp.int32), 0, size - 1)
