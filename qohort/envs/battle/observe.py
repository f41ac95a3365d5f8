"""What agents and training see of a moment.

The layout is SMAC's. An observation is what lies around an agent, then a row of features for each enemy, one for each
other ally, and one's own; rows of what is out of sight are 0, and so is everything a dead agent sees. The state is a
row for each ally, one for each enemy, and the last actions.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from qohort.envs.battle.availability import at_cells, available, cells, moves, reachable, targets
from qohort.envs.battle.face import Face, Traits
from qohort.envs.battle.permission import unpack
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.visibility import Offsets, facing, others, to_enemies, to_others, within_sight
from qohort.spec import Observation

AROUND = ((0, 2), (0, -2), (2, 0), (-2, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
"""Where pathing and height are seen, in moves."""


class Sighted(NamedTuple):
    """Other units, as rows of an observation: who they are, where from an agent, and whether it sees them."""

    away: Offsets
    seen: Bool[Array, "A m"]
    of: Callable[[Float[Array, " n"]], Float[Array, "#A m"]]
    """What a number that each unit of their side has is in these rows."""


def observe(face: Face, snapshot: Snapshot) -> Observation:
    """What there is to know in one moment."""
    traits, away = face.traits_of(snapshot.kind), to_enemies(snapshot, face.n_allies)
    reach = reachable(face, traits, snapshot, away)
    to_allies, alive = to_others(snapshot, face.n_allies), others(snapshot.alive[: face.n_allies])
    enemies = Sighted(away, enemies_in_sight(face, traits, snapshot, away), lambda values: values[None, :])
    allies = Sighted(to_allies, allies_in_sight(face, traits, snapshot, to_allies, alive), others)
    return assembled(
        face,
        traits,
        snapshot,
        enemies=enemies_seen(face, traits, snapshot, enemies, reach[:, : face.n_enemies]),
        others=others_seen(face, traits, snapshot, allies),
        targets=targets(face, traits, snapshot, reach),
    )


def assembled(
    face: Face,
    traits: Traits,
    snapshot: Snapshot,
    *,
    enemies: Float[Array, "A e f"],
    others: Float[Array, "A a g"],
    targets: Bool[Array, "A m"],
) -> Observation:
    """What there is to know, from what agents see of others and whom they may choose."""
    n, flags = face.n_allies, face.flags
    steps = moves(face, snapshot)
    time = divided(snapshot.step.astype(jnp.float32), face.limit, snapshot.step > 0)
    rows = ally_rows(face, traits, snapshot)
    if flags.obs_starcraft:
        obs = jnp.concatenate(
            [
                surroundings(face, snapshot, steps),
                enemies.reshape(n, -1),
                others.reshape(n, -1),
                own(face, traits, snapshot),
                *([jnp.full((n, 1), time)] if flags.obs_timestep_number else []),
            ],
            axis=1,
        )
    else:
        obs = jnp.full((n, 1), time)
    return Observation(
        obs=obs,
        state=obs.ravel() if flags.obs_instead_of_state else state(face, traits, snapshot, rows, time),
        units=rows,
        avail=available(face, snapshot, steps, targets),
        alive=snapshot.alive[:n],
    )


def surroundings(face: Face, snapshot: Snapshot, steps: Bool[Array, "A 4"]) -> Float[Array, "A F"]:
    """Where one can move, and the ground around."""
    n, flags, alive = face.n_allies, face.flags, snapshot.alive[: face.n_allies, None]
    blocks = [steps.astype(jnp.float32)]
    if flags.obs_pathing_grid or flags.obs_terrain_height:
        stride = int(flags.move_amount)
        x = jnp.stack([cells(flags, snapshot.x[:n]) + stride * dx for dx, _ in (*AROUND, (0, 0))], axis=1)
        y = jnp.stack([cells(flags, snapshot.y[:n]) + stride * dy for _, dy in (*AROUND, (0, 0))], axis=1)
        if flags.obs_pathing_grid:
            blocks.append((at_cells(face.pathing, x[:, :-1], y[:, :-1], beyond=True) & alive).astype(jnp.float32))
        if flags.obs_terrain_height:
            blocks.append(jnp.where(alive, at_cells(face.height, x, y, beyond=1.0), 0))
    return jnp.concatenate(blocks, axis=1)


def enemies_in_sight(face: Face, traits: Traits, snapshot: Snapshot, away: Offsets) -> Bool[Array, "A E"]:
    """Which enemies agents see."""
    n, alive = face.n_allies, snapshot.alive
    seen = within_sight(face, traits, snapshot, away)
    if snapshot.permitted is not None:
        seen = seen & unpack(snapshot.permitted, n, face.n_enemies)
    if face.flags.fully_observable:
        seen = jnp.ones_like(seen)
    if snapshot.permitted is not None and face.flags.unseen_enemy_blanks:
        seen = seen & ~blanked(unpack(snapshot.permitted, n, face.n_enemies))
    return seen & alive[:n, None] & alive[None, n:]


def allies_in_sight(
    face: Face, traits: Traits, snapshot: Snapshot, away: Offsets, alive: Bool[Array, "#A m"]
) -> Bool[Array, "A m"]:
    """Which of these allies agents see."""
    seen = jnp.ones_like(away.dx, bool) if face.flags.fully_observable else within_sight(face, traits, snapshot, away)
    return seen & snapshot.alive[: face.n_allies, None] & alive


def enemies_seen(
    face: Face, traits: Traits, snapshot: Snapshot, enemies: Sighted, can: Bool[Array, "A m"]
) -> Float[Array, "A m F"]:
    """A row of features for each of these enemies; of them agents `can` act upon some."""
    n, seen = face.n_allies, enemies.seen
    if not face.flags.healable_shown_as_attackable and face.healers:
        can = can & ~traits.heals[:n, None]
    columns = [(seen & can).astype(jnp.float32), *where_from(traits, enemies.away, seen)]
    known = list(traits.bits[n:].T)
    if face.flags.obs_all_health:
        known = [*fitness(traits, snapshot, slice(n, None), shielded=face.shielded[1]), *known]
    columns.extend(jnp.where(seen, enemies.of(column), 0) for column in known)
    return jnp.stack(columns, axis=2)


def others_seen(face: Face, traits: Traits, snapshot: Snapshot, allies: Sighted) -> Float[Array, "A m F"]:
    """A row of features for each of these allies."""
    n, flags, seen = face.n_allies, face.flags, allies.seen
    columns = [seen.astype(jnp.float32), *where_from(traits, allies.away, seen)]
    known = list(traits.bits[:n].T)
    if flags.obs_all_health:
        known = [*fitness(traits, snapshot, slice(n), shielded=face.shielded[0]), *known]
    if flags.obs_last_action:
        known = [*known, *last_actions(face, snapshot).T]
    columns.extend(jnp.where(seen, allies.of(column), 0) for column in known)
    return jnp.stack(columns, axis=2)


def where_from(traits: Traits, away: Offsets, seen: Bool[Array, "A m"]) -> list[Float[Array, "A m"]]:
    """Distance and direction, as parts of the range of sight."""
    sight = traits.sight[: away.dx.shape[0], None]
    return [divided(offset, sight, seen) for offset in (jnp.sqrt(away.square), away.dx, away.dy)]


def fitness(traits: Traits, snapshot: Snapshot, side: slice, *, shielded: bool) -> list[Float[Array, " m"]]:
    """Health and shield as parts of what is possible, the shield only if the side has a column for it."""
    alive = snapshot.alive[side]
    health = divided(snapshot.health[side], traits.health[side], alive)
    return [health, divided(snapshot.shield[side], traits.shield[side], alive)] if shielded else [health]


def divided(
    values: Float[Array, "*rows"], by: Float[Array, "*#rows"] | int, defined: Bool[Array, "*rows"]
) -> Float[Array, "*rows"]:
    """The quotient where it is defined, else 0.

    XLA makes of a division by a constant a multiplication by its reciprocal, which differs from SMAC's numbers in the
    last digit. It cannot do so where the divisor depends on what is divided.
    """
    return jnp.where(defined, values / jnp.where(defined, by, 1), 0)


def blanked(may: Bool[Array, "A E"]) -> Bool[Array, "A E"]:
    """Which enemies stand before one that may not be seen, or are such."""
    return jax.lax.cummax((~may).astype(jnp.int32), axis=1, reverse=True) > 0


def own(face: Face, traits: Traits, snapshot: Snapshot) -> Float[Array, "A F"]:
    """What an agent knows of itself."""
    n, flags = face.n_allies, face.flags
    width, depth = face.pathing.shape
    columns = []
    if flags.shows_own_health:
        columns.extend(fitness(traits, snapshot, slice(n), shielded=face.shielded[0]))
    if flags.obs_own_pos:
        columns.extend([snapshot.x[:n] / width, snapshot.y[:n] / depth])
    if flags.conic_fov:
        columns.extend(facing(flags, snapshot).T)
    columns.extend(traits.bits[:n].T)
    if flags.obs_timestep_number and flags.surplus_zero:
        columns.append(jnp.zeros(n))
    if not columns:
        return jnp.zeros((n, 0))
    return jnp.where(snapshot.alive[:n, None], jnp.stack(columns, axis=1), 0)


def ally_rows(face: Face, traits: Traits, snapshot: Snapshot) -> Float[Array, "A U"]:
    """The allies' part of the state."""
    n, alive = face.n_allies, snapshot.alive[: face.n_allies]
    ready = snapshot.cooldown[:n]
    if face.healers:
        ready = jnp.where(traits.heals[:n], snapshot.energy[:n], ready)
    health, *shield = fitness(traits, snapshot, slice(n), shielded=face.shielded[0])
    cone = facing(face.flags, snapshot).T if face.flags.conic_fov else ()
    ready = divided(ready, traits.readiness[:n], alive)
    columns = [health, ready, *where(face, snapshot, slice(n)), *shield, *cone, *traits.bits[:n].T]
    return jnp.where(alive[:, None], jnp.stack(columns, axis=1), 0)


