"""What the scenes of boards have in common."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qohort.envs.grids.board import Board
from qohort.scene import Lines, Rectangles, Tone


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
