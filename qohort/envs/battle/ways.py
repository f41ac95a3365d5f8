"""Shortest ways around walls, worked out once for each terrain.

A unit may be anywhere in its cell, so a way from cell to cell is straight only if a square of one cell can be pushed
along it. For such a square, every blocked cell is an obstacle of twice the size around the square's centre, and
shortest ways bend at the corners of the obstacles, which are centres of cells. A visibility graph of these corners is
therefore exact; no grid directions are involved.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Int16

TIE = 1e-6
"""Ways that differ by less are equally long."""


def waypoints(walkable: Bool[np.ndarray, "W H"]) -> Int16[np.ndarray, "C C"]:
    """Where to head for: `[from, to]` is a cell that lies straight ahead, on the shortest way; cells are x * H + y.

    It is the target's cell if the way there is straight. Instead of cells that cannot be reached, the nearest one
    that can is the target. Whoever stands where nobody can heads for the nearest cell where one can.
    """
    cells = np.argwhere(walkable)
    number = np.ravel_multi_index(tuple(cells.T), walkable.shape)
    gaps = np.where(straight(walkable, cells), _distances(cells, cells), np.inf)
    heads, lengths = _first_corners(gaps, _corners(walkable, cells))
    everywhere = np.argwhere(np.ones_like(walkable))
    ways = np.empty((walkable.size, walkable.size), np.int16)
    ways[:] = number[_distances(everywhere, cells).argmin(axis=1)][:, None]
    room = np.isfinite(lengths).argmax(axis=1)  # cells that reach each other have the same first one
    for first in np.unique(room):
        members = np.flatnonzero(room == first)
        nearest = members[_distances(everywhere, cells[members]).argmin(axis=1)]
        ways[number[members]] = number[heads[np.ix_(members, nearest)]]
    return ways


def straight(walkable: Bool[np.ndarray, "W H"], cells: Int[np.ndarray, "n 2"]) -> Bool[np.ndarray, "n n"]:
    """Whether one can walk straight from anywhere in a cell to anywhere in another; cells are sorted by x."""
    width, height = walkable.shape
    below = np.zeros((width, height + 1), np.int32)
    below[:, 1:] = np.cumsum(~walkable, axis=1)
    a, b = np.triu_indices(len(cells))
    (x, y), (dx, dy) = cells[a].T, (cells[b] - cells[a]).T
    clear = np.ones(len(a), bool)
    for column in range(int(dx.max()) + 1):
        which = np.flatnonzero(clear & (dx >= column))
        low, high = _swept(dx[which], dy[which], column)
        at, base = x[which] + column, y[which]
        clear[which] = below[at, base + high + 1] == below[at, base + low]
    sees = np.zeros((len(cells), len(cells)), bool)
    sees[a, b] = sees[b, a] = clear
    return sees


def _swept(
    dx: Int[np.ndarray, " p"], dy: Int[np.ndarray, " p"], column: int
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """The first and last cell, counted from the start, that a square pushed by (dx, dy) covers of a column."""
    run = np.maximum(dx, 1)  # straight up, the one column holds all of the way
    begin = dy * max(column - 1, 0)
    end = np.where(dx == 0, dy, dy * np.minimum(dx, column + 1))
    return np.minimum(begin, end) // run, -(-np.maximum(begin, end) // run)


def _corners(walkable: Bool[np.ndarray, "W H"], cells: Int[np.ndarray, "n 2"]) -> Int[np.ndarray, " k"]:
    """Cells where ways can bend: diagonal neighbours of a blocked cell, with both cells beside it free."""
    free = np.pad(walkable, 1)
    x, y = cells.T + 1
    bends = np.zeros(len(cells), bool)
    for dx, dy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        bends |= ~free[x + dx, y + dy] & free[x + dx, y] & free[x, y + dy]
    return np.flatnonzero(bends)


def _first_corners(
    gaps: Float[np.ndarray, "n n"], corners: Int[np.ndarray, " k"]
) -> tuple[Int[np.ndarray, "n n"], Float[np.ndarray, "n n"]]:
    """The first cell of the shortest way from each cell to each other (the farther of two), and the way's length.

    Args:
        gaps: the lengths of straight ways, infinite where there is none.
        corners: cells where ways can bend.
    """
    between = gaps[np.ix_(corners, corners)]
    for k in range(len(corners)):
        between = np.minimum(between, between[:, k, None] + between[None, k])
    rest = np.full((len(corners), len(gaps)), np.inf)
    for k, corner in enumerate(corners):
        rest = np.minimum(rest, between[:, k, None] + gaps[None, corner])
    heads = np.broadcast_to(np.arange(len(gaps)), gaps.shape).copy()
    lengths = gaps.copy()
    strides = gaps.copy()
    for k, corner in enumerate(corners):
        stride = gaps[:, corner, None]
        length = stride + rest[None, k]
        better = (length < lengths - TIE) | ((length < lengths + TIE) & (stride > strides))
        heads, lengths = np.where(better, corner, heads), np.where(better, length, lengths)
        strides = np.where(better, stride, strides)
    return heads, lengths


def _distances(a: Int[np.ndarray, "n 2"], b: Int[np.ndarray, "m 2"]) -> Float[np.ndarray, "n m"]:
    return np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=-1))
