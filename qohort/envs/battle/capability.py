"""SMACv2's `StarCraftCapabilityEnvWrapper`: teams and places that are drawn for each episode, by its configurations.

from qohort.envs.battle import StarCraftCapabilityEnvWrapper  # instead of: from smacv2.env... import ...
"""

from collections.abc import Mapping
from typing import Any

from qohort.envs.battle.catalogue import DRAWN
from qohort.envs.battle.scenario import Hunt, RandomTeams, Scenario
from qohort.envs.battle.starcraft2 import StarCraft2Env
from qohort.envs.battle.units import RACES, Kind
from qohort.errors import QohortError

LIMIT = 200
"""Steps of an episode, in all of SMACv2's scenarios."""
SIZE = 32
MAPS = {"10gen_terran": "T", "10gen_protoss": "P", "10gen_zerg": "Z"}
KINDS = {kind.name.lower(): kind for kind in Kind}
WRITTEN = ("env_key", "n_units", "n_enemies")
"""What SMACv2 itself writes into the parts of a configuration."""
UNSUPPORTED = ("replace_teammates", "stochastic_attack", "stochastic_health")
"""Arguments of early versions of SMACv2."""


def StarCraftCapabilityEnvWrapper(  # noqa: N802  (SMACv2's word for it)
    *,
    map_name: str = "10gen_terran",
    capability_config: Mapping[str, Any],
    use_unit_ranges: bool = False,
    obs_own_pos: bool = False,
    kill_unit_step_mul: int = 2,
    **options: Any,
) -> StarCraft2Env:
    """A `StarCraft2Env` whose teams are drawn as a configuration of SMACv2 says.

    Args:
        map_name: one of SMACv2's `10gen_terran`, `10gen_protoss` and `10gen_zerg`.
        capability_config: `n_units`, `n_enemies`, `team_gen` (`weighted_teams`) and `start_positions`
            (`surrounded_and_reflect`).
        use_unit_ranges: see `battle.Flags`; SMACv2's configurations set it.
        obs_own_pos: likewise.
        kill_unit_step_mul: any; there is no game that has to be emptied.
        **options: of `StarCraft2Env`, among them SMACv2's flags.
    """
    for name in UNSUPPORTED:
        if options.pop(name, False):
            raise QohortError(f"`{name}` is not supported: units fight with all their health and always hit.")
    return StarCraft2Env(
        "",
        scenario=scenario(map_name, capability_config),
        use_unit_ranges=use_unit_ranges,
        obs_own_pos=obs_own_pos,
        **options,
    )


def scenario(map_name: str, config: Mapping[str, Any]) -> Scenario:
    """What a configuration of SMACv2 describes."""
    if map_name not in MAPS:
        raise QohortError(
            f"SMACv2 has no map {map_name!r}; it has {', '.join(MAPS)}. SMAC's own maps are for `StarCraft2Env`."
        )
    for key in config:
        if key not in ("n_units", "n_enemies", "team_gen", "start_positions"):
            raise QohortError(
                f"`capability_config` asks for {key!r}, which is not supported; teams (`team_gen`) and places "
                "(`start_positions`) can be drawn."
            )
    team = _part(config, "team_gen", "weighted_teams", ("unit_types", "weights"), ("exception_unit_types", "observe"))
    places = _part(config, "start_positions", "surrounded_and_reflect", ("p",), ("map_x", "map_y"))
    for axis in ("map_x", "map_y"):
        if places.get(axis, SIZE) != SIZE:
            raise QohortError(f"`{axis}` is {places[axis]}; SMACv2's map has {SIZE} by {SIZE} cells.")
    if not team.get("observe", True):
        raise QohortError("`observe` of `team_gen` is False, which is not supported: agents see the kinds of others.")
    named = [_kind(name, map_name) for name in team["unit_types"]]
    if len(team["weights"]) != len(named):
        raise QohortError(f"`team_gen` has {len(team['weights'])} weights for {len(named)} unit types.")
    kinds, _ = DRAWN[map_name.removeprefix("10gen_")]
    weights = dict.fromkeys(kinds, 0.0)
    for kind, weight in zip(named, team["weights"], strict=True):
        weights[kind] += float(weight)
    never_alone = tuple(_kind(name, map_name) for name in team.get("exception_unit_types", ()))
    if not any(weight > 0 for kind, weight in weights.items() if kind not in never_alone):
        raise QohortError("`exception_unit_types` of `team_gen` names all that can be drawn, so no team is allowed.")
    allies = int(config["n_units"])
    enemies = int(config.get("n_enemies", allies))
    return Scenario(
        name=f"{map_name.removeprefix('10gen_')}_{allies}_vs_{enemies}",
        limit=LIMIT,
        terrain="flat",
        teams=RandomTeams(
            allies=allies,
            enemies=enemies,
            kinds=kinds,  # the map's, whatever the configuration names, since they are what type bits tell apart
            weights=tuple(weights.values()),
            never_alone=never_alone,
            surrounded=1 - float(places["p"]),  # SMACv2 surrounds the allies if a draw exceeds `p`
        ),
        plan=Hunt(),
    )


def _part(
    config: Mapping[str, Any], name: str, kind: str, needed: tuple[str, ...], known: tuple[str, ...]
) -> Mapping[str, Any]:
    if "n_units" not in config or name not in config:
        raise QohortError("`capability_config` needs `n_units`, `team_gen` and `start_positions`, as SMACv2's have.")
    part = config[name]
    if part.get("dist_type") != kind:
        raise QohortError(f"`{name}` is drawn by {part.get('dist_type')!r}, which is not supported; {kind!r} is.")
    for key in needed:
        if key not in part:
            raise QohortError(f"`{name}` needs {key!r}, as SMACv2's configurations have it.")
    for key in part:
        if key not in ("dist_type", *needed, *known, *WRITTEN):
            raise QohortError(f"`{name}` asks for {key!r}, which is not supported; {', '.join((*needed, *known))} are.")
    return part


def _kind(name: str, map_name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None or RACES[kind] != MAPS[map_name] or kind == Kind.SPINE_CRAWLER:
        drawn = [key for key, known in KINDS.items() if RACES[known] == MAPS[map_name] and key != "spine_crawler"]
        raise QohortError(f"{map_name} has no unit type {name!r}; it has {', '.join(drawn)}.")
    return kind
