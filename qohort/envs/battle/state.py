"""What changes during a battle.

All units stand in one row: the allies first, in the order of the agents, then the enemies. A dead unit keeps its
place with no health. Positions have one array per coordinate, x to the east and y to the north, because compiled
loops over units are then contiguous.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.combat import Attack
from qohort.envs.battle.healing import FIRST_ENERGY
from qohort.envs.battle.orders import NOBODY, Order, Orders
from qohort.envs.battle.permission import Permission
from qohort.envs.battle.units import Stats


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

    kind: Int[Array, "n ..."]
    x: Float[Array, "n ..."]
    y: Float[Array, "n ..."]
    health: Float[Array, "n ..."]
    shield: Float[Array, "n ..."]
    energy: Float[Array, "n ..."]
    cooldown: Float[Array, "n ..."]
    speed: Float[Array, "n ..."]
    """Of fliers, which gather it."""
    calm: Float[Array, "n ..."]
    """Ticks since the last damage."""
    turns: Float[Array, "n ..."]
    """On which side a unit goes round what blocks it: 1 for the left, -1 for the right."""
    bursting: Bool[Array, "n ..."]
    """Who was killed in the last tick and explodes in the next."""
    healing: Bool[Array, "n ..."]
    attack: Attack
    orders: Orders
    focus: Int[Array, "n ..."]
    """Whom a unit attacks or heals."""
    anchor_x: Float[Array, "n ..."]
    """Where it was when it chose a target and had none."""
    anchor_y: Float[Array, "n ..."]
    attacker: Int[Array, "e ..."]
    """Who hit each enemy in this step, or `NOBODY`."""
    until_call: Float[Array, "e ..."]
    """Ticks until an enemy may call for help again."""
    last_action: Int[Array, "A ..."]
    step: Int[Array, "..."]
    ended: Bool[Array, "..."]
    """Won, lost or drawn already; what happens after that is not paid."""
    facing: Int[Array, "A ..."] | None
    permission: Permission | None
    opponent: Any
    """What the opponent remembers."""

    @property
    def alive(self) -> Bool[Array, "n ..."]:
        return self.health > 0


def muster(
    kind: Int[Array, " n"],
    x: Float[Array, " n"],
    y: Float[Array, " n"],
    *,
    stats: Stats,
    n_allies: int,
) -> BattleState:
    """A battle that has not begun: everyone in full health, with nothing to do; every other unit turns left.

    Args:
        kind: of each unit, allies first.
        x: where each unit stands.
        y: likewise.
        stats: what the kinds mean.
        n_allies: how many are allies.
    """
    n = len(kind)
    zero, nobody, never = jnp.zeros(n), jnp.full(n, NOBODY, jnp.int32), jnp.full(n, jnp.inf, jnp.float32)
    return BattleState(
        kind=kind,
        x=x,
        y=y,
        health=jnp.broadcast_to(stats.health, (n,)),
        shield=jnp.broadcast_to(stats.shield, (n,)),
        energy=jnp.where(stats.heals, FIRST_ENERGY, 0.0),
        cooldown=zero,
        speed=zero,
        calm=zero,
        turns=1.0 - 2.0 * (jnp.arange(n) % 2).astype(jnp.float32),
        bursting=jnp.zeros(n, bool),
        healing=jnp.zeros(n, bool),
        attack=Attack(windup=never, prey=nobody, flight=never, launched_at=nobody),
        orders=Orders(order=jnp.full(n, Order.STOP, jnp.int32), target=nobody, x=x, y=y),
        focus=nobody,
        anchor_x=x,
        anchor_y=y,
        attacker=nobody[n_allies:],
        until_call=zero[n_allies:],
        last_action=jnp.full(n_allies, -1, jnp.int32),
        step=jnp.int32(0),
        facing=None,
        permission=None,
        ended=jnp.zeros((), bool),
        opponent=None,
    )
