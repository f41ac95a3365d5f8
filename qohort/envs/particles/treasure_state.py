"""What changes in treasure collection."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int

EMPTY = -1


class TreasureState(eqx.Module):
    """Where everyone and everything is. Collectors come before banks; bank k takes treasures of kind k."""

    position: Float[Array, "*rows N 2"]
    velocity: Float[Array, "*rows N 2"]
    holding: Int[Array, "*rows C"]
    """The kind of treasure that a collector holds, or -1."""
    lying: Float[Array, "*rows T 2"]
    """Where the treasures are."""
    kind: Int[Array, "*rows T"]
    there: Bool[Array, "*rows T"]
    """Whether a treasure is there at all."""
    time: Int[Array, "*rows"]
    collected: Int[Array, "*rows"]
    deposited: Int[Array, "*rows"]
    collisions: Int[Array, "*rows"]
