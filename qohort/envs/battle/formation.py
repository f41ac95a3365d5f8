"""How the units of a group stand around the point where they are created.

The game's pattern is not known. Here each unit takes the free place nearest to the point, one after the other, which
fills a disc; equal units end up in a honeycomb. Who owns a unit makes no difference: equal armies stand alike, and do
not mirror each other.
"""

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from qohort.envs.battle.scenario import Group, Point
from qohort.envs.battle.units import SMAC, Kind
from qohort.errors import QohortError

GAP = 0.0625
"""Between neighbours."""
FINENESS = 4
"""Places to choose from, along the distance between two neighbours."""

Layout = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


def formations(
    allies: Sequence[Group], enemies: Sequence[Group], walkable: Bool[np.ndarray, "W H"], *, spread: float = 0.0
) -> Layout:
    """Where all units stand: x and y, the allies first, in the order of their creation.

    Args:
        allies: the groups of one side.
        enemies: the groups of the other.
        walkable: where units on the ground may be.
        spread: how far each unit may stray in both directions afterwards; so much more room is left that strays
            do not overlap.
    """
    x, y, size, air = (np.zeros(0) for _ in range(4))
    for group in (*allies, *enemies):
        unit = SMAC[group.kind]
        room = unit.separation + GAP / 2 + np.sqrt(2.0) * spread
        places = _lattice(2 * room / FINENESS, reach=float(max(walkable.shape))) + np.array(group.at)
        places = places[_inside(places, walkable, flies=unit.air)]
        clear = np.ones(len(places), bool)
        for other in np.flatnonzero(air == unit.air):
            clear &= _apart(places, x[other], y[other], room + size[other])
        for _ in range(group.count):
            if not clear.any():
                raise QohortError(
                    f"There is no room for {group.count} units of {group.kind.label} at {group.at}. "
                    "Take fewer, or a larger terrain."
                )
            at = places[clear.argmax()]
            clear &= _apart(places, *at, 2 * room)
            x, y = np.append(x, at[0]), np.append(y, at[1])
            size, air = np.append(size, room), np.append(air, unit.air)
    return x, y


def fits(kind: Kind, at: Point, walkable: Bool[np.ndarray, "W H"]) -> bool:
    """Whether a unit can be at a point."""
    return bool(_inside(np.array([at]), walkable, flies=SMAC[kind].air)[0])


def spiral(count: int) -> Float[np.ndarray, "n 2"]:
    """The places of a honeycomb from the middle outwards; neighbours are 1 apart."""
    return _lattice(1.0, reach=2.0 + np.sqrt(count))[:count]


@functools.lru_cache(maxsize=64)
def _lattice(pitch: float, *, reach: float) -> Float[np.ndarray, "n 2"]:
    """A triangular lattice around 0, sorted by distance, then by angle, counted counter-clockwise from the east."""
    steps = np.arange(-int(reach / pitch * 1.2) - 1, int(reach / pitch * 1.2) + 2)
    along, up = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
    norm = along * along + along * up + up * up  # squared distances are whole numbers: equal ones are equal
    kept = norm <= (reach / pitch) ** 2
    along, up, norm = along[kept], up[kept], norm[kept]
    x, y = along + 0.5 * up, np.sqrt(0.75) * up
    order = np.lexsort((np.arctan2(y, x) % (2 * np.pi), norm))
    return pitch * np.stack([x, y], axis=1)[order]


def _inside(
    places: Float[np.ndarray, "n 2"], walkable: Bool[np.ndarray, "W H"], *, flies: bool
) -> Bool[np.ndarray, " n"]:
    if flies:
        walkable = np.outer(walkable.any(axis=1), walkable.any(axis=0))
    x, y = np.floor(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < walkable.shape[0]) & (y < walkable.shape[1])
    return inside & walkable[x * inside, y * inside]


def _apart(places: Float[np.ndarray, "n 2"], x: float, y: float, distance: float) -> Bool[np.ndarray, " n"]:
    """Which places are so far from a point, up to rounding."""
    return (places[:, 0] - x) ** 2 + (places[:, 1] - y) ** 2 >= (distance - 1e-6) ** 2
