"""Boards drawn with letters, for tests that lay them out by hand."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from qohort.envs.grids import Board


def rows(picture: str) -> list[list[str]]:
    return [line.split() for line in picture.strip().splitlines()]


def places(board: Board, picture: str, who: str) -> Int[Array, " n"]:
    """Where the marks are, in the order of `who`."""
    cells = rows(picture)
    assert [len(cells), *map(len, cells)] == [board.size] * (board.size + 1)
    at = {mark: board.place(r, c) for r, row in enumerate(cells) for c, mark in enumerate(row)}
    return jnp.array([at[mark] for mark in who], jnp.int32)


def at(board: Board, place: Int[Array, ""] | int) -> tuple[int, int]:
    """Row and column."""
    row, column = np.divmod(int(place), board.width)
    return int(row) - board.rim, int(column) - board.rim
