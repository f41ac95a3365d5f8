"""A square board as one row of cells, with a rim, so that neighbours and views are sums and gathers."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.errors import QohortError

DENSITY = 0.08
"""Agents for each cell: 8 on 10 x 10, 4 on 7 x 7 and 2 on 5 x 5, as in the papers."""


@dataclasses.dataclass(frozen=True)
class Board:
    """A board of `size` by `size` cells within a rim; rows are counted from the top.

    A place is the number of a cell, counted row by row with the rim. What is next to a place is a fixed
    number away, also at the edge, so nothing is ever compared with everything else.
    """

    size: int
    """Rows, and columns."""
    rim: int = 1
    """How wide the rim is."""

    @property
    def width(self) -> int:
        """Cells in a row, with the rim."""
        return self.size + 2 * self.rim

    @property
    def cells(self) -> int:
        """Cells in all, with the rim."""
        return self.width**2

    @property
    def up(self) -> int:
        """How far the cell above is."""
        return -self.width

    @property
    def down(self) -> int:
        """How far the cell below is."""
        return self.width

    @property
    def inner(self) -> Int[np.ndarray, " C"]:
        """The places that are not on the rim, row by row."""
        return np.flatnonzero(self.inside)

    @property
    def inside(self) -> Bool[np.ndarray, " P"]:
        """Whether a place is not on the rim."""
        return np.pad(np.ones((self.size, self.size), bool), self.rim).ravel()

    @property
    def around(self) -> Int[np.ndarray, "4"]:
        """How far the four neighbours are."""
        return np.array([self.up, self.down, -1, 1], np.int32)

    def window(self, sight: int) -> Int[np.ndarray, " K"]:
        """How far the cells of a square view are, row by row."""
        reach = np.arange(-sight, sight + 1, dtype=np.int32)
        return (reach[:, None] * self.width + reach[None, :]).ravel()

    def place(self, row: int, column: int) -> int:
        """The number of a cell."""
        return (row + self.rim) * self.width + column + self.rim

    def coordinates(self, places: Int[Array, " n"]) -> Int[Array, "n 2"]:
        """Rows and columns."""
        return jnp.stack([places // self.width, places % self.width], axis=1) - self.rim

    def layer(self, places: Int[Array, " n"], present: Bool[Array, " n"]) -> Float[Array, " P"]:
        """How many of those present are in each cell."""
        return jnp.zeros(self.cells).at[self.only(places, present)].add(1.0, mode="drop")

    def only(self, places: Int[Array, " n"], present: Bool[Array, " n"]) -> Int[Array, " n"]:
        """Places to scatter to; whoever is not present is beyond the board and dropped."""
        return jnp.where(present, places, self.cells)

    def scattered(self, key: PRNGKeyArray, n: int) -> Int[Array, " n"]:
        """Places drawn at random, no two the same."""
        luck = jax.random.uniform(key, (self.size**2,))  # choosing the luckiest is faster than shuffling all
        return jnp.asarray(self.inner, jnp.int32)[jax.lax.top_k(luck, n)[1]]


def side(world: str, agents: int, *, size: int | None, density: float | None) -> int:
    """The size of a board: as given, or with so many agents for each cell as near as can be."""
    if size is not None and density is not None:
        raise QohortError(
            f"{world}: `size` is {size} and `density` {density:g}, but the size of the board is given by one of them."
        )
    density = DENSITY if density is None else density
    if not 0 < density <= 1:
        raise QohortError(f"{world}: `density` is {density:g}, but a cell holds more than 0 agents and at most 1.")
    return max(2, round(math.sqrt(agents / density))) if size is None else size


def demand(world: str, **least: tuple[int | float | None, int]) -> None:
    """Refuse options that are too small; `None` was not given."""
    for option, (value, smallest) in least.items():
        if value is not None and not value >= smallest:
            raise QohortError(f"{world}: `{option}` is {value:g}, but it must be at least {smallest:g}.")


def demand_room(world: str, size: int, inhabitants: int, who: str) -> None:
    """Refuse a board on which not everybody finds a cell."""
    if size**2 < inhabitants:
        raise QohortError(
            f"{world}: {inhabitants} cells are needed for {who}, but `size` {size} gives {size**2}; take at least "
            f"{math.ceil(math.sqrt(inhabitants))}, or a smaller `density`."
        )


def numbered(kind: str, number: int) -> tuple[str, ...]:
    """Names for so many of a kind."""
    return tuple(f"{kind} {i + 1}" for i in range(number))


def seen_names(kinds: tuple[str, ...], sight: int) -> tuple[str, ...]:
    """Names for a square view with a layer for each kind."""
    reach = range(-sight, sight + 1)
    return tuple(f"{kind} at {row:+d}, {column:+d}" for row in reach for column in reach for kind in kinds)


def cell_names(kinds: tuple[str, ...], size: int) -> tuple[str, ...]:
    """Names for a whole board with a layer for each kind."""
    return tuple(
        f"{kind} in row {row}, column {column}" for row in range(size) for column in range(size) for kind in kinds
    )
