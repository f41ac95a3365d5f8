"""Battles of any size: two equal crowds on a field that grows with them."""

import math
from typing import Any

import numpy as np

from qohort.envs.battle.env import Battle
from qohort.envs.battle.factory import battle
from qohort.envs.battle.nearest import Nearest
from qohort.envs.battle.scenario import AttackMove, Group, Scenario
from qohort.envs.battle.terrain import from_grid
from qohort.envs.battle.units import Kind
from qohort.errors import QohortError

CELLS_EACH = 4
"""Of the field, for every unit; 27m_vs_30m has about as many of the ground that one can stand on."""
SIZE, SMALLEST = 100, 32
"""How many fight on either side if it is not said, and the side of the smallest field."""
NEAREST = 16
"""Of either side; what everybody reads would otherwise grow with the square of the crowd."""
LIMIT = 180
"""Steps, as on 27m_vs_30m."""
STATE: dict[str, Any] = {"state_last_action": False}
"""Everybody's last action would make it grow with the square of the crowd, where all can be aimed at."""


def crowd(
    *,
    name: str = "crowd",
    size: int = SIZE,
    enemies: int | None = None,
    kind: str = "marine",
    nearest: int | None = NEAREST,
    **options: Any,
) -> Battle | Nearest:
    """Build a battle of two crowds, the allies in the west; the enemies march to where the allies began.

    Args:
        name: what the battle is called.
        size: how many allies.
        enemies: how many enemies; as many if not given.
        kind: what all of them are, such as `marine` or `zealot`.
        nearest: how many enemies, and how many allies, an agent sees and chooses among, the nearest first; with None
            everyone in sight, by their numbers, as in SMAC.
        **options: those of every battle; the state is without last actions, if not told otherwise.
    """
    against = size if enemies is None else enemies
    for option, count in (("size", size), ("enemies", against)):
        if count < 1:
            raise QohortError(f"battle/{name}: {option} is {count}; it must be at least 1.")
    kinds = {member.name.lower(): member for member in Kind}
    if kind not in kinds:
        raise QohortError(f"battle/{name}: kind is {kind!r}; it must be one of {', '.join(sorted(kinds))}.")
    side = max(SMALLEST, math.ceil(math.sqrt(CELLS_EACH * (size + against))))
    west, east = (side / 4, side / 2), (3 * side / 4, side / 2)
    scenario = Scenario(
        name=name,
        limit=LIMIT,
        terrain="flat",
        allies=(Group(kind=kinds[kind], count=size, at=west),),
        enemies=(Group(kind=kinds[kind], count=against, at=east),),
        plan=AttackMove(to=west),
    )
    world = battle(scenario=scenario, terrain=from_grid(np.ones((side, side), bool)), **STATE | options)
    return world if nearest is None else Nearest(world, nearest)
