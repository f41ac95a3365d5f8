"""What changes during a battle.

All units stand in one row: the allies first, in the order of the agents, then the enemies. A dead unit keeps its
place with no health. Positions have one array per coordinate, x to the east and y to the north, because compiled
loops over units are then contiguous.
"""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int

NOBODY = -1
"""As the number of a unit."""


class Orders(eqx.Module):
    """What units have been told to do; see `orders.Order`."""

    order: Int[Array, "*rows n"]
    target: Int[Array, "*rows n"]
    """The unit that is attacked or healed, or `NOBODY`."""
    x: Float[Array, "*rows n"]
    """Where to, if it is a place."""
    y: Float[Array, "*rows n"]


class Snapshot(eqx.Module):
    """One moment, as replay stores it and observation reads it."""

    kind: Int[Array, "*rows n"]
    x: Float[Array, "*rows n"]
    y: Float[Array, "*rows n"]
    health: Float[Array, "*rows n"]
    shield: Float[Array, "*rows n"]
    energy: Float[Array, "*rows n"]
    cooldown: Float[Array, "*rows n"]
    """Ticks until the weapon can be used again."""
    aims_at: Int[Array, "*rows n"]
    """Whom a unit is shooting at or healing at this moment, or `NOBODY`; only pictures use it."""
    last_action: Int[Array, "*rows A"]
    """-1 before the first step."""
    step: Int[Array, "*rows"]
    """Environment steps taken in this episode."""
    facing: Int[Array, "*rows A"] | None
    """Where an agent's sight cone points, in twelfths of a circle from the east; only with sight cones."""
    permitted: Int[Array, "*rows W"] | None
    """Which enemies each agent may see, as the bits of a matrix A by E, agents first; only with hidden enemies."""

    @property
    def alive(self) -> Bool[Array, "*rows n"]:
        return self.health > 0


class BattleState(eqx.Module):
    """Everything that changes."""

    kind: Int[Array, "*rows n"]
    x: Float[Array, "*rows n"]
    y: Float[Array, "*rows n"]
    health: Float[Array, "*rows n"]
    shield: Float[Array, "*rows n"]
    energy: Float[Array, "*rows n"]
    cooldown: Float[Array, "*rows n"]
    orders: Orders
    action: Any
    """What weapons are doing; see `combat`."""
