"""Battles by name, with options as flat as SMAC's own."""

import dataclasses
import difflib
import pathlib
from typing import Any

import numpy as np
from jaxtyping import Bool

from qohort.envs import values
from qohort.envs.battle import catalogue
from qohort.envs.battle import terrain as grounds
from qohort.envs.battle.arena import Physics
from qohort.envs.battle.env import Battle
from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.opponent import AbstractOpponent
from qohort.envs.battle.scenario import Scenario
from qohort.envs.battle.scenario_file import from_json
from qohort.envs.battle.terrain import Layer, Terrain
from qohort.envs.battle.units import Data
from qohort.envs.battle.validation import checked
from qohort.errors import QohortError

FLAGS = {field.name: field.type for field in dataclasses.fields(Flags)}
PHYSICS = {field.name: field.type for field in dataclasses.fields(Physics)}


def battle(
    map: str = "",  # noqa: A002  (SMAC's word for it)
    *,
    scenario: Scenario | str | pathlib.Path | None = None,
    data: Data = "smac",
    layer: Layer = "engine",
    terrain: Terrain | None = None,
    opponent: AbstractOpponent | None = None,
    **options: Any,
) -> Battle:
    """Build a battle.

    Args:
        map: one of SMAC's maps or SMACv2's scenarios; see `qohort list maps`.
        scenario: one of your own instead, or a JSON file that holds it.
        data: the table of units: `smac` (what SMAC plays), `liberty` or `lotv`.
        layer: which of the map's grids says where one can walk; see `terrain.named`.
        terrain: other ground than the scenario's.
        opponent: who commands the enemies, instead of whoever carries out the scenario's plan.
        **options: the fields of `Flags` (what is seen and paid, under SMAC's names) and of `Physics` (the engine's free
            numbers).
    """
    fought = _fought(map, scenario, None if terrain is None else np.asarray(terrain.walkable))
    _refuse_unknown(fought.name, options)
    taken = values.checked(f"battle/{fought.name}", FLAGS | PHYSICS, options)
    flags = {name: value for name, value in taken.items() if name in FLAGS}
    physics = {name: value for name, value in taken.items() if name in PHYSICS}
    return Battle(
        fought,
        terrain=grounds.named(fought.terrain, layer) if terrain is None else terrain,
        flags=Flags(**flags) if fought.teams is None else smacv2(**flags),
        physics=Physics(**physics),
        data=data,
        opponent=opponent,
    )


def _fought(
    name: str, scenario: Scenario | str | pathlib.Path | None, walkable: Bool[np.ndarray, "W H"] | None
) -> Scenario:
    if scenario is None:
        if not name:
            raise QohortError(
                "battle/custom: the option `scenario` is needed: a Scenario, or a JSON file that holds one."
            )
        return catalogue.named(name)
    if name:
        raise QohortError(f"battle/{name} is a map of its own; give `scenario` to battle/custom instead.")
    return checked(scenario, walkable) if isinstance(scenario, Scenario) else from_json(scenario)


def _refuse_unknown(name: str, options: dict[str, Any]) -> None:
    known = ("data", "layer", "terrain", "opponent", *FLAGS, *PHYSICS)
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1, cutoff=0.6)
            raise QohortError(
                f"battle/{name}: there is no option {option!r}."
                + (f" Did you mean {near[0]!r}?" if near else "")
                + " They are the fields of battle.Flags and battle.Physics, and data, layer, terrain and opponent."
            )
