"""What code that was written for SMAC asks its environment besides playing: places, ground, units' limits."""

import enum
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from qohort.envs.battle.env import Battle
from qohort.envs.battle.face import Face
from qohort.envs.battle.unit_view import UnitView


class Direction(enum.IntEnum):
    """Where a move goes, numbered as in SMAC."""

    NORTH = 0
    SOUTH = 1
    EAST = 2
    WEST = 3


_STEPS = {Direction.NORTH: (0, 1), Direction.SOUTH: (0, -1), Direction.EAST: (1, 0), Direction.WEST: (-1, 0)}


class Queries:
    """Answers from a battle alone; none of them changes anything."""

    battle: Battle

    @property
    def pathing_grid(self) -> Bool[np.ndarray, "X Y"]:
        """Whether one can walk in a cell; the first axis is x."""
        return np.array(self.battle.face.pathing)

    @property
    def terrain_height(self) -> Float[np.ndarray, "X Y"]:
        """How high cells lie, from 0 to 1."""
        return np.array(self.battle.face.height)

    def distance(self, x1: float, y1: float, x2: float, y2: float) -> float:
        """Between two points."""
        return math.hypot(x2 - x1, y2 - y1)

    def check_bounds(self, x: int, y: int) -> bool:
        """Whether a cell is on the map."""
        width, height = self.battle.face.pathing.shape
        return 0 <= x < width and 0 <= y < height

    def can_move(self, unit: UnitView, direction: int) -> bool:
        """Whether the point half a move away is ground."""
        half, (right, up) = self.battle.flags.move_amount / 2, _STEPS[Direction(direction)]
        x, y = int(unit.pos.x + right * half), int(unit.pos.y + up * half)
        return self.check_bounds(x, y) and bool(self.battle.face.pathing[x, y])

    def get_surrounding_points(self, unit: UnitView, include_self: bool = False) -> list[tuple[int, int]]:
        """The eight cells whose ground agents may see, and one's own."""
        x, y, far = int(unit.pos.x), int(unit.pos.y), int(self.battle.flags.move_amount)
        steps = [(0, 2), (0, -2), (2, 0), (-2, 0), (1, 1), (-1, -1), (1, -1), (-1, 1), *([(0, 0)] * include_self)]
        return [(x + right * far, y + up * far) for right, up in steps]

    def get_surrounding_pathing(self, unit: UnitView) -> list[float]:
        """Whether one can walk there; 1 beyond the border."""
        return self._around(unit, lambda face, x, y: float(face.pathing[x, y]), include_self=False)

    def get_surrounding_height(self, unit: UnitView) -> list[float]:
        """How high it is there and in one's own cell; 1 beyond the border."""
        return self._around(unit, lambda face, x, y: float(face.height[x, y]), include_self=True)

    def unit_max_cooldown(self, unit: UnitView) -> float:
        """What its cooldown is divided by; of a Medivac, its energy."""
        face = self.battle.face  # with drawn teams, traits are by kind
        return float(face.traits.readiness[unit.unit_type if face.kinds is None else unit.tag])

    def unit_max_shield(self, unit: UnitView) -> float:
        """Its shield at the beginning."""
        return unit.shield_max

    def _around(self, unit: UnitView, value: Callable[[Face, int, int], float], *, include_self: bool) -> list[float]:
        points = self.get_surrounding_points(unit, include_self)
        return [value(self.battle.face, x, y) if self.check_bounds(x, y) else 1.0 for x, y in points]
