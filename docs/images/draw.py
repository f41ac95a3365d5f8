"""The pictures of games by tables and of the relay: `python docs/images/draw.py [FOLDER]`. Needs the extra `video`."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

import qohort
from qohort.envs.games import Relay, additive_projection
from qohort.envs.games.matrix import PAYOFFS
from qohort.envs.games.partial_matrix import FIRST, SECOND
from qohort.report.raster import draw, write_png
from qohort.scene import Circles, Labels, Layer, Lines, Rectangles, Scene, Tone

STEPS = 7
"""After so many steps of the race its picture is taken."""


def main(folder: Path) -> None:
    """Draw them all."""
    for name, picture in {
        "payoff": payoffs(),
        "two-step": two_step(),
        "two-matrices": two_matrices(),
        "relay": relay(),
    }.items():
        print(write_png(picture.quantize(64, dither=Image.Dither.NONE), folder / f"{name}.png"))


def payoffs() -> Image.Image:
    """Every payoff game, its best joint actions, and what the nearest sum of utilities prefers."""
    penalty = np.asarray(qohort.make("games/penalty").payoff)  # pyright: ignore[reportAttributeAccessIssue]
    rows = (("and", "or", "qtran-matrix", "climbing"), ("penalty", "qplex-matrix-1", "qplex-matrix-3"))
    layers: list[Layer] = []
    for names, y in zip(rows, (5.2, 0.0), strict=True):
        x = 0.0
        for name in names:
            values = penalty if name == "penalty" else np.array(PAYOFFS[name], float)
            layers += table(values, at=(x, y), title=name, preferred=True)
            x += len(values[0]) + 1.6
    note = (
        "Rows are actions of agent 0, columns of agent 1. Yellow: the best joint actions. "
        "Framed: where the sum of utilities that is nearest to the table is greatest."
    )
    return draw(Scene(layers=tuple(layers), bounds=(-0.8, -0.3, 14.9, 9.4), note=note))


def two_step() -> Image.Image:
    """Where agent 0's first action leads, and what the second step brings."""
    start, ends = np.array([0.0, 2.7]), np.array([[3.6, 4.65], [3.6, 0.75]])
    ways = Lines(np.tile(start, (2, 1)), ends, weight=2.0)
    words = Labels(
        np.array([[1.3, 4.25], [1.3, 1.15], start]),
        ("agent 0: A", "agent 0: B", "1"),
        size=0.36,
        tone=np.array([Tone.INK, Tone.INK, Tone.PAPER]),
    )
    layers = (
        ways,
        Circles(start[None], 0.45, fill=Tone.OURS),
        words,
        *table(np.full((2, 2), 7.0), at=(4.5, 3.3), title="2A"),
        *table(np.array([[0.0, 1.0], [1.0, 8.0]]), at=(4.5, -0.6), title="2B"),
    )
    note = "The first step brings nothing. In the second one rows are actions of agent 0, columns of agent 1."
    return draw(Scene(layers=layers, bounds=(-0.8, -0.8, 7.0, 6.4), note=note), width=480)


def two_matrices() -> Image.Image:
    """Both matrices, with what is best in each."""
    layers = [
        *table(np.array(FIRST), at=(0.0, 0.0), title="first matrix"),
        *table(np.array(SECOND), at=(4.6, 0.0), title="second matrix"),
    ]
    note = "Rows are actions of agent 0, columns of agent 1. Yellow: the best joint action of each matrix."
    return draw(Scene(layers=tuple(layers), bounds=(-0.9, -0.3, 7.9, 4.5), note=note), width=560)


def relay() -> Image.Image:
    """A race in progress: the carrier takes a way without a hurdle wherever it sees one."""
    env = Relay()
    state = env.reset(jax.random.key(3))
    for time in range(STEPS):
        seen = env.observe(env.snapshot(state))
        ahead = np.asarray(state.hurdles)[int(state.column)]
        free = [action for action, move in ((2, 0), (1, -1), (3, 1)) if 0 <= int(state.lane) + move < len(ahead)]
        free = [action for action in free if not ahead[int(state.lane) + action - 2]] or free
        carrying = jnp.asarray(seen.obs[:, 0], jnp.int32)
        state, _ = env.step(jax.random.key(time), state, carrying * free[0])
    return draw(env.scene(env.snapshot(state)))


def table(values: np.ndarray, *, at: tuple[float, float], title: str, preferred: bool = False) -> list[Layer]:
    """A payoff table with its lower left corner at a place."""
    high, wide = values.shape
    row, column = np.divmod(np.arange(values.size), wide)
    low = np.array(at) + np.stack([column, high - 1 - row], axis=1)
    entries = values.ravel()
    projected = additive_projection(values).ravel()
    framed = low[projected > projected.max() - 1e-9] if preferred else low[:0]
    letters = tuple("ABC"[:wide]) + tuple("ABC"[:high])
    beside = [[at[0] + k + 0.5, at[1] + high + 0.22] for k in range(wide)]
    beside += [[at[0] - 0.25, at[1] + high - 0.5 - k] for k in range(high)]
    layers: list[Layer] = [
        Rectangles(
            low,
            low + 1.0,
            fill=np.where(entries == entries.max(), Tone.ACCENT, Tone.GROUND),
            outline=Tone.MUTED,
        ),
        Labels(low + 0.5, tuple(f"{value:g}" for value in entries), size=0.36),
        Labels(np.array(beside), letters, size=0.28, tone=Tone.MUTED),
        Labels(np.array([[at[0], at[1] + high + 0.75]]), (title,), size=0.36, anchor="left"),
    ]
    if len(framed):
        ends = np.array([[0.06, 0.06], [0.94, 0.06], [0.94, 0.94], [0.06, 0.94]])
        starts = np.concatenate([framed + end for end in ends])
        stops = np.concatenate([framed + end for end in np.roll(ends, -1, axis=0)])
        layers.append(Lines(starts, stops, tone=Tone.INK, weight=2.5))
    return layers


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
