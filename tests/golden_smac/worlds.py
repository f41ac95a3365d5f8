"""What the files say, in our words."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.orders import NOBODY
from qohort.envs.battle.scenario import Group, Hold, RandomTeams, Scenario
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import RACES, Kind, Race, table
from tests.golden_smac.cases import Golden

SECOND_KINDS = {
    Race.PROTOSS: (Kind.STALKER, Kind.ZEALOT, Kind.COLOSSUS),
    Race.TERRAN: (Kind.MARINE, Kind.MARAUDER, Kind.MEDIVAC),
    Race.ZERG: (Kind.ZERGLING, Kind.HYDRALISK, Kind.BANELING),
}


def scenario_of(allies: Iterable[int], enemies: Iterable[int], limit: int = 60) -> Scenario:
    """Fixed teams, listed unit by unit."""
    sides = [
        tuple(Group(kind=kind, count=len(list(run)), at=(0.0, 0.0)) for kind, run in itertools.groupby(map(Kind, side)))
        for side in (allies, enemies)
    ]
    return Scenario(name="golden", limit=limit, terrain="flat", allies=sides[0], enemies=sides[1], plan=Hold())


def fixed_face(
    allies: Iterable[int],
    enemies: Iterable[int],
    flags: Flags | None = None,
    *,
    pathing: Any = None,
    height: Any = None,
    limit: int = 60,
) -> Face:
    """What fixed teams see; on open, flat ground if nothing else is given."""
    return Face(
        scenario_of(allies, enemies, limit),
        Flags() if flags is None else flags,
        stats=table(),
        pathing=np.ones((32, 32), bool) if pathing is None else pathing,
        height=np.zeros((32, 32), np.float32) if height is None else height,
    )


def random_face(race: Race, allies: int, enemies: int, flags: Flags) -> Face:
    """What random teams see, on open ground."""
    ground = {"pathing": np.ones((32, 32), bool), "height": np.zeros((32, 32), np.float32)}
    return Face(random_scenario(race, allies, enemies), flags, stats=table(), **ground)


def random_scenario(race: Race, allies: int, enemies: int, limit: int = 200) -> Scenario:
    teams = RandomTeams(allies=allies, enemies=enemies, kinds=SECOND_KINDS[race], weights=(0.45, 0.45, 0.1))
    return Scenario(name="golden", limit=limit, terrain="flat", teams=teams, plan=Hold())


def kinds_in(golden: Golden, name: str) -> np.ndarray:
    """An array of unit types, in our numbers."""
    labels = [str(label) for label in golden["unit_type_names"]]
    ours = {kind.label.replace(" ", ""): int(kind) for kind in Kind}
    return np.array([ours[label] for label in labels], np.int32)[golden[name]]


def face_of(golden: Golden, flags: Flags) -> Face:
    allies, enemies = kinds_in(golden, "ally_type"), kinds_in(golden, "enemy_type")
    limit = int(golden["info_episode_limit"])
    if golden.second:
        scenario = random_scenario(RACES[Kind(int(allies.flat[0]))], allies.shape[1], enemies.shape[1], limit)
    else:
        scenario = scenario_of(allies, enemies, limit)
    return Face(scenario, flags, stats=table(), pathing=golden["pathing_grid"], height=golden["terrain_height"])


def snapshots(kind: Any, x: Any, y: Any, health: Any, *, last_action: Any, step: Any = 0, **more: Any) -> Snapshot:
    """A moment, or a row of them, from plain arrays; what is not given is 0."""
    health = np.asarray(health, np.float32)
    rest = {name: more.get(name, np.zeros_like(health)) for name in ("shield", "energy", "cooldown")}
    rows = health.shape[:-1]
    last = np.asarray(last_action, np.int16)
    return Snapshot(
        kind=jnp.asarray(np.broadcast_to(np.asarray(kind, np.int8), health.shape)),
        x=jnp.asarray(x, jnp.float32),
        y=jnp.asarray(y, jnp.float32),
        health=jnp.asarray(health),
        aims_at=jnp.full(health.shape, NOBODY, jnp.int8),
        last_action=jnp.asarray(np.broadcast_to(last, (*rows, last.shape[-1]))),
        step=jnp.asarray(np.broadcast_to(np.asarray(step, np.int16), rows)),
        facing=more.get("facing"),
        permitted=more.get("permitted"),
        **{name: jnp.asarray(values, jnp.float32) for name, values in rest.items()},
    )


def frames_of(golden: Golden) -> Snapshot:
    """The frames of a file."""
    both = {name: side_by_side(golden, name) for name in ("x", "y", "shield", "cooldown", "energy")}
    health = np.where(side_by_side(golden, "alive"), side_by_side(golden, "health"), 0)
    kinds = np.concatenate([kinds_in(golden, "ally_type"), kinds_in(golden, "enemy_type")], axis=-1)
    return snapshots(kinds, health=health, last_action=golden["last_action"], step=golden["step"], **both)


def before_and_after(golden: Golden) -> Sequence[Snapshot]:
    """The moments before and after the steps of a file."""
    prefix = "tr_" if golden.second else ""
    kinds = np.concatenate([kinds_in(golden, f"{prefix}{side}_type") for side in ("ally", "enemy")], axis=-1)
    n_allies = int(golden["info_n_agents"])
    moments = []
    for when in ("tr_prev_", "tr_next_"):
        x, y, health, shield, alive = (
            side_by_side(golden, name, when) for name in ("x", "y", "health", "shield", "alive")
        )
        health = np.where(alive, health, 0)
        moments.append(snapshots(kinds, x, y, health, last_action=np.full(n_allies, -1), shield=shield))
    return moments


def side_by_side(golden: Golden, name: str, prefix: str = "") -> np.ndarray:
    return np.concatenate([golden[f"{prefix}ally_{name}"], golden[f"{prefix}enemy_{name}"]], axis=-1)
