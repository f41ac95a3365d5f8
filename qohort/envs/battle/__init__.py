"""The StarCraft Multi-Agent Challenge in JAX: SMAC's maps and SMACv2's scenarios, without the game."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qohort.envs.battle.capability import StarCraftCapabilityEnvWrapper as StarCraftCapabilityEnvWrapper
    from qohort.envs.battle.starcraft2 import StarCraft2Env as StarCraft2Env

_ROOMS = {"StarCraft2Env": "starcraft2", "StarCraftCapabilityEnvWrapper": "capability"}


def __getattr__(name: str) -> Any:
    """Import JAX only for those who play."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
