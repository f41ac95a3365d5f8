"""Skirmishes: a few units that stand where a test puts them, do what it tells them, and are filmed tick by tick."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.envs.battle import engine
from qohort.envs.battle.arena import Arena, Physics, arena
from qohort.envs.battle.opponent import AbstractOpponent, Stand, of_plan
from qohort.envs.battle.orders import NOBODY, Order, Orders, given, side_by_side
from qohort.envs.battle.scenario import Plan
from qohort.envs.battle.spawn import Appeared
from qohort.envs.battle.state import BattleState, muster
from qohort.envs.battle.terrain import Terrain, from_grid
from qohort.envs.battle.units import TICKS_PER_STEP, Data, Kind, Stats, table

FIELD = from_grid(np.ones((64, 64), bool))
MIDDLE = 32.0
"""Of the field, far from its borders."""

PUPPETS = dataclasses.replace(Stand(), autonomous=False)

Place = tuple[Kind, float, float]
Command = tuple[Order, int, float, float]

STOP: Command = (Order.STOP, NOBODY, 0.0, 0.0)


def move(x: float, y: float) -> Command:
    return Order.MOVE, NOBODY, x, y


def march(x: float, y: float) -> Command:
    return Order.ATTACK_MOVE, NOBODY, x, y


def attack(target: int) -> Command:
    return Order.ATTACK, target, 0.0, 0.0


def heal(target: int) -> Command:
    return Order.HEAL, target, 0.0, 0.0


class Skirmish:
    """Goes on from where it stands, whenever it is told to play. Units are numbered, allies first."""

    def __init__(
        self,
        allies: Sequence[Place],
        enemies: Sequence[Place],
        *,
        terrain: Terrain = FIELD,
        plan: Plan | None = None,
        data: Data = "liberty",
        kinds: Collection[Kind] = tuple(Kind),
        seed: int = 0,
        **physics,
    ) -> None:
        """Put units on a field. Weapons have no jitter unless `physics` says so.

        Args:
            allies: the kind and the place of each.
            enemies: likewise.
            terrain: by default, 64 by 64 open cells.
            plan: what the enemies are up to; by default they only do what a test tells them.
            data: the table of units.
            kinds: those whose rules are compiled; all, so that skirmishes of one size share a program.
            seed: of what is random.
            **physics: the engine's free numbers.
        """
        each, xs, ys = zip(*allies, *enemies, strict=True)
        self.n_allies, self.key = len(allies), jax.random.key(seed)
        self.opponent = PUPPETS if plan is None else of_plan(plan)
        self.arena, self.state = _set_up(
            Appeared(kind=jnp.array(each, jnp.int32), x=jnp.array(xs, jnp.float32), y=jnp.array(ys, jnp.float32)),
            table(data),
            terrain,
            n_allies=len(allies),
            kinds=frozenset(kinds),
            physics=Physics(**{"jitter": (0.0, 0.0), **physics}),
        )
        orders, _ = self.opponent.begin(self.key, len(enemies))
        self._tell({self.n_allies + i: command for i, command in enumerate(zip(*_rows(orders), strict=True))})

    def change(self, **values: Mapping[int, float]) -> "Skirmish":
        """Set some units' health, energy and so on."""
        for name, entries in values.items():
            row = np.array(getattr(self.state, name))
            row[list(entries)] = list(entries.values())
            self.state = dataclasses.replace(self.state, **{name: jnp.asarray(row)})
        return self

    def play(self, steps: int, orders: Mapping[int, Command] | None = None) -> BattleState:
        """Go on for some environment steps.

        Args:
            steps: how many.
            orders: what units are told before the first of them.

        Returns:
            the state before the first tick and after each, eight to a step, as rows of one.
        """
        self._tell(orders or {})
        films = [jax.tree.map(lambda a: np.asarray(a)[None], self.state)]
        for _ in range(steps):
            self.key, key = jax.random.split(self.key)
            self.state, film = filmed_step(self.arena, self.opponent, self.state, key)
            films.append(jax.tree.map(np.asarray, film))
        return jax.tree.map(lambda *parts: np.concatenate(parts), *films)

    def _tell(self, orders: Mapping[int, Command]) -> None:
        rows = [np.array(row) for row in _rows(self.state.orders)]
        for unit, command in orders.items():
            for row, value in zip(rows, command, strict=True):
                row[unit] = value
        order, target, x, y = map(jnp.asarray, rows)
        self.state = dataclasses.replace(self.state, orders=Orders(order=order, target=target, x=x, y=y))


def _rows(orders: Orders) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(row) for row in (orders.order, orders.target, orders.x, orders.y))


@eqx.filter_jit
def _set_up(
    units: Appeared, stats: Stats, terrain: Terrain, *, n_allies: int, kinds: frozenset[Kind], physics: Physics
) -> tuple[Arena, BattleState]:
    rules = arena(units.kind, n_allies, kinds=sorted(kinds), table=stats, terrain=terrain, physics=physics)
    state = muster(units.kind, units.x, units.y, stats=rules.stats, n_allies=n_allies)
    return rules, state


@eqx.filter_jit
def filmed_step(
    arena: Arena, opponent: AbstractOpponent, state: BattleState, key: jax.Array
) -> tuple[BattleState, BattleState]:
    """What an environment's step does to a battle, with a film; `test_skirmishes` holds it to that."""
    theirs, _ = opponent.command(key, arena, state)
    ours = engine.part(state.orders, slice(0, arena.n_allies))
    state = dataclasses.replace(state, orders=given(state.orders, side_by_side(ours, theirs)))
    low, high = arena.physics.jitter
    jitter = low + (high - low) * jax.random.uniform(key, state.x.shape)
    state, alarm = engine.call_for_help(arena, state) if opponent.autonomous else (state, None)

    def body(state: BattleState, k: jax.Array) -> tuple[BattleState, BattleState]:
        state = engine.tick(arena, state, k, jitter=jitter, alarm=alarm)
        return state, state

    state, film = jax.lax.scan(body, state, jnp.arange(TICKS_PER_STEP))
    return dataclasses.replace(state, step=state.step + 1), film
