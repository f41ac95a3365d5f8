"""Units as objects, for code that asks SMAC's environment for them."""

from typing import NamedTuple

import numpy as np

from qohort.envs.battle.env import Battle
from qohort.envs.battle.face import MAX_ENERGY
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import Kind


class Position(NamedTuple):
    x: float
    y: float


class UnitView(NamedTuple):
    """One unit at one moment; the names are those of the game's interface."""

    tag: int
    """Its place in the row of all units, the agents first."""
    owner: int
    """1 for allies, 2 for enemies."""
    unit_type: Kind
    pos: Position
    health: float
    health_max: float
    shield: float
    shield_max: float
    energy: float
    energy_max: float
    weapon_cooldown: float


def views(battle: Battle, snapshot: Snapshot) -> list[UnitView]:
    """All units of a snapshot."""
    kinds = np.asarray(snapshot.kind).astype(int)
    table = battle.table
    health_max, shield_max = np.asarray(table.health)[kinds], np.asarray(table.shield)[kinds]
    energy_max = np.where(np.asarray(table.heals)[kinds], MAX_ENERGY, 0.0)
    fields = (snapshot.x, snapshot.y, snapshot.health, health_max, snapshot.shield, shield_max, snapshot.energy)
    rows = zip(*(np.asarray(row).tolist() for row in (*fields, energy_max, snapshot.cooldown)), strict=True)
    return [
        UnitView(
            tag=tag,
            owner=1 if tag < battle.face.n_allies else 2,
            unit_type=Kind(kind),
            pos=Position(x, y),
            health=health,
            health_max=most_health,
            shield=shield,
            shield_max=most_shield,
            energy=energy,
            energy_max=most_energy,
            weapon_cooldown=cooldown,
        )
        for tag, (kind, (x, y, health, most_health, shield, most_shield, energy, most_energy, cooldown)) in enumerate(
            zip(kinds.tolist(), rows, strict=True)
        )
    ]
