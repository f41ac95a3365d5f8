"""What is wrong with a scenario, in sentences."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from qohort.envs.battle import terrain
from qohort.envs.battle.formation import fits
from qohort.envs.battle.scenario import AttackMove, Group, Point, RandomTeams, Scenario
from qohort.errors import QohortError

LONGEST = 2**15 - 1
"""Steps of an episode; moments count them in 16 bits."""

Walkable = Bool[np.ndarray, "W H"]


def checked(scenario: Scenario, walkable: Walkable | None = None) -> Scenario:
    """The scenario itself, if it can be played: on its own terrain, or where else one may walk."""
    try:
        _check(scenario, terrain.grids(scenario.terrain)[0] if walkable is None else walkable)
    except QohortError as error:
        raise QohortError(f"The scenario {scenario.name!r} cannot be played: {error}") from None
    return scenario


def _check(scenario: Scenario, walkable: Walkable) -> None:
    if not scenario.name.strip():
        raise QohortError("it has no name; give it one, such as 'my-battle'.")
    if not 1 <= scenario.limit <= LONGEST:
        raise QohortError(
            f"`limit` is {scenario.limit}; an episode has 1 to {LONGEST:,} steps, and SMAC's have 60 to 400."
        )
    if scenario.teams is None:
        _check_groups("allies", scenario.allies, walkable)
        _check_groups("enemies", scenario.enemies, walkable)
    elif scenario.allies or scenario.enemies:
        raise QohortError("it has `teams`, which are drawn, and also `allies` or `enemies`; keep one of the two.")
    else:
        _check_teams(scenario.teams)
    if isinstance(scenario.plan, AttackMove):
        _check_point("`plan.to`", scenario.plan.to, walkable)
        if scenario.plan.until is not None:
            _check_point("`plan.until`", scenario.plan.until, walkable)


def _check_groups(side: str, groups: Sequence[Group], walkable: Walkable) -> None:
    if not groups:
        raise QohortError(f"it has no {side}; give at least one group of units, or `teams` to be drawn.")
    for i, group in enumerate(groups):
        which = f"`{side}[{i}]`"
        if group.count < 1:
            raise QohortError(f"{which} has a count of {group.count}; a group has at least 1 unit. Leave it out.")
        _check_point(f"{which}.at", group.at, walkable)
        if not fits(group.kind, group.at, walkable):
            raise QohortError(
                f"{which} stands at {group.at}, where a {group.kind.label} cannot be. "
                f"The nearest place is {terrain.nearest(walkable, group.at)}."
            )


def _check_teams(teams: RandomTeams) -> None:
    for side in ("allies", "enemies"):
        if getattr(teams, side) < 1:
            raise QohortError(f"`teams.{side}` is {getattr(teams, side)}; each side has at least 1 unit.")
    labels = [kind.label for kind in teams.kinds]
    if not labels or len(set(labels)) < len(labels):
        raise QohortError(f"`teams.kinds` is {labels}; name at least one kind, and each only once.")
    if len(teams.weights) != len(labels):
        raise QohortError(
            f"`teams.weights` has {len(teams.weights)} numbers for {len(labels)} kinds; give one for each."
        )
    for weight, label in zip(teams.weights, labels, strict=True):
        if not 0 <= weight < math.inf:
            raise QohortError(f"`teams.weights` has {weight} for {label}; weights are finite numbers from 0.")
    drawn = {kind for kind, weight in zip(teams.kinds, teams.weights, strict=True) if weight > 0}
    if not drawn:
        raise QohortError("`teams.weights` are all 0, so that nobody can be drawn; raise at least one.")
    for kind in teams.never_alone:
        if kind not in teams.kinds:
            raise QohortError(
                f"`teams.never_alone` names {kind.label}, which is not among `teams.kinds`; leave it out."
            )
    if drawn <= set(teams.never_alone):
        raise QohortError(
            "`teams.never_alone` names all kinds that can be drawn, so that no team is allowed; leave out at least one."
        )
    if not 0 <= teams.surrounded <= 1:
        raise QohortError(f"`teams.surrounded` is {teams.surrounded}; it is a probability, from 0 to 1.")


def _check_point(which: str, point: Point, walkable: Walkable) -> None:
    width, height = walkable.shape
    if not (0 <= point[0] <= width and 0 <= point[1] <= height):
        raise QohortError(
            f"{which} is {point}, which is outside of the map; x is from 0 to {width}, y from 0 to {height}."
        )
