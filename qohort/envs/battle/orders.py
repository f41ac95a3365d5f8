"""What a unit can be told to do."""

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

NOBODY = -1
"""As the number of a unit."""


class Order(enum.IntEnum):
    """The orders; the first is for commands only and leaves a unit with the order it has."""

    NONE = 0
    STOP = 1
    MOVE = 2
    """Go to a place and stay."""
    ATTACK = 3
    """Walk until a unit is in range, attack it, and follow it until it is dead."""
    HEAL = 4
    """The same with healing."""
    ATTACK_MOVE = 5
    """Go to a place, and attack on the way whatever the unit chooses."""


class Orders(eqx.Module):
    """What units have been told to do; see `Order`."""

    order: Int[Array, "n ..."]
    target: Int[Array, "n ..."]
    """The unit that is attacked or healed, or `NOBODY`."""
    x: Float[Array, "n ..."]
    """Where to, if it is a place."""
    y: Float[Array, "n ..."]


def given(orders: Orders, commands: Orders) -> Orders:
    """The orders after commands: who is commanded nothing keeps the order it has."""
    kept = commands.order == Order.NONE
    return jax.tree.map(lambda old, new: jnp.where(kept, old, new), orders, commands)


def nothing(n: int) -> Orders:
    """No command for any of `n` units."""
    return Orders(
        order=jnp.full(n, Order.NONE, jnp.int32),
        target=jnp.full(n, NOBODY, jnp.int32),
        x=jnp.zeros(n),
        y=jnp.zeros(n),
    )


def side_by_side(allies: Orders, enemies: Orders) -> Orders:
    """The orders of all units, from those of the two sides."""
    return jax.tree.map(lambda *sides: jnp.concatenate(sides), allies, enemies)
