"""Who fights, in words."""

from qohort.envs.battle.scenario import Group, RandomTeams, Scenario
from qohort.envs.battle.units import RACES, Kind


def allies(scenario: Scenario) -> str:
    """`7 Marines, 2 Marauders, 1 Medivac`, or `5 random Protoss`."""
    return _drawn(scenario.teams, scenario.n_allies) if scenario.teams else units(scenario.allies)


def enemies(scenario: Scenario) -> str:
    """The same of the other side."""
    return _drawn(scenario.teams, scenario.n_enemies) if scenario.teams else units(scenario.enemies)


def units(groups: tuple[Group, ...]) -> str:
    """How many of which kind, in the order of their creation."""
    counts: dict[Kind, int] = {}
    for group in groups:
        counts[group.kind] = counts.get(group.kind, 0) + group.count
    return ", ".join(f"{count} {plural(kind) if count > 1 else kind.label}" for kind, count in counts.items())


def plural(kind: Kind) -> str:
    return "Colossi" if kind is Kind.COLOSSUS else f"{kind.label}s"


def chances(teams: RandomTeams) -> str:
    """`Stalkers 45%, Zealots 45%, Colossi 10%`."""
    parts = zip(teams.kinds, teams.weights, strict=True)
    return ", ".join(f"{plural(kind)} {weight / sum(teams.weights):.0%}" for kind, weight in parts)


def _drawn(teams: RandomTeams, count: int) -> str:
    races = {RACES[kind].name.title() for kind in teams.kinds}
    return f"{count} random {races.pop() if len(races) == 1 else 'units'}"
