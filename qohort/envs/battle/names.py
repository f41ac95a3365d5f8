"""Names of agents, actions and features; their counts are the sizes."""

import collections
from collections.abc import Sequence
from typing import NamedTuple

from qohort.envs.battle.face import Face

MOVES = ("north", "south", "east", "west")
AROUND = (*(f"far {way}" for way in MOVES), "northeast", "southwest", "southeast", "northwest")


def agents(face: Face) -> tuple[str, ...]:
    """`Marine 1`, `Marine 2`, ...; with random teams `agent 1` and so on."""
    labels = ["agent"] * face.n_allies if face.kinds is None else [kind.label for kind in face.kinds[: face.n_allies]]
    met: collections.Counter[str] = collections.Counter()
    names = []
    for label in labels:
        met[label] += 1
        names.append(f"{label} {met[label]}")
    return tuple(names)


def groups(face: Face) -> tuple[str, ...]:
    """The agents' kinds; none with random teams."""
    return () if face.kinds is None else tuple(kind.label for kind in face.kinds[: face.n_allies])


def actions(face: Face) -> tuple[str, ...]:
    whom = (
        (
            "target" if i < min(face.n_enemies, face.n_allies) else "enemy" if i < face.n_enemies else "ally"
            for i in range(face.n_targets)
        )
        if face.healers
        else ("enemy" for _ in range(face.n_targets))
    )
    return (
        "no-op",
        "stop",
        *(f"move {way}" for way in MOVES),
        *(f"look {round(360 * k / face.flags.num_fov_actions)}°" for k in range(face.flags.looks)),
        *(f"{word} {i + 1}" for i, word in enumerate(whom)),
    )


def unit(face: Face) -> tuple[str, ...]:
    """The columns of an ally in the state."""
    cone = ("fov_x", "fov_y") if face.flags.conic_fov else ()
    shield = ("shield",) if face.shielded[0] else ()
    return ("health", "energy/cooldown", "rel_x", "rel_y", *shield, *cone, *_bits(face))


def enemy(face: Face) -> tuple[str, ...]:
    """The columns of an enemy in the state."""
    return ("health", "rel_x", "rel_y", *(("shield",) if face.shielded[1] else ()), *_bits(face))


def state(face: Face) -> tuple[str, ...]:
    if face.flags.obs_instead_of_state:
        return tuple(f"{agent}: {feature}" for agent in agents(face) for feature in observation(face))
    names = [f"ally {i + 1} {name}" for i in range(face.n_allies) for name in unit(face)]
    names += [f"enemy {j + 1} {name}" for j in range(face.n_enemies) for name in enemy(face)]
    if face.flags.state_last_action:
        names += [f"ally {i + 1} last: {action}" for i in range(face.n_allies) for action in actions(face)]
    return (*names, *(("time",) if face.flags.state_timestep_number else ()))


class Parts(NamedTuple):
    """What an agent sees of the game, part by part."""

    move: tuple[str, ...]
    """Where it can go, and the ground around."""
    enemy: tuple[str, ...]
    """Each enemy, without its number."""
    other: tuple[str, ...]
    """Each other ally, likewise."""
    own: tuple[str, ...]
    """Itself."""


def parts(face: Face) -> Parts:
    """The features of an observation by its parts."""
    flags = face.flags
    move = [f"can move {way}" for way in MOVES]
    if flags.obs_pathing_grid:
        move += [f"ground {way}" for way in AROUND]
    if flags.obs_terrain_height:
        move += [f"height {way}" for way in (*AROUND, "here")]
    place = ("distance", "rel_x", "rel_y")
    health = ("health",) if flags.obs_all_health else ()
    shields = [("shield",) if has and flags.obs_all_health else () for has in face.shielded]
    did = tuple(f"last: {action}" for action in actions(face)) if flags.obs_last_action else ()
    own = ["health", *(("shield",) if face.shielded[0] else ())] if flags.shows_own_health else []
    own += ["x", "y"] if flags.obs_own_pos else []
    own += ["fov_x", "fov_y"] if flags.conic_fov else []
    return Parts(
        move=tuple(move),
        enemy=("attackable", *place, *health, *shields[1], *_bits(face)),
        other=("visible", *place, *health, *shields[0], *_bits(face), *did),
        own=(*own, *_bits(face)),
    )


def observation(
    face: Face, enemies: Sequence[str] | None = None, others: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The features that an agent sees. Others are numbered from the next agent on, oneself left out.

    Args:
        face: of the battle.
        enemies: what the rows for enemies are called, if they are not all of them by their numbers.
        others: likewise the rows for allies.
    """
    flags, part = face.flags, parts(face)
    time = ("time",) if flags.obs_timestep_number else ()
    if not flags.obs_starcraft:
        return time
    foes = [f"enemy {j + 1}" for j in range(face.n_enemies)] if enemies is None else enemies
    friends = [f"other {i + 1}" for i in range(face.n_allies - 1)] if others is None else others
    about_foes = (f"{row} {name}" for row in foes for name in part.enemy)
    about_friends = (f"{row} {name}" for row in friends for name in part.other)
    surplus = ("unused",) if time and flags.surplus_zero else ()
    return (*part.move, *about_foes, *about_friends, *(f"own {name}" for name in part.own), *surplus, *time)


def announced_sizes(face: Face) -> tuple[int, int]:
    """The sizes of observation and state that SMAC announces; a surplus zero is not counted."""
    surplus = face.flags.obs_timestep_number and face.flags.surplus_zero and face.flags.obs_starcraft
    obs = len(observation(face)) - surplus
    return obs, face.n_allies * obs if face.flags.obs_instead_of_state else len(state(face))


def _bits(face: Face) -> tuple[str, ...]:
    return tuple(f"type_{i}" for i in range(len(face.bits)))
