"""What the scenes of boards have in common."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qohort.envs.grids.board import Board
from qohort.scene import Lines, Rectangles, Tone

COUNTED = 1_000
"""So many texts are written into a page at the most."""


def middles(board: Board, places: Int[Array, " n"]) -> Float[Array, "n 2"]:
    """The middles of cells; the board is a square from (0, 0) to (size, size)."""
    row, column = board.coordinates(places).T
    return jnp.stack([column + 0.5, board.size - row - 0.5], axis=1).astype(jnp.float32)


def ground(board: Board) -> tuple[Rectangles, Lines]:
    """The board and the lines between its cells."""
    size = board.size
    between = np.arange(size + 1.0)
    from_, to = np.zeros_like(between), np.full_like(between, size)
    lines = Lines(
        np.concatenate([np.stack([between, from_], axis=1), np.stack([from_, between], axis=1)]),
        np.concatenate([np.stack([between, to], axis=1), np.stack([to, between], axis=1)]),
        tone=Tone.FAINT,
    )
    return Rectangles(np.zeros((1, 2)), np.full((1, 2), size), fill=Tone.GROUND), lines


def bounds(board: Board) -> tuple[float, float, float, float]:
    """The board with room for a line of text above it."""
    margin = 0.03 * board.size
    return (-margin, -margin, board.size + margin, board.size + 3 * margin)


def counts(before: str, most: int) -> tuple[str, ...]:
    """Texts that end with 0, 1, 2 and so on, for labels that count; beyond `COUNTED` there is only one."""
    if most <= COUNTED:
        return tuple(f"{before}{k}" for k in range(most + 1))
    return (*(f"{before}{k}" for k in range(COUNTED)), f"{before}{COUNTED} or more")


def side_by_side(places: Int[Array, " n"]) -> Float[Array, "n 2"]:
    """How far to move marks that share a cell, so that all of them are seen: the others stay in the middle."""
    same = places[:, None] == places[None, :]
    rank, shared = jnp.tril(same, k=-1).sum(axis=1), same.sum(axis=1) > 1
    return jnp.where(shared, 0.28 * rank - 0.14, 0.0)[:, None] * jnp.ones((1, 2))
