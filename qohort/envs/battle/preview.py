"""A battlefield before the battle: the ground, who stands where, and what the enemies are up to."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from qohort.envs.battle import catalogue, roster, terrain
from qohort.envs.battle.emblems import SIDES, shapes
from qohort.envs.battle.landscape import bounds, landscape
from qohort.envs.battle.scenario import AttackMove, Hold, Hunt, Point, Scenario
from qohort.envs.battle.spawn import spawn
from qohort.envs.battle.terrain import Terrain
from qohort.envs.battle.units import SMAC, Kind
from qohort.envs.battle.validation import checked
from qohort.scene import Circles, Labels, Layer, Lines, Scene, Tone

LETTERS = 0.75
"""The height of a line of words, in cells."""
SLIMNESS = 0.5
"""How wide letters are on average, in parts of that."""
BEHIND = 1.6
"""How far from the goal an arrow ends."""
HEAD = 0.8
"""The length of its head."""
RING = 1.0

Path = Float[np.ndarray, "_ 2"]


def preview(battle: str | Scenario, *, seed: int = 0) -> Scene:
    """The scene at the beginning of an episode.

    Args:
        battle: a name, such as `3m`, or a scenario of your own.
        seed: which beginning, where they are drawn.
    """
    scenario = checked(catalogue.named(battle) if isinstance(battle, str) else battle)
    ground = terrain.named(scenario.terrain)
    begins = jax.jit(spawn(scenario, ground).__call__)(jax.random.key(seed))
    kinds, places = np.asarray(begins.kind), np.stack([begins.x, begins.y], axis=1)
    route = _route(scenario, ground, places[: scenario.n_allies])
    return Scene(
        layers=(
            *landscape(ground),
            *_intent(scenario, route),
            _units(kinds, places, scenario.n_allies),
            *_labels(scenario, ground, places, np.array([SMAC[Kind(kind)].radius for kind in kinds]), route),
        ),
        bounds=bounds(ground),
        note=note(scenario),
    )


def note(scenario: Scenario) -> str:
    """What the picture shows, in sentences."""
    ours, theirs = roster.allies(scenario), roster.enemies(scenario)
    parts = [f"{ours} (blue, yours) against {theirs} (orange)."]
    if scenario.teams is not None:
        parts.append(f"One beginning of many: teams ({roster.chances(scenario.teams)}) and places are drawn each time.")
    if len(scenario.possible_kinds) > 1:
        parts.append(f"{shapes(scenario.possible_kinds)}.")
    match scenario.plan:
        case AttackMove(until=None):
            parts.append("The enemies march to the ring and attack whom they meet.")
        case AttackMove():
            parts.append("The enemies march to somewhere between the rings and attack whom they meet.")
        case Hunt():
            parts.append("Enemies with nothing to do attack the nearest of yours, wherever it is.")
        case Hold():
            parts.append("The enemies stay where they are.")
    return " ".join([*parts, f"{scenario.limit} steps."])


def _units(kinds: Int[np.ndarray, " n"], places: Path, n_allies: int) -> Circles:
    fliers_last = np.argsort([SMAC[Kind(kind)].air for kind in kinds], kind="stable")
    kinds, places = kinds[fliers_last], places[fliers_last]
    return Circles(
        places,
        [SMAC[Kind(kind)].radius for kind in kinds],
        fill=np.where(fliers_last < n_allies, Tone.OURS, Tone.THEIRS),
        sides=[SIDES[Kind(kind)] for kind in kinds],
    )


def _route(scenario: Scenario, ground: Terrain, allies: Path) -> Path:
    """From the enemies along their way, up to where they are sent or to the allies there; empty if they stay."""
    if scenario.teams is not None or isinstance(scenario.plan, Hold):
        return np.zeros((0, 2))
    aim = np.mean(_goals(scenario) or [group.at for group in scenario.allies], axis=0)
    # The army with its rearguard: the point nearest to the goal is in front.
    front = min((group.at for group in scenario.enemies), key=lambda at: float(np.hypot(*(np.array(at) - aim))))
    path = _shortened(way(ground, front, (float(aim[0]), float(aim[1]))), BEHIND)
    while _length(path) > BEHIND and np.hypot(*(allies - path[-1]).T).min() < BEHIND - 0.1:
        path = _shortened(path, 0.25)
    return path


def _intent(scenario: Scenario, route: Path) -> tuple[Layer, ...]:
    """An arrow along the enemies' way, and rings around where they are sent."""
    goals = _goals(scenario)
    marks: list[Layer] = [_arrow(route)] if len(route) else []
    if goals:
        marks.append(Circles(goals, RING, fill=Tone.NONE, outline=Tone.THEIRS))
        marks.append(Circles(goals, 0.2, fill=Tone.THEIRS, outline=Tone.NONE))
    if len(goals) > 1:
        marks.append(Lines([goals[0]], [goals[-1]], tone=Tone.THEIRS, weight=1.5, dashed=True))
    return tuple(marks)


