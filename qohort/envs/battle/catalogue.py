"""The maps of SMAC and the scenarios of SMACv2, as their map files and configurations have them."""

import difflib
from collections.abc import Mapping

from qohort.envs.battle.battles import BATTLES, SMACV2
from qohort.envs.battle.scenario import AttackMove, Group, Hold, Hunt, Plan, Point, RandomTeams, Scenario
from qohort.envs.battle.units import Kind
from qohort.errors import QohortError

MARINE, MARAUDER, MEDIVAC = Kind.MARINE, Kind.MARAUDER, Kind.MEDIVAC
STALKER, ZEALOT, COLOSSUS = Kind.STALKER, Kind.ZEALOT, Kind.COLOSSUS
ZERGLING, BANELING, HYDRALISK = Kind.ZERGLING, Kind.BANELING, Kind.HYDRALISK

Team = Mapping[Kind, int]
"""How many of each kind appear at one point, in the order in which they are created."""

WEST, EAST = (9.0, 16.0), (23.0, 16.0)
NORTH_EAST, SOUTH_WEST = (27.91, 28.24), (4.47, 4.3298)


def named(name: str) -> Scenario:
    """One of the 38 battles."""
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, BATTLES, n=1, cutoff=0.5)
        raise QohortError(
            f"There is no battle called {name!r}."
            + (f" Did you mean {near[0]!r}?" if near else "")
            + " `qohort list maps` shows them all."
        )
    return CATALOGUE[name]


def _groups(*placed: tuple[Point, Team]) -> tuple[Group, ...]:
    return tuple(Group(kind=kind, count=count, at=at) for at, team in placed for kind, count in team.items())


def _across(name: str, limit: int, allies: Team, enemies: Team | None = None, *, terrain: str = "band") -> Scenario:
    """Armies that face each other in the west and the east; the enemies march to where the allies began."""
    return Scenario(
        name=name,
        limit=limit,
        terrain=terrain,
        allies=_groups((WEST, allies)),
        enemies=_groups((EAST, allies if enemies is None else enemies)),
        plan=AttackMove(to=WEST),
    )


def _elsewhere(
    name: str,
    limit: int,
    terrain: str,
    *,
    allies: tuple[tuple[Point, Team], ...],
    enemies: tuple[tuple[Point, Team], ...],
    plan: Plan,
) -> Scenario:
    return Scenario(
        name=name, limit=limit, terrain=terrain, allies=_groups(*allies), enemies=_groups(*enemies), plan=plan
    )


_MEDICS = {MARINE: 7, MARAUDER: 2, MEDIVAC: 1}
_HYDRALISKS = (14.5998, 9.49)

_SMAC = (
    _across("3m", 60, {MARINE: 3}),
    _across("8m", 120, {MARINE: 8}),
    _across("25m", 150, {MARINE: 25}),
    _across("5m_vs_6m", 70, {MARINE: 5}, {MARINE: 6}),
    _across("8m_vs_9m", 120, {MARINE: 8}, {MARINE: 9}),
    _across("10m_vs_11m", 150, {MARINE: 10}, {MARINE: 11}),
    _across("27m_vs_30m", 180, {MARINE: 27}, {MARINE: 30}),
    _across("MMM", 150, _MEDICS),
    _across("MMM2", 180, _MEDICS, {MARINE: 8, MARAUDER: 3, MEDIVAC: 1}),
    _across("2s3z", 120, {STALKER: 2, ZEALOT: 3}),
    _across("3s5z", 150, {STALKER: 3, ZEALOT: 5}),
    _across("3s5z_vs_3s6z", 170, {STALKER: 3, ZEALOT: 5}, {STALKER: 3, ZEALOT: 6}),
    _across("3s_vs_3z", 150, {STALKER: 3}, {ZEALOT: 3}, terrain="open field"),
    _across("3s_vs_4z", 200, {STALKER: 3}, {ZEALOT: 4}, terrain="open field"),
    _across("3s_vs_5z", 250, {STALKER: 3}, {ZEALOT: 5}, terrain="open field"),
    _across("1c3s5z", 180, {COLOSSUS: 1, STALKER: 3, ZEALOT: 5}),
    _elsewhere(
        "2m_vs_1z",
        150,
        "octagon",
        allies=(((13.0, 12.0), {MARINE: 1}), ((19.0, 12.0), {MARINE: 1})),
        enemies=(((16.0, 19.0), {ZEALOT: 1}),),
        plan=AttackMove(to=(13.0, 12.0), until=(19.0, 12.0)),
    ),
    _elsewhere(
        "corridor",
        400,
        "corridor",
        allies=(((19.0397, 19.1198), {ZEALOT: 6}),),
        enemies=((NORTH_EAST, {ZERGLING: 24}),),
        plan=AttackMove(to=SOUTH_WEST),
    ),
    _elsewhere(
        "6h_vs_8z",
        150,
        "small octagon",
        allies=((_HYDRALISKS, {HYDRALISK: 6}),),
        enemies=(((14.41, 16.7597), {ZEALOT: 8}),),
        plan=AttackMove(to=_HYDRALISKS),
    ),
    _elsewhere(
        "2s_vs_1sc",
        300,
        "pentagon",
        allies=(((11.1208, 10.338), {STALKER: 1}), ((16.976, 10.3662), {STALKER: 1})),
        enemies=(((13.92, 20.0397), {Kind.SPINE_CRAWLER: 1}),),
        plan=Hold(),
    ),
    _elsewhere(
        "so_many_baneling",
        100,
        "diagonal strip",
        allies=(((11.469, 12.0234), {ZEALOT: 7}),),
        enemies=((NORTH_EAST, {BANELING: 32}),),
        plan=AttackMove(to=SOUTH_WEST),
    ),
    _elsewhere(
        "bane_vs_bane",
        200,
        "octagon",
        allies=(((16.0, 11.0), {ZERGLING: 20}), ((16.0, 8.0), {BANELING: 4})),
        enemies=(((16.0, 21.0), {ZERGLING: 20}), ((16.0, 24.0), {BANELING: 4})),
        plan=AttackMove(to=(16.0, 8.0)),
    ),
    # The order is to attack the group of the Colossi, wherever they are.
    _elsewhere(
        "2c_vs_64zg",
        400,
        "ravine",
        allies=(((16.0, 16.0), {COLOSSUS: 2}),),
        enemies=(((16.0, 9.0), {ZERGLING: 64}),),
        plan=Hunt(),
    ),
)

DRAWN: dict[str, tuple[tuple[Kind, ...], tuple[Kind, ...]]] = {
    # By race: the kinds in the order of SMACv2's type bits, as likely as in _WEIGHTS; those that cannot win alone.
    "protoss": ((STALKER, ZEALOT, COLOSSUS), ()),
    "terran": ((MARINE, MARAUDER, MEDIVAC), (MEDIVAC,)),
    "zerg": ((ZERGLING, HYDRALISK, BANELING), (BANELING,)),
}
_WEIGHTS = (0.45, 0.45, 0.1)


def _random(name: str) -> Scenario:
    race, allies, _, enemies = name.split("_")
    kinds, never_alone = DRAWN[race]
    teams = RandomTeams(
        allies=int(allies), enemies=int(enemies), kinds=kinds, weights=_WEIGHTS, never_alone=never_alone
    )
    return Scenario(name=name, limit=200, terrain="flat", teams=teams, plan=Hunt())


CATALOGUE: dict[str, Scenario] = {battle.name: battle for battle in (*_SMAC, *map(_random, SMACV2))}
