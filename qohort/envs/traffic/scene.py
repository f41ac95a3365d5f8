"""A traffic junction from above."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from qohort.envs.traffic.roads import Cell
from qohort.envs.traffic.state import TrafficState
from qohort.scene import Circles, Labels, Lines, Rectangles, Scene, Tone


def draw(
    state: TrafficState,
    cells: Int[Array, "N 2"],
    headings: Int[Array, "N 2"],
    crashed: Bool[Array, " N"],
    *,
    lanes: tuple[tuple[Cell, Cell], ...],
    size: int,
) -> Scene:
    """Cars point where they go; those that collide are of another colour, side by side in a ring.

    Args:
        state: the moment.
        cells: where each car is.
        headings: where it goes.
        crashed: whether it is in a collision.
        lanes: the first and the last cell of each lane.
        size: rows, and columns.
    """
    driving = state.route >= 0
    same = (cells[:, None] == cells[None, :]).all(axis=-1) & crashed[:, None] & crashed[None, :]
    before = jnp.tril(same, k=-1).sum(axis=1)[:, None]
    shift = jnp.where(crashed[:, None], jnp.array([[0.28, 0.28]]) * before - 0.14, 0.0)
    middle, way = _point(cells, size), _way(headings)
    centre = middle + shift
    side = way[:, ::-1] * jnp.array([[1.0, -1.0]])
    bumper = centre + 0.4 * way
    drove = driving & ~state.braked & (state.waited > 0)  # who has just arrived has not
    return Scene(
        layers=(
            *_ground(np.array(lanes), size),
            Circles(middle, 0.62, fill=Tone.NONE, outline=Tone.THEIRS, visible=driving & crashed),
            Lines(
                bumper - 0.2 * side,
                bumper + 0.2 * side,
                weight=3.0,
                visible=drove,
            ),
            Lines(
                centre - 0.4 * way - 0.25 * side,
                centre - 0.4 * way + 0.25 * side,
                tone=Tone.ACCENT,
                weight=5.0,
                visible=driving & state.braked,
            ),
            Circles(centre, 0.36, fill=jnp.where(crashed, Tone.THEIRS, Tone.OURS), visible=driving),
            Labels(centre, tuple(str(i + 1) for i in range(len(cells))), size=0.42, tone=Tone.PAPER, visible=driving),
            Labels(
                np.array([[size - 0.2, 1.03 * size]]),
                ("no collision so far", "there was a collision"),
                size=0.042 * size,
                which=(state.collisions > 0).astype(jnp.int32),
                anchor="right",
            ),
            Labels(
                np.array([[0.2, 1.03 * size]]),
                tuple(f"on the road: {k} of {len(cells)}" for k in range(len(cells) + 1)),
                size=0.042 * size,
                which=driving.sum(),
                anchor="left",
            ),
        ),
        bounds=(0.0, 0.0, float(size), 1.06 * size),
        note="Strokes at the edge: where cars arrive. A dark line in front of a car: it drove. A bright bar behind it: "
        "it braked. A ring: a collision.",
        agents=centre.astype(jnp.float32),
    )


def _ground(lanes: Int[np.ndarray, "E 2 2"], size: int) -> tuple[Rectangles, Lines, Lines]:
    """The lanes, the dashes between those of one road, and a stroke where each begins."""
    first, last = _corner(lanes[:, 0], size), _corner(lanes[:, 1], size)
    low, high = np.minimum(first, last), np.maximum(first, last) + 1.0
    across = (lanes[:, 0, 0] == lanes[:, 1, 0])[:, None]
    ground = Rectangles(low, high, fill=Tone.FAINT)
    # Of a road's two lanes, the one that leads up or right has its partner at its upper or left side.
    opposite = np.sign(last - first).sum(axis=1) > 0
    edge = np.where(across, [[0.0, 1.0]], [[0.0, 0.0]])
    split = Lines(
        low + edge,
        np.where(across, high, np.stack([low[:, 0], high[:, 1]], axis=1)),
        tone=Tone.PAPER,
        dashed=True,
        visible=opposite & (len(lanes) > 2),
    )
    middle = first + 0.5
    back = np.sign(first - last) * 0.45
    stroke = np.where(across, [[0.0, 0.4]], [[0.4, 0.0]])
    return ground, split, Lines(middle + back - stroke, middle + back + stroke, tone=Tone.GOOD, weight=3.0)


def _corner(cells: Int[np.ndarray, "n 2"], size: int) -> np.ndarray:
    """The lower left corner of each cell; rows grow downwards."""
    return np.stack([cells[:, 1], size - 1 - cells[:, 0]], axis=1).astype(np.float64)


def _point(cells: Int[Array, "N 2"], size: int) -> Array:
    return jnp.stack([cells[:, 1] + 0.5, size - 0.5 - cells[:, 0]], axis=1)


def _way(headings: Int[Array, "N 2"]) -> Array:
    return jnp.stack([headings[:, 1], -headings[:, 0]], axis=1).astype(jnp.float32)
