"""Policies that need no training: SMAC's scripted one, and a random one.

SMAC's `heuristic_ai` sends each unit after the enemy that is nearest to it, until that one is dead. With
`heuristic_rest` it keeps to targets in range, and walks towards others in moves along the axes.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.battle.availability import moves, reachable
from qohort.envs.battle.availability import targets as choices
from qohort.envs.battle.commands import NO_OP, NORTH, STOP, WAYS
from qohort.envs.battle.env import Battle
from qohort.envs.battle.face import Face
from qohort.envs.battle.orders import NOBODY, Order, Orders
from qohort.envs.battle.state import BattleState, Snapshot
from qohort.envs.battle.units import Kind
from qohort.envs.battle.visibility import to_allies, to_enemies
from qohort.scene import Scene
from qohort.spec import EnvSpec, Observation, Outcome

_NORTH, _SOUTH, _EAST, _WEST = range(NORTH, NORTH + 4)


def random_policy(key: PRNGKeyArray, avail: Bool[Array, "*rows A"]) -> Int[Array, "*rows"]:
    """Any action that is available, all with the same probability."""
    return jax.random.categorical(key, jnp.where(avail, 0.0, -jnp.inf))


def no_targets(face: Face) -> Int[Array, " A"]:
    """What the scripted policy remembers when an episode begins."""
    return jnp.full(face.n_allies, NOBODY, jnp.int32)


def heuristic(face: Face, snapshot: Snapshot, targets: Int[Array, " A"]) -> tuple[Int[Array, " A"], Int[Array, " A"]]:
    """The scripted policy (SMAC's `heuristic_rest`) in actions that are available.

    Difference from SMAC: where there is no ground along the longer side of the way to a target, a unit goes along the
    shorter one, or stays. SMAC orders the move all the same, and the game makes of it what it can.

    Args:
        face: of the battle.
        snapshot: this moment.
        targets: what the policy remembers; `no_targets` at first.
    """
    chase = _chase(face, snapshot, targets)
    free = moves(face, snapshot)
    walk = jnp.where(
        _one_of(free, chase.longer - NORTH),
        chase.longer,
        jnp.where(_one_of(free, chase.shorter - NORTH) & chase.slanting, chase.shorter, STOP),
    )
    actions = jnp.where(chase.near, face.first_target + chase.target, walk)
    actions = jnp.where(chase.target == NOBODY, STOP, actions)
    return jnp.where(snapshot.alive[: face.n_allies], actions, NO_OP), chase.target


def scripted(
    face: Face, snapshot: Snapshot, targets: Int[Array, " A"], *, rest: bool
) -> tuple[Int[Array, " A"], Orders, Int[Array, " A"]]:
    """What SMAC does with `heuristic_ai`, and with `heuristic_rest` as well.

    Args:
        face: of the battle.
        snapshot: this moment.
        targets: what the policy remembers; `no_targets` at first.
        rest: whether to walk towards targets out of range; otherwise units are told to attack them, and find their way.

    Returns:
        the actions by their numbers (which need not be available), the orders, and what to remember.
    """
    n = face.n_allies
    chase = _chase(face, snapshot, targets)
    idle = (chase.target == NOBODY) | ~snapshot.alive[:n]
    walks = ~chase.near & ~idle & rest
    heals = face.traits_of(snapshot.kind).heals[:n]
    aims = jnp.where(heals, Order.HEAL, Order.ATTACK)
    order = jnp.where(idle, Order.NONE, jnp.where(walks, Order.MOVE, aims))
    way = jnp.asarray(WAYS)[:, chase.longer - NORTH] * face.flags.move_amount
    orders = Orders(
        order=order.astype(jnp.int32),
        target=jnp.where(idle | walks, NOBODY, jnp.where(heals, chase.target, n + chase.target)),
        x=snapshot.x[:n] + jnp.where(walks, way[0], 0.0),
        y=snapshot.y[:n] + jnp.where(walks, way[1], 0.0),
    )
    actions = jnp.where(walks, chase.longer, face.first_target + chase.target)
    return jnp.where(idle, NO_OP, actions), orders, chase.target


class ScriptedState(eqx.Module):
    battle: BattleState
    targets: Int[Array, " A"]
    chosen: Int[Array, " A"]
    """The numbers of the actions that have been carried out in the last step."""


class Scripted(AbstractEnv):
    """A battle in which the allies follow the script; of the actions only the record is kept, as in SMAC."""

    spec: EnvSpec = eqx.field(static=True)
    battle: Battle
    rest: bool = eqx.field(static=True)

    def __init__(self, battle: Battle, *, rest: bool) -> None:
        """Replace the agents.

        Args:
            battle: the world.
            rest: SMAC's `heuristic_rest`.
        """
        self.spec, self.battle, self.rest = battle.spec, battle, rest

    def reset(self, key: PRNGKeyArray) -> ScriptedState:
        nobody = no_targets(self.battle.face)
        return ScriptedState(battle=self.battle.reset(key), targets=nobody, chosen=jnp.zeros_like(nobody))

    def step(self, key: PRNGKeyArray, state: ScriptedState, actions: Int[Array, " N"]) -> tuple[ScriptedState, Outcome]:
        chosen, orders, targets = scripted(
            self.battle.face, self.battle.snapshot(state.battle), state.targets, rest=self.rest
        )
        battle, outcome = self.battle.carry_out(key, state.battle, actions, orders)
        return ScriptedState(battle=battle, targets=targets, chosen=chosen.astype(jnp.int32)), outcome

    def snapshot(self, state: ScriptedState) -> Snapshot:
        return self.battle.snapshot(state.battle)

    def observe(self, snapshot: Snapshot) -> Observation:
        return self.battle.observe(snapshot)

    def scene(self, snapshot: Snapshot) -> Scene | None:
        return self.battle.scene(snapshot)


@dataclasses.dataclass(frozen=True)
class _Chase:
    """Whom each agent is after, and the moves that bring it nearer."""

    target: Int[Array, " A"]
    near: Bool[Array, " A"]
    """It can be acted upon: within range, or wherever it is without `action_mask`."""
    longer: Int[Array, " A"]
    """The move along the longer side of the offset; of equal ones, the one to the north or south."""
    shorter: Int[Array, " A"]
    slanting: Bool[Array, " A"]
    """The shorter side is not 0."""


def _chase(face: Face, snapshot: Snapshot, targets: Int[Array, " A"]) -> _Chase:
    n, traits = face.n_allies, face.traits_of(snapshot.kind)
    heals = traits.heals[:n]
    foes = to_enemies(snapshot, n)
    spared = (snapshot.kind[:n, None] == Kind.MARAUDER) & (snapshot.kind[None, n:] == Kind.MEDIVAC)
    alive = jnp.broadcast_to(snapshot.alive[None, n:], spared.shape)
    target = _kept_or_nearest(targets, foes.square, keeps=alive, takes=alive & ~spared)
    whom = n + target
    if face.healers:
        hurt = snapshot.alive[:n] & ~heals & (snapshot.health[:n] < traits.health[:n])
        hurt = jnp.broadcast_to(hurt[None, :], (n, n))
        patient = _kept_or_nearest(targets, to_allies(snapshot, n).square, keeps=hurt, takes=hurt)
        target, whom = jnp.where(heals, patient, target), jnp.where(heals, patient, whom)
    found = target != NOBODY
    whom = jnp.where(found, whom, 0)
    dx, dy = snapshot.x[whom] - snapshot.x[:n], snapshot.y[whom] - snapshot.y[:n]
    east, north = jnp.where(dx > 0, _EAST, _WEST), jnp.where(dy > 0, _NORTH, _SOUTH)
    flat = jnp.abs(dx) > jnp.abs(dy)
    may = choices(face, traits, snapshot, reachable(face, traits, snapshot, foes))
    return _Chase(
        target=target,
        near=found & _one_of(may, jnp.where(found, target, 0)),
        longer=jnp.where(flat, east, north),
        shorter=jnp.where(flat, north, east),
        slanting=jnp.minimum(jnp.abs(dx), jnp.abs(dy)) > 0,
    )


def _kept_or_nearest(
    targets: Int[Array, " A"], square: Float[Array, "A m"], *, keeps: Bool[Array, "A m"], takes: Bool[Array, "A m"]
) -> Int[Array, " A"]:
    kept = (targets != NOBODY) & _one_of(keeps, jnp.clip(targets, 0, keeps.shape[1] - 1))
    nearest = jnp.argmin(jnp.where(takes, square, jnp.inf), axis=1)
    found = jnp.where(jnp.any(takes, axis=1), nearest, NOBODY)
    return jnp.where(kept, targets, found).astype(jnp.int32)


def _one_of(rows: Bool[Array, "A m"], which: Int[Array, " A"]) -> Bool[Array, " A"]:
    return jnp.take_along_axis(rows, which[:, None], axis=1)[:, 0]
