"""Which unit is which agent."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qohort.envs.battle.units import Kind

BY_NAME: tuple[Kind, ...] = tuple(sorted(Kind, key=lambda kind: kind.name))
"""SMAC sorts by the numbers of its own kinds of unit, which grow with their names, in all maps and in SMACv2."""

RANKS = np.array([BY_NAME.index(kind) for kind in Kind], np.int32)


def agent_order(kind: Int[Array, " A"], x: Float[Array, " A"], y: Float[Array, " A"]) -> Int[Array, " A"]:
    """Which unit becomes agent 0, which agent 1, and so on: by kind, then from west to east, then from the south."""
    return jnp.lexsort((y, x, jnp.asarray(RANKS)[kind]))
