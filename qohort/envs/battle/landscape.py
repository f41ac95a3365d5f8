"""The ground of a battle, drawn: what can be walked on is light, what cannot is dark, high ground is lightest."""

import math

import numpy as np
from jaxtyping import Bool, Float

from qohort.envs.battle.terrain import Terrain
from qohort.scene import Layer, Lines, Rectangles, Tone

RIM = 1.25
"""How much of what lies beyond the border is shown."""
TICK = 1e-4
"""Heights that differ by less are equal."""


def bounds(terrain: Terrain) -> tuple[float, float, float, float]:
    """What to show: everything where units may be, and a rim."""
    left, bottom, right, top = terrain.box
    return left - RIM, bottom - RIM, math.ceil(right) + RIM, math.ceil(top) + RIM


def landscape(terrain: Terrain) -> tuple[Layer, ...]:
    """Layers that lie below the units; the same at every moment."""
    walkable, height = np.asarray(terrain.walkable), np.asarray(terrain.height)
    left, bottom, right, top = bounds(terrain)
    plain = _plain(walkable, height)
    raised = walkable & (height > plain + TICK)
    summit = raised & (height > height[raised].max(initial=plain) - TICK)
    wall = Rectangles([[left, bottom]], [[right, top]], fill=Tone.WALL)
    ground = Rectangles(*_blocks(walkable), fill=Tone.GROUND)
    layers: list[Layer] = [wall, ground]
    if summit.any():
        layers.append(Rectangles(*_blocks(summit), fill=Tone.PAPER))
    layers.append(_grid(walkable))
    if summit.any():
        layers.append(_ramps(raised & ~summit))
    return (*layers, _edges(walkable))


def _plain(walkable: Bool[np.ndarray, "W H"], height: Float[np.ndarray, "W H"]) -> float:
    """The height of most of the ground."""
    levels, counts = np.unique(height[walkable], return_counts=True)
    return float(levels[: counts.argmax() + 1].min())


def _ramps(ramps: Bool[np.ndarray, "W H"]) -> Lines:
    """Steps up, one at each edge between the columns of a ramp."""
    columns = np.pad(ramps, ((1, 1), (0, 0)))
    upright = columns[:-1] | columns[1:]
    return Lines(*_segments(upright, np.zeros((1, 1), bool)), tone=Tone.MUTED, weight=0.7)


def _grid(walkable: Bool[np.ndarray, "W H"]) -> Lines:
    """The cells of the ground, for a feeling of distance."""
    upright, level = walkable[:-1] & walkable[1:], walkable[:, :-1] & walkable[:, 1:]
    return Lines(
        *_segments(np.pad(upright, ((1, 1), (0, 0))), np.pad(level, ((0, 0), (1, 1)))), tone=Tone.FAINT, weight=0.4
    )


def _edges(walkable: Bool[np.ndarray, "W H"]) -> Lines:
    """The outline of the ground."""
    padded = np.pad(walkable, 1)
    upright, level = padded[:-1, 1:-1] != padded[1:, 1:-1], padded[1:-1, :-1] != padded[1:-1, 1:]
    return Lines(*_segments(upright, level), tone=Tone.INK, weight=1.0)


def _segments(
    upright: Bool[np.ndarray, "V H"], level: Bool[np.ndarray, "W L"]
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Starts and ends of lines along the marked sides of cells.

    Args:
        upright: `[x, y]` is the side from (x, y) up to (x, y + 1).
        level: `[x, y]` is the side from (x, y) right to (x + 1, y).
    """
    lines = [(x, y, x, end) for x, column in enumerate(upright) for y, end in _runs(column)]
    lines += [(x, y, end, y) for y, row in enumerate(level.T) for x, end in _runs(row)]
    ends = np.array(lines, float).reshape(-1, 4)
    return ends[:, :2], ends[:, 2:]


def _blocks(cells: Bool[np.ndarray, "W H"]) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Few rectangles that cover the cells: runs of a row, joined with equal runs of the rows below."""
    open_runs: dict[tuple[int, int], int] = {}
    blocks = []
    for y in range(cells.shape[1] + 1):
        runs = _runs(cells[:, y]) if y < cells.shape[1] else []
        for run in [run for run in open_runs if run not in runs]:
            blocks.append((run[0], open_runs.pop(run), run[1], y))
        for run in runs:
            open_runs.setdefault(run, y)
    corners = np.array(blocks, float).reshape(-1, 4)
    return corners[:, :2], corners[:, 2:]


def _runs(row: Bool[np.ndarray, " W"]) -> list[tuple[int, int]]:
    """First cells of runs, and the cells after their last ones."""
    changes = np.flatnonzero(np.diff(np.pad(row.astype(int), 1)))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))
