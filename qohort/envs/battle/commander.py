"""Enemies that are commanded by a function of yours, or by a trained team.

A commander sees the battle from the other side: the enemies are its agents, and the map is turned by 180 degrees, so
that whoever has learned to fight from the west finds itself there. It sees and may do what agents see and may do; what
it chooses is turned back into orders.

    env = against(make("battle/3m"), policy)

plays 3m against `policy(key, observation, memory) -> actions, memory`.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.envs.battle.arena import Arena
from qohort.envs.battle.commands import commands, turned
from qohort.envs.battle.env import Battle
from qohort.envs.battle.face import Face
from qohort.envs.battle.heuristic import heuristic, no_targets
from qohort.envs.battle.observe import observe
from qohort.envs.battle.opponent import AbstractOpponent
from qohort.envs.battle.ordering import agent_order
from qohort.envs.battle.orders import NOBODY, Order, Orders
from qohort.envs.battle.permission import Permission, no_permission, permit
from qohort.envs.battle.spawn import FixedSpawn
from qohort.envs.battle.state import BattleState, Snapshot
from qohort.envs.battle.visibility import nobody_facing, seen_places
from qohort.spec import Observation

Memory = Any
Policy = Callable[[PRNGKeyArray, Observation, Memory], tuple[Int[Array, " N"], Memory]]


class AbstractCommand(eqx.Module):
    """Chooses the actions of one side."""

    @abc.abstractmethod
    def begin(self, face: Face) -> Memory:
        """What to remember when an episode begins."""

    @abc.abstractmethod
    def __call__(
        self, key: PRNGKeyArray, face: Face, snapshot: Snapshot, memory: Memory
    ) -> tuple[Int[Array, " N"], Memory]:
        """Choose from what the side sees: in the snapshot it is the allies."""


class Script(AbstractCommand):
    """SMAC's scripted policy; see `heuristic`."""

    def begin(self, face: Face) -> Memory:
        return no_targets(face)

    def __call__(
        self, key: PRNGKeyArray, face: Face, snapshot: Snapshot, memory: Memory
    ) -> tuple[Int[Array, " N"], Memory]:
        return heuristic(face, snapshot, memory)


class ByPolicy(AbstractCommand):
    """A function of the observation."""

    policy: Any
    first: Memory

    def __init__(self, policy: Policy, first: Memory = None) -> None:
        """Take a policy.

        Args:
            policy: a function, or a module whose arrays are its parameters.
            first: what it remembers when an episode begins.
        """
        self.policy = policy if isinstance(policy, eqx.Module) else _Function(policy)
        self.first = jax.tree.map(jnp.asarray, first)

    def begin(self, face: Face) -> Memory:
        return self.first

    def __call__(
        self, key: PRNGKeyArray, face: Face, snapshot: Snapshot, memory: Memory
    ) -> tuple[Int[Array, " N"], Memory]:
        return self.policy(key, observe(face, snapshot), memory)


class Watch(eqx.Module):
    """What a commander remembers."""

    order: Int[Array, " E"]
    """Which enemy each of its agents is."""
    last_action: Int[Array, " E"]
    facing: Int[Array, " E"] | None
    permission: Permission | None
    memory: Memory
    """The policy's own."""


