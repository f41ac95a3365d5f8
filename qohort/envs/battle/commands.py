"""What agents' actions tell their units to do, and why they cannot choose some."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from qohort.envs.battle import names
from qohort.envs.battle.availability import (
    EAST_WEST,
    NORTH_SOUTH,
    availability,
    moves,
    reachable,
)
from qohort.envs.battle.face import Face
from qohort.envs.battle.orders import NOBODY, Order, Orders
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import Kind
from qohort.envs.battle.visibility import to_enemies

WAYS = np.array([EAST_WEST, NORTH_SOUTH], np.float32)
NO_OP, STOP, NORTH, LOOK = 0, 1, 2, 6
"""The first actions of each sort; those that aim at somebody begin at `face.first_target`."""


def commands(face: Face, snapshot: Snapshot, actions: Int[Array, " A"]) -> Orders:
    """The orders for allies. Whatever cannot be done now gives no order, so that a unit goes on with what it does."""
    n, alive = face.n_allies, snapshot.alive[: face.n_allies]
    traits = face.traits_of(snapshot.kind)
    move = (actions >= NORTH) & (actions < LOOK)
    way = jnp.where(move, actions - NORTH, 0)
    aim = actions >= face.first_target
    target = jnp.clip(actions - face.first_target, 0, face.n_targets - 1)
    reach = reachable(face, traits, snapshot, to_enemies(snapshot, n))
    may_move = _chosen(moves(face, snapshot), way)
    may_aim = _chosen(reach, target)

    order = jnp.where(alive & (actions == STOP), Order.STOP, Order.NONE)
    order = jnp.where(move & may_move, Order.MOVE, order)
    heals = traits.heals[:n]
    order = jnp.where(aim & may_aim, jnp.where(heals, Order.HEAL, Order.ATTACK), order)
    aims = (order == Order.ATTACK) | (order == Order.HEAL)
    far = jnp.where(order == Order.MOVE, face.flags.move_amount, 0).astype(jnp.float32)
    return Orders(
        order=order,
        target=jnp.where(aims, jnp.where(heals, target, n + target), NOBODY),
        x=snapshot.x[:n] + far * jnp.asarray(WAYS[0])[way],
        y=snapshot.y[:n] + far * jnp.asarray(WAYS[1])[way],
    )


def turned(face: Face, snapshot: Snapshot, actions: Int[Array, " A"]) -> Int[Array, " A"] | None:
    """Where cones point after these actions."""
    if snapshot.facing is None:
        return None
    turns = (actions >= LOOK) & (actions < face.first_target) & snapshot.alive[: face.n_allies]
    return jnp.where(turns, actions - LOOK, snapshot.facing)


def why_not(face: Face, snapshot: Snapshot, agent: int, action: int) -> str | None:
    """Why an agent cannot choose an action, for people; None if it can. Not for compiled code."""
    if not 0 <= action < face.n_actions:
        return f"there is no action {action}; they are numbered 0 to {face.n_actions - 1}"
    avail = np.asarray(availability(face, snapshot))[agent]
    if avail[action]:
        return None
    listed = names.actions(face)
    health = np.asarray(snapshot.health)
    if health[agent] <= 0:
        return f"it is dead, and the dead can only choose 0 ({listed[0]})"
    if action == NO_OP:
        return f"0 ({listed[0]}) is for the dead; to do nothing choose {STOP} ({listed[STOP]})"
    if action < LOOK:
        half = face.flags.move_amount / 2
        dx, dy = WAYS[:, action - NORTH] * half
        place = f"({float(snapshot.x[agent]) + dx:g}, {float(snapshot.y[agent]) + dy:g})"
        return f"there is no ground at {place}, {half:g} in the direction of action {action} ({listed[action]})"
    return _why_no_target(face, snapshot, agent, action - face.first_target)


def _why_no_target(face: Face, snapshot: Snapshot, agent: int, target: int) -> str:
    traits = face.traits_of(snapshot.kind)
    heals = bool(traits.heals[agent])
    side, first, count = ("ally", 0, face.n_allies) if heals else ("enemy", face.n_allies, face.n_enemies)
    if target >= count:
        return f"there is no {side} {target + 1}; there are {count}"
    other = first + target
    label = f"{side} {target + 1} ({Kind(int(snapshot.kind[other])).label})"
    if float(snapshot.health[other]) <= 0:
        return f"{label} is dead"
    if heals and bool(traits.heals[other]):
        return f"{label} cannot be healed: Medivacs heal others only"
    away = float(np.hypot(snapshot.x[other] - snapshot.x[agent], snapshot.y[other] - snapshot.y[agent]))
    reach = float(traits.reach[agent])
    if away <= reach:
        return f"{label} is not within the agent's cone of sight"
    return f"{label} is {away:.2f} away, out of its range of {reach:g}"


def _chosen(can: Bool[Array, "A m"], which: Int[Array, " A"]) -> Bool[Array, " A"]:
    """One entry of each row, without a gather."""
    return jnp.any(can & (np.arange(can.shape[1])[None, :] == which[:, None]), axis=1)
