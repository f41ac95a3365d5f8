"""The StarCraft Multi-Agent Challenge in JAX: SMAC's maps and SMACv2's scenarios, without the game."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qohort.envs.battle.arena import Physics as Physics
    from qohort.envs.battle.capability import StarCraftCapabilityEnvWrapper as StarCraftCapabilityEnvWrapper
    from qohort.envs.battle.env import Battle as Battle
    from qohort.envs.battle.factory import battle as battle
    from qohort.envs.battle.flags import Flags as Flags
    from qohort.envs.battle.flags import smacv2 as smacv2
    from qohort.envs.battle.opponent import AbstractOpponent as AbstractOpponent
    from qohort.envs.battle.scenario import AttackMove as AttackMove
    from qohort.envs.battle.scenario import Group as Group
    from qohort.envs.battle.scenario import Hold as Hold
    from qohort.envs.battle.scenario import Hunt as Hunt
    from qohort.envs.battle.scenario import RandomTeams as RandomTeams
    from qohort.envs.battle.scenario import Scenario as Scenario
    from qohort.envs.battle.scenario_file import from_json as from_json
    from qohort.envs.battle.scenario_file import to_json as to_json
    from qohort.envs.battle.starcraft2 import StarCraft2Env as StarCraft2Env
    from qohort.envs.battle.units import Kind as Kind

_ROOMS = {
    "AbstractOpponent": "opponent",
    "AttackMove": "scenario",
    "Battle": "env",
    "Flags": "flags",
    "Group": "scenario",
    "Hold": "scenario",
    "Hunt": "scenario",
    "Kind": "units",
    "Physics": "arena",
    "RandomTeams": "scenario",
    "Scenario": "scenario",
    "StarCraft2Env": "starcraft2",
    "StarCraftCapabilityEnvWrapper": "capability",
    "battle": "factory",
    "from_json": "scenario_file",
    "smacv2": "flags",
    "to_json": "scenario_file",
}


def __getattr__(name: str) -> Any:
    """Import JAX only for those who play."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
