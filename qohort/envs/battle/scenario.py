"""A battle as data: who fights whom, where, and until when."""

import dataclasses

from qohort.envs.battle.units import Kind

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """Units of one kind that appear around one point."""

    kind: Kind
    """What they are."""
    count: int
    """How many."""
    at: Point
    """Around where, x eastwards and y northwards."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttackMove:
    """The enemies attack-move to a point; with `until`, to a random one on the segment between the two."""

    to: Point
    """Where they go, or one end of the segment."""
    until: Point | None = None
    """The other end."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hunt:
    """Enemies with nothing to do attack the nearest ally, wherever it is, and follow it until it is dead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hold:
    """The enemies have no order: they fight whatever comes near."""


Plan = AttackMove | Hunt | Hold


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomTeams:
    """SMACv2's: the teams and where they start are drawn for each episode."""

    allies: int
    """How many units the team has."""
    enemies: int
    """How many the other side has."""
    kinds: tuple[Kind, ...]
    """What may be drawn."""
    weights: tuple[float, ...]
    """How probable each kind is for each place in the team; one with 0 is never drawn, and keeps its type bit."""
    never_alone: tuple[Kind, ...] = ()
    """A team of these only is drawn again."""
    surrounded: float = 0.5
    """The probability that the allies start in the middle, surrounded; otherwise both sides mirror each other."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """One map of SMAC, one scenario of SMACv2, or one of your own."""

    name: str
    """What `battle/` is followed by."""
    limit: int
    """Steps until an episode is truncated."""
    terrain: str
    """A name of the table in `terrain`."""
    allies: tuple[Group, ...] = ()
    """In the order in which the units are created."""
    enemies: tuple[Group, ...] = ()
    """Likewise."""
    teams: RandomTeams | None = None
    """Instead of `allies` and `enemies`."""
    plan: Plan
    """What the enemies are up to."""

    @property
    def kinds(self) -> tuple[tuple[Kind, ...], tuple[Kind, ...]] | None:
        """The kind of each ally and each enemy in the order of their creation; not if the teams are drawn."""
        if self.teams is not None:
            return None
        return _each(self.allies), _each(self.enemies)

    @property
    def possible_kinds(self) -> tuple[Kind, ...]:
        """The kinds that can occur, each once."""
        found = self.teams.kinds if self.teams else (group.kind for group in self.allies + self.enemies)
        return tuple(sorted(set(found)))

    @property
    def n_allies(self) -> int:
        """How many units the team has."""
        return self.teams.allies if self.teams else sum(group.count for group in self.allies)

    @property
    def n_enemies(self) -> int:
        """How many the other side has."""
        return self.teams.enemies if self.teams else sum(group.count for group in self.enemies)


def _each(groups: tuple[Group, ...]) -> tuple[Kind, ...]:
    return tuple(group.kind for group in groups for _ in range(group.count))