def enemy_rows(face: Face, traits: Traits, snapshot: Snapshot) -> Float[Array, "E F"]:
    """The enemies' part of the state."""
    n = face.n_allies
    health, *shield = fitness(traits, snapshot, slice(n, None), shielded=face.shielded[1])
    columns = [health, *where(face, snapshot, slice(n, None)), *shield, *traits.bits[n:].T]
    return jnp.where(snapshot.alive[n:, None], jnp.stack(columns, axis=1), 0)


def where(face: Face, snapshot: Snapshot, side: slice) -> list[Float[Array, " m"]]:
    """Places from the middle of the map."""
    width, depth = face.pathing.shape
    return [(snapshot.x[side] - width / 2) / width, (snapshot.y[side] - depth / 2) / depth]


def last_actions(face: Face, snapshot: Snapshot) -> Float[Array, "A K"]:
    """One-hot; zeros before the first step."""
    return jax.nn.one_hot(snapshot.last_action, face.n_actions, dtype=jnp.float32)


def state(
    face: Face, traits: Traits, snapshot: Snapshot, rows: Float[Array, "A U"], time: Float[Array, ""]
) -> Float[Array, " S"]:
    blocks = [rows.ravel(), enemy_rows(face, traits, snapshot).ravel()]
    if face.flags.state_last_action:
        blocks.append(last_actions(face, snapshot).ravel())
    if face.flags.state_timestep_number:
        blocks.append(time[None])
    return jnp.concatenate(blocks)
