"""The ground: where one can walk, how high it is, and the ways around its walls."""

import dataclasses
import difflib
import functools
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from qohort.envs.battle.terrain_tables import INNER, PIT, PLAIN, SIZE, TERRAINS, Rows
from qohort.envs.battle.ways import waypoints
from qohort.errors import QohortError

Layer = Literal["engine", "walk", "plateau"]
LAYERS: tuple[Layer, ...] = ("engine", "walk", "plateau")

EDGE = 1 / 4096
"""How far inside the last cell whoever stands at the upper or right border is: the step of the game's own positions."""
LOWEST, HEIGHTS = -16.0, 32.0
"""Heights are stored as parts of a span of 32, beginning at -16."""


class Terrain(eqx.Module):
    """A battlefield of W by H cells; grids are indexed [x, y]."""

    pathing: Bool[Array, "W H"]
    """The grid that the game's interface shows; whether a move is available is looked up here."""
    height: Float[Array, "W H"]
    """0 to 1."""
    walkable: Bool[Array, "W H"]
    """Where the centre of a unit on the ground may be."""
    waypoint: Int[Array, "C C"] | None
    """`[from, to]`: the cell to head for, the last one on the shortest way that lies straight ahead. Cells are
    x * H + y. Without walls in the way, there is no table."""
    box: tuple[float, float, float, float] = eqx.field(static=True)
    """Left, bottom, right and top of where units may be, in the air too. Positions in it lie in cells in it."""
    open: bool = eqx.field(static=True)
    """Whether one can walk everywhere in the box."""

    def with_pathing(self, grid: ArrayLike) -> "Terrain":
        """The same ground, of which the interface shows another grid."""
        return dataclasses.replace(self, pathing=jnp.asarray(grid, bool))


def named(name: str, layer: Layer = "engine") -> Terrain:
    """One of the eight terrains, or `flat`, on which SMACv2 plays.

    Args:
        name: such as `band`.
        layer: `engine` is what we take a client to say: the plateau without the border of the map and without cliffs.
            `walk` is the map file's grid, which is smaller by a cell at straight edges and by more at diagonal ones;
            the rooms of `corridor` are not connected there. `plateau` is `engine` with the border.
    """
    return from_grid(*grids(name, layer))


def from_grid(walkable: ArrayLike, height: ArrayLike | None = None) -> Terrain:
    """A terrain of your own.

    Args:
        walkable: where one can walk, indexed [x, y].
        height: 0 to 1; flat if not given.
    """
    walkable = np.asarray(walkable, bool)
    if walkable.ndim != 2 or not walkable.any():
        raise QohortError(f"A terrain is a grid of cells, some of them walkable; this one has shape {walkable.shape}.")
    columns, rows = np.flatnonzero(walkable.any(axis=1)), np.flatnonzero(walkable.any(axis=0))
    left, bottom, right, top = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    is_open = bool(walkable[left:right, bottom:top].all())
    flat = np.full(walkable.shape, (PLAIN - LOWEST) / HEIGHTS)
    return Terrain(
        pathing=jnp.asarray(walkable),
        height=jnp.asarray(flat if height is None else height, jnp.float32),
        walkable=jnp.asarray(walkable),
        waypoint=None if is_open else jnp.asarray(_ways(walkable.tobytes(), walkable.shape)),
        box=(float(left), float(bottom), float(right) - EDGE, float(top) - EDGE),
        open=is_open,
    )


def grids(name: str, layer: Layer = "engine") -> tuple[Bool[np.ndarray, "W H"], Float[np.ndarray, "W H"]]:
    """Where one can walk, and how high it is; see `named`."""
    rows = _rows(name)
    if layer not in LAYERS:
        raise QohortError(f"There is no layer {layer!r}; there are {', '.join(map(repr, LAYERS))}.")
    if layer == "walk":
        return cells(rows.walk), _heights(rows)
    outline = cells(rows.plateau) & ~cells(rows.cliffs)
    return (outline & _inner() if layer == "engine" else outline), _heights(rows)


def cells(text: str) -> Bool[np.ndarray, "W H"]:
    """The grid of rows written as in `terrain_tables`."""
    grid = np.zeros((SIZE, SIZE), bool)
    for row in text.split():
        ys, pieces = row.split(":")
        for piece in pieces.split(","):
            grid[_span(piece), _span(ys)] = True
    return grid


def nearest(walkable: Bool[np.ndarray, "W H"], at: tuple[float, float]) -> tuple[float, float]:
    """The middle of the walkable cell nearest to a point."""
    middles = np.argwhere(walkable) + 0.5
    x, y = middles[((middles - np.array(at)) ** 2).sum(axis=1).argmin()]
    return float(x), float(y)


def _span(text: str) -> slice:
    first, _, last = text.partition("-")
    return slice(int(first), int(last or first) + 1)


def _inner() -> Bool[np.ndarray, "W H"]:
    grid = np.zeros((SIZE, SIZE), bool)
    inner = slice(INNER[0], INNER[1] + 1)
    grid[inner, inner] = True
    return grid


def _heights(rows: Rows) -> Float[np.ndarray, "W H"]:
    height = np.where(cells(rows.plateau), PLAIN, PIT)
    for level, where in rows.heights:
        height[cells(where)] = level
    return (height - LOWEST) / HEIGHTS


def _rows(name: str) -> Rows:
    if name not in TERRAINS:
        near = difflib.get_close_matches(name, TERRAINS, n=1, cutoff=0.5)
        raise QohortError(
            f"There is no terrain called {name!r}."
            + (f" Did you mean {near[0]!r}?" if near else "")
            + f" There are {', '.join(TERRAINS)}."
        )
    return TERRAINS[name]


@functools.lru_cache(maxsize=32)
def _ways(walkable: bytes, shape: tuple[int, int]) -> Int[np.ndarray, "C C"]:
    return waypoints(np.frombuffer(walkable, bool).reshape(shape))