def _goals(scenario: Scenario) -> list[Point]:
    """Where the enemies are sent: a point, or the ends of a segment."""
    if not isinstance(scenario.plan, AttackMove):
        return []
    return [goal for goal in (scenario.plan.to, scenario.plan.until) if goal is not None]


def way(ground: Terrain, begin: Point, end: Point) -> Path:
    """The points at which a unit on the ground turns, with both ends."""
    if ground.waypoint is None:
        return np.array([begin, end])
    table, height = np.asarray(ground.waypoint), ground.walkable.shape[1]
    there = int(end[0]) * height + int(end[1])
    here, points = int(begin[0]) * height + int(begin[1]), [begin]
    while (corner := int(table[here, there])) not in (there, here):
        points.append((corner // height + 0.5, corner % height + 0.5))
        here = corner
    return np.array([*points, end] if corner == there else points)


def _shortened(path: Path, by: float) -> Path:
    """A path without its last part."""
    while len(path) > 2 and np.hypot(*(path[-1] - path[-2])) <= by:
        by -= float(np.hypot(*(path[-1] - path[-2])))
        path = path[:-1]
    last = path[-1] - path[-2]
    part = max(1 - by / max(float(np.hypot(*last)), 1e-6), 0.0)
    return np.concatenate([path[:-1], (path[-2] + part * last)[None]])


def _length(path: Path) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def _dotted(path: Path) -> Path:
    """Many points of a path."""
    pieces = [a + np.linspace(0, 1, 200)[:, None] * (b - a) for a, b in itertools.pairwise(path)]
    return np.concatenate([np.zeros((0, 2)), *pieces])


def _arrow(path: Path) -> Lines:
    back = path[-2] - path[-1]
    back = back / max(float(np.hypot(*back)), 1e-6) * HEAD
    across = np.array([-back[1], back[0]]) * 0.5
    start = np.concatenate([path[:-1], path[-1:], path[-1:]])
    end = np.concatenate([path[1:], [path[-1] + back + across], [path[-1] + back - across]])
    return Lines(start, end, tone=Tone.THEIRS, weight=2.5)


def _labels(
    scenario: Scenario, ground: Terrain, places: Path, radii: Float[np.ndarray, " n"], arrow: Path
) -> tuple[Labels, ...]:
    """Beside the army at each point, who it is; on the ground and not on other marks, if there is room."""
    if scenario.teams is not None:
        return ()
    units = [_square(place, radius) for place, radius in zip(places, radii, strict=True)]
    rings = [_square(goal, RING) for goal in _goals(scenario)]
    walls = [_square(cell + 0.5, 0.5) for cell in np.argwhere(~np.asarray(ground.walkable))]
    taken = [*units, *rings, *walls, *(_square(point, 0.1) for point in _dotted(arrow))]
    texts, at, number = [], [], 0
    for groups in (scenario.allies, scenario.enemies):
        points = [group.at for group in groups for _ in range(group.count)]
        for point in dict.fromkeys(points):
            texts.append(roster.units(tuple(group for group in groups if group.at == point)))
            army = _around([units[number + i] for i, other in enumerate(points) if other == point])
            army = _around([army, *(ring for ring in rings if ring.meets(army))])
            taken.append(_beside(army, texts[-1], taken, bounds(ground)))
            at.append(((taken[-1].left + taken[-1].right) / 2, (taken[-1].bottom + taken[-1].top) / 2))
        number += len(points)
    return (Labels(at, tuple(texts), size=LETTERS),)


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "_Box") -> bool:
        apart = self.left >= other.right or self.right <= other.left
        return not (apart or self.bottom >= other.top or self.top <= other.bottom)


def _square(middle: Sequence[float] | Float[np.ndarray, " 2"], half: float) -> _Box:
    x, y = float(middle[0]), float(middle[1])
    return _Box(x - half, y - half, x + half, y + half)


def _around(boxes: Sequence[_Box]) -> _Box:
    left, bottom, right, top = zip(*boxes, strict=True)
    return _Box(min(left), min(bottom), max(right), max(top))


def _beside(army: _Box, text: str, taken: Sequence[_Box], shown: tuple[float, float, float, float]) -> _Box:
    """A free place for a label: below the army, above, to the right or to the left, and always in the picture."""
    wide, high = len(text) * SLIMNESS * LETTERS / 2 + 0.2, LETTERS * 0.7
    x, y = (army.left + army.right) / 2, (army.bottom + army.top) / 2
    tries = [(x, army.bottom - high), (x, army.top + high), (army.right + wide, y), (army.left - wide, y)]
    boxes = []
    for middle in tries:
        x = np.clip(middle[0], shown[0] + wide, shown[2] - wide)
        y = np.clip(middle[1], shown[1] + high, shown[3] - high)
        boxes.append(_Box(float(x - wide), float(y - high), float(x + wide), float(y + high)))
    return next((box for box in boxes if not any(box.meets(other) for other in taken)), boxes[0])
