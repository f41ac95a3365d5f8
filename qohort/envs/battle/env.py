"""The StarCraft Multi-Agent Challenge as a world.

Samvelyan et al. 2019, *The StarCraft Multi-Agent Challenge*; Ellis et al. 2023, *SMACv2*. What agents see and do is
theirs to the last digit; the game beneath is built from public facts, rule by rule (see the page on fidelity).
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.battle import engine, names, rewards
from qohort.envs.battle.arena import Arena, Physics, arena
from qohort.envs.battle.commands import commands, turned
from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.landscape import bounds, landscape
from qohort.envs.battle.observe import observe
from qohort.envs.battle.opponent import AbstractOpponent, of_plan
from qohort.envs.battle.ordering import agent_order
from qohort.envs.battle.orders import NOBODY, Orders, given, side_by_side
from qohort.envs.battle.permission import no_permission, permit
from qohort.envs.battle.rewards import End
from qohort.envs.battle.rows import part
from qohort.envs.battle.scenario import Scenario
from qohort.envs.battle.scene import scene
from qohort.envs.battle.spawn import AbstractSpawn, Appeared, spawn
from qohort.envs.battle.state import BattleState, Snapshot, muster
from qohort.envs.battle.terrain import Terrain
from qohort.envs.battle.traits import traits
from qohort.envs.battle.units import TICKS_PER_STEP, Data, Kind, Stats, stats_of, table
from qohort.envs.battle.version import VERSION
from qohort.envs.battle.visibility import nobody_facing, seen_places
from qohort.scene import Layer, Scene
from qohort.spec import EnvSpec, Observation, Outcome

METRICS = ("won", "dead_allies", "dead_enemies", "timeout")


class Battle(AbstractEnv):
    """One scenario: agents command the allies, an opponent the enemies."""

    spec: EnvSpec = eqx.field(static=True)
    scenario: Scenario = eqx.field(static=True)
    flags: Flags = eqx.field(static=True)
    face: Face
    terrain: Terrain
    spawn: AbstractSpawn
    opponent: AbstractOpponent
    table: Stats
    fixed: Arena | None
    """What the units are, if that is the same in all episodes."""
    largest: Float[Array, ""]
    """The return of a win, before scaling."""
    ground: tuple[Layer, ...]
    """The terrain, drawn."""
    kinds: tuple[Kind, ...] = eqx.field(static=True)
    physics: Physics = eqx.field(static=True)

    def __init__(
        self,
        scenario: Scenario,
        *,
        terrain: Terrain,
        flags: Flags,
        physics: Physics,
        data: Data = "smac",
        opponent: AbstractOpponent | None = None,
    ) -> None:
        """Set the scene.

        Args:
            scenario: who fights whom, where, and until when.
            terrain: the ground; that of the scenario, or another one for experiments.
            flags: what is seen and what is paid.
            physics: the engine's free numbers.
            data: the table of units.
            opponent: who commands the enemies; by default, whoever carries out the scenario's plan.
        """
        stats = table(data)
        self.scenario, self.flags, self.physics, self.terrain, self.table = scenario, flags, physics, terrain, stats
        self.face = Face(scenario, flags, stats=stats, pathing=terrain.pathing, height=terrain.height)
        self.spawn = spawn(scenario, terrain, spread=physics.spread)
        self.ground = landscape(terrain)
        self.opponent = of_plan(scenario.plan) if opponent is None else opponent
        self.kinds = scenario.possible_kinds
        self.fixed = None if self.face.kinds is None else self._meet(jnp.array(self.face.kinds, jnp.int32))
        first = self._appear(jax.random.key(0)).kind
        self.largest = rewards.largest_return(flags, self.face.full_points(first)[self.face.n_allies :])
        self.spec = EnvSpec(
            name=f"battle/{scenario.name}",
            agents=names.agents(self.face),
            actions=names.actions(self.face),
            obs_features=names.observation(self.face),
            state_features=names.state(self.face),
            unit_features=names.unit(self.face),
            limit=scenario.limit,
            metrics=METRICS,
            no_op=0,
            groups=names.groups(self.face),
            version=VERSION,
        )

    def reset(self, key: PRNGKeyArray) -> BattleState:
        spawn_key, begin_key = jax.random.split(key)
        return self.begin(begin_key, self._appear(spawn_key))

    def begin(self, key: PRNGKeyArray, units: Appeared) -> BattleState:
        """The first state of a battle between these units, which stand in the order of the agents and enemies."""
        face, n = self.face, self.face.n_allies
        order_key, sight_key, turn_key = jax.random.split(key, 3)
        stats = self._arena(units.kind).stats
        state = muster(units.kind, units.x, units.y, stats=stats, n_allies=n)
        orders, memory = self.opponent.begin(order_key, face.n_enemies)
        state = dataclasses.replace(
            state,
            orders=side_by_side(part(state.orders, slice(0, n)), orders),
            opponent=memory,
            turns=jax.random.rademacher(turn_key, units.x.shape, jnp.float32),
            facing=nobody_facing(face),
            permission=no_permission(n, face.n_enemies) if self.flags.hides_enemies else None,
        )
        return self._looked_around(sight_key, engine.head_start(state, stats, n, self.physics.head_start))

    def step(self, key: PRNGKeyArray, state: BattleState, actions: Int[Array, " N"]) -> tuple[BattleState, Outcome]:
        return self.carry_out(key, state, actions, commands(self.face, self.snapshot(state), actions))

    def carry_out(
        self, key: PRNGKeyArray, state: BattleState, actions: Int[Array, " N"], orders: Orders
    ) -> tuple[BattleState, Outcome]:
        """A step in which the allies get these orders, whatever the actions say."""
        arena, n = self._arena(state.kind), self.face.n_allies
        fight_key, order_key, sight_key = self._keys(key)
        snapshot = self.snapshot(state)
        theirs, memory = self.opponent.command(order_key, arena, state)
        before = rewards.points(state.health, state.shield)
        told = dataclasses.replace(
            state,
            orders=given(state.orders, engine.heeded(arena, side_by_side(orders, theirs))),
            opponent=memory,
            facing=turned(self.face, snapshot, actions),
            last_action=actions.astype(jnp.int32),
        )
        reached = engine.advance(arena, told, fight_key, autonomous=self.opponent.autonomous)
        reached = self._looked_around(sight_key, dataclasses.replace(reached, step=state.step + 1))
        end = rewards.ending(self.face, reached.kind, reached.alive)
        reward = rewards.step_reward(
            self.flags,
            rewards.battle_reward(self.flags, n, before=before, after=rewards.points(reached.health, reached.shield)),
            end,
            largest=self._largest(state.kind),
            ended_before=state.ended,
        )
        over = jnp.asarray(end != End.OPEN, bool)
        timeout = rewards.out_of_time(self.face, end, reached.step)
        metrics = {
            "won": (end == End.WIN) & ~state.ended,
            "dead_allies": jnp.sum(~reached.alive[:n]),
            "dead_enemies": jnp.sum(~reached.alive[n:]),
            "timeout": timeout,
        }
        return dataclasses.replace(reached, ended=over), Outcome(
            reward=reward[None],
            terminated=over,
            truncated=timeout,
            metrics={name: value.astype(jnp.float32) for name, value in metrics.items()},
        )

    def snapshot(self, state: BattleState) -> Snapshot:
        """At most 32 bytes for each unit."""
        number = jnp.int8 if len(state.x) <= 127 else jnp.int16
        attack, period = state.attack, self._arena(state.kind).stats.period
        shot = jnp.isfinite(attack.windup) | jnp.isfinite(attack.flight) | (state.cooldown > period - TICKS_PER_STEP)
        aims_at = jnp.where(state.healing, state.focus, jnp.where(shot, attack.prey, NOBODY))
        return Snapshot(
            kind=state.kind.astype(jnp.int8),
            x=state.x,
            y=state.y,
            health=state.health,
            shield=state.shield,
            energy=state.energy,
            cooldown=state.cooldown,
            aims_at=jnp.where(state.alive, aims_at, NOBODY).astype(number),
            last_action=state.last_action.astype(jnp.int16),
            step=state.step.astype(jnp.int16),
            facing=None if state.facing is None else state.facing.astype(jnp.int8),
            permitted=None if state.permission is None else state.permission.packed,
        )

    def observe(self, snapshot: Snapshot) -> Observation:
        return observe(self.face, snapshot)

    def scene(self, snapshot: Snapshot) -> Scene:
        stats = stats_of(snapshot.kind.astype(jnp.int32), self.table)
        return scene(snapshot, scenario=self.scenario, stats=stats, ground=self.ground, bounds=bounds(self.terrain))

    def traits(self, before: Snapshot, after: Snapshot) -> dict[str, Float[Array, " A"]]:
        stats = stats_of(before.kind.astype(jnp.int32), self.table)
        return traits(before, after, stats=stats, n_allies=self.face.n_allies)

    def _keys(self, key: PRNGKeyArray) -> tuple[PRNGKeyArray, ...]:
        """Keys for the fighting, the opponent and the finding of enemies; one is enough where only the first draws."""
        if self.opponent.draws or self.flags.hides_enemies:
            return tuple(jax.random.split(key, 3))
        return key, key, key

    def _appear(self, key: PRNGKeyArray) -> Appeared:
        """The units of an episode, the allies in the order of the agents."""
        units, n = self.spawn(key), self.face.n_allies
        order = agent_order(units.kind[:n], units.x[:n], units.y[:n])
        return jax.tree.map(lambda row: jnp.concatenate([row[:n][order], row[n:]]), units)

    def _meet(self, kind: Int[Array, " n"]) -> Arena:
        return arena(
            kind, self.face.n_allies, kinds=self.kinds, table=self.table, terrain=self.terrain, physics=self.physics
        )

    def _arena(self, kind: Int[Array, " n"]) -> Arena:
        return self._meet(kind) if self.fixed is None else self.fixed

    def _largest(self, kind: Int[Array, " n"]) -> Float[Array, ""]:
        if self.face.kinds is not None or self.flags.first_team_scales:
            return self.largest
        return rewards.largest_return(self.flags, self.face.full_points(kind)[self.face.n_allies :])

    def _looked_around(self, key: PRNGKeyArray, state: BattleState) -> BattleState:
        """Enemies come in sight, where agents have to find them first."""
        if state.permission is None:
            return state
        permission = permit(
            key,
            state.permission,
            sees=seen_places(self.face, self.snapshot(state)),
            alive=state.alive,
            probability=self.flags.prob_obs_enemy,
        )
        return dataclasses.replace(state, permission=permission)