class Commander(AbstractOpponent):
    """Lets a policy command the enemies."""

    command_by: AbstractCommand
    face: Face
    """Of the other side."""
    others: Int[Array, " A"]
    """The agents in the order of their creation, in which the commander sees them."""
    autonomous: bool = eqx.field(static=True, default=False)
    draws: bool = eqx.field(static=True, default=True)

    def begin(self, key: PRNGKeyArray, enemies: int) -> tuple[Orders, Memory]:
        face, nobody = self.face, jnp.full(enemies, NOBODY, jnp.int32)
        watch = Watch(
            order=jnp.arange(enemies, dtype=jnp.int32),
            last_action=nobody,
            facing=nobody_facing(face),
            permission=no_permission(enemies, face.n_enemies) if face.flags.hides_enemies else None,
            memory=self.command_by.begin(face),
        )
        nowhere = jnp.zeros(enemies)
        return Orders(order=jnp.full(enemies, Order.STOP, jnp.int32), target=nobody, x=nowhere, y=nowhere), watch

    def command(self, key: PRNGKeyArray, arena: Arena, state: BattleState) -> tuple[Orders, Memory]:
        face, a, sight_key, choice_key = self.face, arena.n_allies, *jax.random.split(key)
        width, height = face.pathing.shape
        watch: Watch = state.opponent
        begins = agent_order(state.kind[a:], width - state.x[a:], height - state.y[a:])
        order = jnp.where(state.step == 0, begins.astype(jnp.int32), watch.order)
        who = jnp.concatenate([a + order, self.others])
        snapshot = self._turned(state, who, watch)
        permission = watch.permission
        if permission is not None:
            permission = permit(
                sight_key,
                permission,
                sees=seen_places(face, snapshot),
                alive=snapshot.alive,
                probability=face.flags.prob_obs_enemy,
            )
            snapshot = dataclasses.replace(snapshot, permitted=permission.packed)
        actions, memory = self.command_by(choice_key, face, snapshot, watch.memory)
        actions = actions.astype(jnp.int32)
        told = commands(face, snapshot, actions)
        target = jnp.where(told.target == NOBODY, NOBODY, who[told.target])
        orders = Orders(order=told.order, target=target, x=width - told.x, y=height - told.y)
        by_number = jnp.argsort(order)
        return jax.tree.map(lambda row: row[by_number], orders), Watch(
            order=order,
            last_action=actions,
            facing=turned(face, snapshot, actions),
            permission=permission,
            memory=memory,
        )

    def _turned(self, state: BattleState, who: Int[Array, " n"], watch: Watch) -> Snapshot:
        """The moment from the other side."""
        width, height = self.face.pathing.shape
        return Snapshot(
            kind=state.kind[who],
            x=width - state.x[who],
            y=height - state.y[who],
            health=state.health[who],
            shield=state.shield[who],
            energy=state.energy[who],
            cooldown=state.cooldown[who],
            aims_at=jnp.full_like(who, NOBODY),
            last_action=watch.last_action,
            step=state.step,
            facing=watch.facing,
            permitted=None,
        )


def against(env: Battle, policy: Policy | AbstractCommand, memory: Memory = None) -> Battle:
    """The same battle with enemies that are commanded; they no longer choose targets by themselves.

    With the same units on both sides and a map that looks the same from both, neither side has an advantage.

    Args:
        env: the battle.
        policy: `policy(key, observation, memory) -> actions, memory`, in JAX, for one battle; a module may hold
            parameters. Or a command, such as `Script()`.
        memory: what the policy remembers when an episode begins.
    """
    command = policy if isinstance(policy, AbstractCommand) else ByPolicy(policy, memory)
    commander = Commander(command_by=command, face=other_side(env), others=jnp.asarray(_created(env)))
    return eqx.tree_at(lambda battle: battle.opponent, env, commander, is_leaf=lambda node: node is env.opponent)


def other_side(env: Battle) -> Face:
    """What a battle looks like to the enemies, once the map is turned."""
    scenario = env.scenario
    teams = scenario.teams
    if teams is not None:
        teams = dataclasses.replace(teams, allies=teams.enemies, enemies=teams.allies)
    swapped = dataclasses.replace(scenario, allies=scenario.enemies, enemies=scenario.allies, teams=teams)
    grids = (np.asarray(grid)[::-1, ::-1] for grid in (env.terrain.pathing, env.terrain.height))
    pathing, height = grids
    return Face(swapped, env.flags, stats=env.table, pathing=pathing, height=height)


def _created(env: Battle) -> Int[np.ndarray, " A"]:
    """The agents in the order of their creation, as far as it is known: not if teams are drawn."""
    n = env.face.n_allies
    if not isinstance(env.spawn, FixedSpawn):
        return np.arange(n, dtype=np.int32)
    units = env.spawn
    return np.argsort(agent_order(units.kind[:n], units.x[:n], units.y[:n])).astype(np.int32)


class _Function(eqx.Module):
    function: Callable[..., Any] = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)
