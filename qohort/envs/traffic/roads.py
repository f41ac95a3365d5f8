"""The roads of the traffic junctions, and the routes over them, as tables.

A cell is (row, column), counted from the upper left corner. Traffic keeps to the right: of a road of two lanes that
runs up and down, the left lane leads down; of one that runs across, the upper lane leads to the left.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from jaxtyping import Int

from qohort.errors import QohortError

Cell = tuple[int, int]

DOWN, RIGHT, UP, LEFT = (1, 0), (0, 1), (-1, 0), (0, -1)
TURNS = ("straight", "right", "left")


@dataclasses.dataclass(frozen=True)
class Roads:
    """A network of roads, unrolled into its routes."""

    size: int
    """Rows, and columns."""
    paths: Int[np.ndarray, "R L 2"]
    """The cells of each route; a shorter one repeats its last cell."""
    lengths: Int[np.ndarray, " R"]
    """How many cells a route has."""
    entries: int
    """The places where cars arrive. Route `k` starts at entry `k // (R / entries)`: all have equally many."""
    lanes: tuple[tuple[Cell, Cell], ...]
    """The first and the last cell of each lane."""

    @property
    def cells(self) -> list[Cell]:
        """The cells of the roads, row by row."""
        lanes = ({*_drive(first, _heading(first, last), (), self.size, set())} for first, last in self.lanes)
        return sorted(set().union(*lanes))

    @property
    def headings(self) -> Int[np.ndarray, "R L 2"]:
        """Where each cell of a route leads; the last one as the one before it."""
        ways = np.diff(self.paths, axis=1, append=self.paths[:, -1:])
        for way, length in zip(ways, self.lengths, strict=True):
            way[length - 1 :] = way[length - 2]
        return ways


def roads(difficulty: str, size: int) -> Roads:
    """Lay out the roads of a difficulty.

    Args:
        difficulty: `easy` is two one-way roads that cross, `medium` two roads of two lanes, `hard` four of them.
        size: rows, and columns.
    """
    lanes, turns = _lanes(difficulty, size), {"easy": 0, "medium": 1, "hard": 2}[difficulty]
    across = {first[0] for first, last in lanes if first[0] == last[0]}
    down = {first[1] for first, last in lanes if first[1] == last[1]}
    junctions = set(product(across, down))
    routes = [
        route
        for first, last in lanes
        # A car that leaves after its first turn takes the same route whatever its second one would have been.
        for route in dict.fromkeys(
            tuple(_drive(first, _heading(first, last), plan, size, junctions)) for plan in product(TURNS, repeat=turns)
        )
    ]
    longest = max(map(len, routes))
    paths = [[*route, *[route[-1]] * (longest - len(route))] for route in routes]
    return Roads(size, np.array(paths), np.array([*map(len, routes)]), len(lanes), tuple(lanes))


def _lanes(difficulty: str, size: int) -> list[tuple[Cell, Cell]]:
    """First and last cells: the lanes that lead down, then those to the right, up, and to the left."""
    end = size - 1
    if difficulty == "easy":
        _refuse(difficulty, size, fits=size % 2 == 1 and size >= 3, rule="odd and at least 3")
        middle = size // 2
        return [((0, middle), (end, middle)), ((middle, 0), (middle, end))]
    if difficulty == "medium":
        _refuse(difficulty, size, fits=size % 2 == 0 and size >= 4, rule="even and at least 4")
        first = [size // 2 - 1]
    else:
        _refuse(difficulty, size, fits=size % 3 == 0 and size >= 9, rule="a multiple of 3 and at least 9")
        first = [size // 3 - 2, 2 * size // 3]
    return [
        *(((0, x), (end, x)) for x in first),
        *(((y + 1, 0), (y + 1, end)) for y in first),
        *(((end, x + 1), (0, x + 1)) for x in first),
        *(((y, end), (y, 0)) for y in first),
    ]


def _refuse(difficulty: str, size: int, *, fits: bool, rule: str) -> None:
    if not fits:
        raise QohortError(f"traffic/{difficulty}: `size` is {size}, but it must be {rule}, so that the roads fit.")


def _heading(first: Cell, last: Cell) -> Cell:
    return int(np.sign(last[0] - first[0])), int(np.sign(last[1] - first[1]))


def _drive(start: Cell, heading: Cell, plan: Sequence[str], size: int, junctions: set[Cell]) -> Iterator[Cell]:
    """From the edge to the edge. After its plan a car goes straight on."""
    turns, turn, inside, here = iter(plan), "straight", 0, start
    while 0 <= here[0] < size and 0 <= here[1] < size:
        yield here
        inside = inside + 1 if here in junctions else 0
        if inside == 1:
            turn = next(turns, "straight")
        if (turn, inside) == ("right", 1):
            heading = (heading[1], -heading[0])
        if (turn, inside) == ("left", 2):
            heading = (-heading[1], heading[0])
        here = (here[0] + heading[0], here[1] + heading[1])
