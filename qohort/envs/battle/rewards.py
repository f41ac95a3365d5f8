"""What a step is worth, and how a battle ends. Samvelyan et al. 2019, section 5."""

import enum

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import Kind


class End(enum.IntEnum):
    """How a battle stands after a step; the time limit does not count."""

    LOSS = -1
    DRAW = 0
    """Nobody is left."""
    WIN = 1
    OPEN = 2


def points(health: Float[Array, " n"], shield: Float[Array, " n"]) -> Float[Array, " n"]:
    """What units have to lose; 0 if they are dead."""
    return jnp.where(health > 0, health + shield, 0)


def ending(face: Face, kind: Int[Array, " n"], alive: Bool[Array, " n"]) -> Int[Array, ""]:
    """How a battle stands, in SMAC's order: a loss is looked for first."""
    n = face.n_allies
    allies, enemies = jnp.sum(alive[:n]), jnp.sum(alive[n:])
    lost = (allies == 0) & (enemies > 0)
    won = (allies > 0) & (enemies == 0)
    if face.medivacs:
        fights = alive & (kind != Kind.MEDIVAC)
        if face.flags.only_medivacs_lose:
            lost |= ~jnp.any(fights[:n])
        if face.flags.last_medivacs == "one":
            won |= (enemies == 1) & ~jnp.any(fights[n:])
        elif face.flags.last_medivacs == "any":
            won |= (allies > 0) & ~jnp.any(fights[n:])
    drawn = (allies == 0) & (enemies == 0)
    return jnp.where(lost, End.LOSS, jnp.where(won, End.WIN, jnp.where(drawn, End.DRAW, End.OPEN)))


def battle_reward(
    flags: Flags, n_allies: int, *, before: Float[Array, " n"], after: Float[Array, " n"]
) -> Float[Array, ""]:
    """What the fighting of one step is worth, from the `points` of all units before and after it."""
    if flags.reward_sparse:
        return jnp.zeros(())
    lost = before - after
    died = (before > 0) & (after == 0)
    worth = flags.reward_death_value
    theirs = jnp.sum(lost[n_allies:]) + worth * jnp.sum(died[n_allies:])
    if flags.reward_only_positive:
        return jnp.abs(theirs) if flags.regeneration_pays else jnp.maximum(theirs, 0)
    ours = jnp.sum(lost[:n_allies]) + worth * jnp.sum(died[:n_allies])
    return theirs - flags.reward_negative_scale * ours


def step_reward(
    flags: Flags,
    battle: Float[Array, ""],
    end: Int[Array, ""],
    *,
    largest: Float[Array, ""] | float,
    ended_before: Bool[Array, ""] | bool = False,
) -> Float[Array, ""]:
    """The reward of a step.

    Args:
        flags: what is paid.
        battle: what the fighting is worth.
        end: how the battle stands after the step.
        largest: the largest return; see `largest_return`.
        ended_before: the battle had already ended, and its end has been paid for.
    """
    pays = ~jnp.asarray(ended_before)
    won, lost = pays & (end == End.WIN), pays & (end == End.LOSS)
    if flags.reward_sparse:
        reward = won.astype(jnp.float32) + flags.sparse_defeat * lost
    else:
        reward = battle + flags.reward_win * won + flags.reward_defeat * lost
    if not flags.reward_scale or (flags.reward_sparse and not flags.sparse_reward_scaled):
        return reward
    return reward / (largest / flags.reward_scale_rate)


def largest_return(flags: Flags, enemies: Float[Array, " E"], resets: int = 1) -> Float[Array, ""]:
    """The return of a win in which nobody recovers, before scaling, for enemies with this much health and shield.

    SMAC counts the enemies once more with every `reset` before the end of the first episode (issue 104).
    """
    return flags.reward_death_value * enemies.shape[0] + flags.reward_win + resets * jnp.sum(enemies)


def out_of_time(face: Face, end: Int[Array, "*rows"], step: Int[Array, "*rows"]) -> Bool[Array, "*rows"]:
    """Whether an episode is cut off after so many steps; a battle that ends with the last of them is not."""
    return (end == End.OPEN) & (step >= face.limit)


def points_of(snapshot: Snapshot) -> Float[Array, " n"]:
    return points(snapshot.health, snapshot.shield)
