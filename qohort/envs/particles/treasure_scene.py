"""Treasure collection from above."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from qohort.envs.particles.treasure_state import EMPTY, TreasureState
from qohort.scene import Circles, Labels, Rectangles, Scene, Tone

TONES = np.array([Tone.THEIRS, Tone.GOOD, Tone.THIRD, Tone.ACCENT, Tone.SHIELD])
EDGE = 1.25


def draw(state: TreasureState, *, radius: Float[Array, " N"], treasure: float) -> Scene:
    """Kinds differ in colour and in the number of their corners.

    Args:
        state: the moment.
        radius: of each agent.
        treasure: the radius of a treasure.
    """
    collectors = state.holding.shape[0]
    people, banks = state.position[:collectors], state.position[collectors:]
    kinds = np.arange(banks.shape[0])
    hand = people + jnp.array([[0.035, 0.035]])
    return Scene(
        layers=(
            Rectangles(np.array([[-1.0, -1.0]]), np.array([[1.0, 1.0]])),
            Circles(banks, 1.3 * radius[collectors:], fill=Tone.PAPER, outline=Tone.INK),
            Circles(banks, radius[collectors:], fill=_tone(kinds), sides=3 + kinds),
            Circles(state.lying, 1.4 * treasure, fill=_tone(state.kind), sides=3 + state.kind, visible=state.there),
            Circles(people, radius[:collectors], fill=Tone.OURS),
            Labels(people, tuple(str(i + 1) for i in range(collectors)), size=0.06, tone=Tone.PAPER),
            Circles(hand, treasure, fill=_tone(state.holding), sides=3 + state.holding, visible=state.holding != EMPTY),
        ),
        bounds=(-EDGE, -EDGE, EDGE, EDGE),
        note="Small polygons: treasures. Numbered discs: collectors, with what they hold. Large polygons: banks, each "
        "of which takes treasures of its form. Who leaves the picture goes on outside of it.",
        agents=state.position,
    )


def _tone(kind: Array | np.ndarray) -> Array:
    return jnp.asarray(TONES)[kind % len(TONES)]
