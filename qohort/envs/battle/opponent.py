"""Who commands the enemies.

SMAC's opponent gives one order when an episode begins, and the units' own rules do the rest (`March`, `Stand`);
SMACv2's sends every idle unit after the nearest ally (`Chase`). A function of yours, or a trained team, can command
them too: see `commander`.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.envs.battle import targeting
from qohort.envs.battle.arena import Arena
from qohort.envs.battle.orders import NOBODY, Order, Orders, nothing
from qohort.envs.battle.scenario import AttackMove, Hold, Hunt, Plan
from qohort.envs.battle.state import BattleState

Memory = Any


class AbstractOpponent(eqx.Module):
    """Gives orders to the enemies, once at the beginning and then before each step."""

    autonomous: eqx.AbstractVar[bool]
    """Whether units without a command choose targets by themselves, as the game's units do."""
    draws: eqx.AbstractVar[bool]
    """Whether `command` needs random numbers."""

    @abc.abstractmethod
    def begin(self, key: PRNGKeyArray, enemies: int) -> tuple[Orders, Memory]:
        """The orders with which enemies appear, and what to remember of them."""

    @abc.abstractmethod
    def command(self, key: PRNGKeyArray, arena: Arena, state: BattleState) -> tuple[Orders, Memory]:
        """New orders; those of `Order.NONE` leave a unit with what it is doing. Targets are numbered as in `state`."""


class March(AbstractOpponent):
    """All attack-move to one point, or to one that is drawn on the segment between two."""

    to: Float[Array, "2"]
    until: Float[Array, "2"] | None
    autonomous: bool = eqx.field(static=True, default=True)
    draws: bool = eqx.field(static=True, default=False)

    def begin(self, key: PRNGKeyArray, enemies: int) -> tuple[Orders, Memory]:
        goal = self.to if self.until is None else self.to + jax.random.uniform(key) * (self.until - self.to)
        return (
            Orders(
                order=jnp.full(enemies, Order.ATTACK_MOVE, jnp.int32),
                target=jnp.full(enemies, NOBODY, jnp.int32),
                x=jnp.full(enemies, goal[0]),
                y=jnp.full(enemies, goal[1]),
            ),
            None,
        )

    def command(self, key: PRNGKeyArray, arena: Arena, state: BattleState) -> tuple[Orders, Memory]:
        return nothing(len(state.x) - arena.n_allies), None


class Stand(AbstractOpponent):
    """Nobody is told anything: units fight what comes near."""

    autonomous: bool = eqx.field(static=True, default=True)
    draws: bool = eqx.field(static=True, default=False)

    def begin(self, key: PRNGKeyArray, enemies: int) -> tuple[Orders, Memory]:
        return _idle(enemies), None

    def command(self, key: PRNGKeyArray, arena: Arena, state: BattleState) -> tuple[Orders, Memory]:
        return nothing(len(state.x) - arena.n_allies), None


class Chase(AbstractOpponent):
    """Whoever has nothing to do attacks the nearest ally, and follows it until it is dead."""

    autonomous: bool = eqx.field(static=True, default=True)
    draws: bool = eqx.field(static=True, default=False)

    def begin(self, key: PRNGKeyArray, enemies: int) -> tuple[Orders, Memory]:
        return _idle(enemies), None

    def command(self, key: PRNGKeyArray, arena: Arena, state: BattleState) -> tuple[Orders, Memory]:
        a = arena.n_allies
        found = targeting.nearest(
            state.x[a:],
            state.y[a:],
            state.x[:a],
            state.y[:a],
            reach=jnp.full((1, 1), jnp.inf),
            wanted=state.alive[None, :a] & arena.theirs.can_hit,
            penalty=jnp.zeros((1, 1)),
        )
        sent = (state.orders.order[a:] == Order.STOP) & (found >= 0)
        return (
            Orders(
                order=jnp.where(sent, Order.ATTACK, Order.NONE),
                target=found,
                x=jnp.zeros_like(state.x[a:]),
                y=jnp.zeros_like(state.y[a:]),
            ),
            None,
        )


def of_plan(plan: Plan) -> AbstractOpponent:
    """Who carries out what a scenario's enemies are up to."""
    match plan:
        case AttackMove():
            until = None if plan.until is None else jnp.array(plan.until, jnp.float32)
            return March(to=jnp.array(plan.to, jnp.float32), until=until)
        case Hunt():
            return Chase()
        case Hold():
            return Stand()


def _idle(enemies: int) -> Orders:
    return Orders(
        order=jnp.full(enemies, Order.STOP, jnp.int32),
        target=jnp.full(enemies, NOBODY, jnp.int32),
        x=jnp.zeros(enemies),
        y=jnp.zeros(enemies),
    )
