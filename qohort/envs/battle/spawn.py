"""Who appears where when an episode begins."""

import abc
import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.battle.formation import GAP, formations, spiral
from qohort.envs.battle.scenario import RandomTeams, Scenario
from qohort.envs.battle.starts import GROUPS, Points, drawn_team, mirrored_points, surrounded_points
from qohort.envs.battle.terrain import Terrain
from qohort.envs.battle.units import SMAC
from qohort.errors import QohortError

PUSHES = 4
"""How often units that were drawn onto each other are pushed apart."""


class Appeared(eqx.Module):
    """The units in the order of their creation: allies, then enemies."""

    kind: Int[Array, "*rows n"]
    x: Float[Array, "*rows n"]
    y: Float[Array, "*rows n"]


class AbstractSpawn(eqx.Module):
    """How the units of an episode come about."""

    @abc.abstractmethod
    def __call__(self, key: PRNGKeyArray) -> Appeared:
        """The units of one episode."""


def spawn(scenario: Scenario, terrain: Terrain, *, spread: float = 0.0) -> AbstractSpawn:
    """What draws the beginnings of a scenario's episodes.

    Args:
        scenario: who fights.
        terrain: where; units on the ground appear where they can walk.
        spread: how far from their places in the formation units may appear, in both directions.
    """
    if not spread >= 0:
        raise QohortError(f"`spread` is {spread}; it is a distance in cells, 0 or more.")
    ground = Ground.of(terrain)
    if scenario.teams is not None:
        return RandomSpawn.of(scenario.teams, ground, spread=spread)
    x, y = formations(scenario.allies, scenario.enemies, np.asarray(terrain.walkable), spread=spread)
    kinds = sum(scenario.kinds or (), ())
    return FixedSpawn(
        kind=jnp.asarray(kinds, jnp.int32),
        x=jnp.asarray(x, jnp.float32),
        y=jnp.asarray(y, jnp.float32),
        flies=jnp.asarray([SMAC[kind].air for kind in kinds]),
        ground=ground,
        spread=float(spread),
    )


class Ground(eqx.Module):
    """Where units may be."""

    walkable: Bool[Array, "W H"] | None
    """None if they may be everywhere in the box."""
    nearest: Int[Array, "C"] | None
    """For every cell, the nearest one where one can walk."""
    box: tuple[float, float, float, float] = eqx.field(static=True)
    size: tuple[int, int] = eqx.field(static=True)

    @staticmethod
    def of(terrain: Terrain) -> "Ground":
        width, height = terrain.walkable.shape
        walkable = None if terrain.open else terrain.walkable
        return Ground(
            walkable=walkable,
            nearest=None if walkable is None else jnp.asarray(_nearest(np.asarray(walkable)), jnp.int32),
            box=terrain.box,
            size=(width, height),
        )

    def allows(self, x: Float[Array, " n"], y: Float[Array, " n"], flies: Bool[Array, " n"]) -> Bool[Array, " n"]:
        left, bottom, right, top = self.box
        inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
        if self.walkable is None:
            return inside
        return inside & (flies | self.walkable[_cell(x, self.size[0]), _cell(y, self.size[1])])

    def onto(
        self, x: Float[Array, " n"], y: Float[Array, " n"], flies: Bool[Array, " n"]
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """The same places, or the nearest that are allowed."""
        left, bottom, right, top = self.box
        x, y = jnp.clip(x, left, right), jnp.clip(y, bottom, top)
        if self.nearest is None:
            return x, y
        stays = self.allows(x, y, flies)
        cell = self.nearest[_cell(x, self.size[0]) * self.size[1] + _cell(y, self.size[1])]
        return jnp.where(stays, x, cell // self.size[1] + 0.5), jnp.where(stays, y, cell % self.size[1] + 0.5)


class FixedSpawn(AbstractSpawn):
    """Always the same units, in formation."""

    kind: Int[Array, " n"]
    x: Float[Array, " n"]
    y: Float[Array, " n"]
    flies: Bool[Array, " n"]
    ground: Ground
    spread: float = eqx.field(static=True)

    def __call__(self, key: PRNGKeyArray) -> Appeared:
        """Who strays to where nobody can be stays in its place."""
        if self.spread == 0:
            return Appeared(kind=self.kind, x=self.x, y=self.y)
        stray = jax.random.uniform(key, (2, len(self.x)), minval=-self.spread, maxval=self.spread)
        x, y = self.x + stray[0], self.y + stray[1]
        kept = self.ground.allows(x, y, self.flies)
        return Appeared(kind=self.kind, x=jnp.where(kept, x, self.x), y=jnp.where(kept, y, self.y))


class RandomSpawn(AbstractSpawn):
    """SMACv2's: teams by weights, and starts that are mirrored or surrounded.

    The points where units are created are drawn as SMACv2 draws them. The game then spreads units that share a point,
    and moves those beyond the border inside, in ways that are not known. Here groups stand in honeycombs, which move
    outwards until they do not touch the surrounded allies; units that still overlap are pushed apart a few times.
    """

    weights: Float[Array, " k"]
    alone: Bool[Array, " k"]
    """The kinds of which a team cannot consist alone."""
    table: Int[Array, " k"]
    """The kinds."""
    separation: Float[Array, " k"]
    flies: Bool[Array, " k"]
    places: Float[Array, "n 2"]
    ground: Ground
    allies: int = eqx.field(static=True)
    enemies: int = eqx.field(static=True)
    surrounded: float = eqx.field(static=True)
    spread: float = eqx.field(static=True)

    @staticmethod
    def of(teams: RandomTeams, ground: Ground, *, spread: float) -> "RandomSpawn":
        return RandomSpawn(
            weights=jnp.asarray(teams.weights, jnp.float32),
            alone=jnp.asarray([kind in teams.never_alone for kind in teams.kinds]),
            table=jnp.asarray(teams.kinds, jnp.int32),
            separation=jnp.asarray([SMAC[kind].separation for kind in teams.kinds], jnp.float32),
            flies=jnp.asarray([SMAC[kind].air for kind in teams.kinds]),
            places=jnp.asarray(spiral(max(teams.allies, teams.enemies)), jnp.float32),
            ground=ground,
            allies=teams.allies,
            enemies=teams.enemies,
            surrounded=float(teams.surrounded),
            spread=float(spread),
        )

    def __call__(self, key: PRNGKeyArray) -> Appeared:
        more, n = max(self.enemies - self.allies, 0), self.allies + self.enemies
        shapes = [
            (),
            (self.allies,),
            (),
            (more,),
            (2, self.allies + more),
            (),
            (),
            (self.enemies,),
            (GROUPS,),
            (GROUPS,),
        ]
        shapes.append((2, n if self.spread > 0 else 0))
        first, team, first_more, extra, mirror, mode, groups, members, diagonals, near, stray = _uniforms(key, shapes)
        which = drawn_team(team, first, self.weights, self.alone)
        if more:
            others = drawn_team(extra, first_more, self.weights, self.alone)
            which = jnp.concatenate([which, which, others])
        else:
            which = jnp.concatenate([which, which[: self.enemies]])
        size, flies = self.separation[which] + GAP / 2, self.flies[which]
        around = surrounded_points(groups, members, diagonals, near, allies=self.allies, size=self.ground.size)
        x, y = self._in_honeycombs(around, size, flies)
        mirrored = mirrored_points(mirror, self.allies, self.enemies, self.ground.size)
        x, y = (jnp.where(mode < self.surrounded, *pair) for pair in ((x, mirrored.x), (y, mirrored.y)))
        if self.spread > 0:
            x, y = x + (2 * stray[0] - 1) * self.spread, y + (2 * stray[1] - 1) * self.spread
        x, y = self.ground.onto(x, y, flies)
        for _ in range(PUSHES):
            x, y = self.ground.onto(*_pushed_apart(x, y, size, flies), flies)
        return Appeared(kind=self.table[which], x=x, y=y)

    def _in_honeycombs(
        self, points: Points, size: Float[Array, " n"], flies: Bool[Array, " n"]
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Places around the points of surrounded starts."""
        together = points.group[:, None] == points.group[None, :]
        neighbours = together & (flies[:, None] == flies[None, :])
        rank = jnp.sum(jnp.tril(neighbours, -1), axis=1)
        pitch = 2 * jnp.max(jnp.where(neighbours, size[None, :], 0.0), axis=1)
        offset = self.places[rank] * pitch[:, None]
        extent = jnp.linalg.norm(offset, axis=1) + size
        radius = jnp.max(jnp.where(together, extent[None, :], 0.0), axis=1)
        return _standing_clear(points, offset, radius, self.allies, self.ground)


def _uniforms(key: PRNGKeyArray, shapes: Sequence[tuple[int, ...]]) -> list[Float[Array, "..."]]:
    """Numbers from 0 to below 1, drawn at once: each call for random numbers takes time, above all to compile."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = jnp.split(jax.random.uniform(key, (int(ends[-1]),)), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _standing_clear(
    points: Points, offset: Float[Array, "n 2"], radius: Float[Array, " n"], allies: int, ground: Ground
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Whole groups moved outwards until they do not touch the allies, and inside the border."""
    left, bottom, right, top = ground.box
    middle_x, middle_y = points.x[0], points.y[0]
    out_x, out_y = points.x - middle_x, points.y - middle_y
    distance = jnp.sqrt(out_x**2 + out_y**2)
    clear = radius[0] + radius
    farther = jnp.where(distance > 0, jnp.maximum(clear / jnp.maximum(distance, 1e-6), 1.0), 1.0)
    x, y = middle_x + out_x * farther, middle_y + out_y * farther
    x, y = jnp.clip(x, left + radius, right - radius), jnp.clip(y, bottom + radius, top - radius)
    return x + offset[:, 0], y + offset[:, 1]


def _pushed_apart(
    x: Float[Array, " n"], y: Float[Array, " n"], size: Float[Array, " n"], flies: Bool[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Each of two units that overlap goes half of the way that parts them."""
    number = jnp.arange(len(x), dtype=jnp.float32)
    # Two at the very same point part to the north and south.
    dx = x[:, None] - x[None, :]
    dy = y[:, None] - y[None, :] + 1e-4 * jnp.sign(number[:, None] - number[None, :])
    distance = jnp.sqrt(dx * dx + dy * dy + 1e-12)
    meets = (flies[:, None] == flies[None, :]) & ~jnp.eye(len(x), dtype=bool)
    push = jnp.where(meets, jnp.maximum(size[:, None] + size[None, :] - distance, 0.0) / (2 * distance), 0.0)
    return x + jnp.sum(push * dx, axis=1), y + jnp.sum(push * dy, axis=1)


def _nearest(walkable: Bool[np.ndarray, "W H"]) -> Int[np.ndarray, " C"]:
    every, free = np.argwhere(np.ones_like(walkable)), np.argwhere(walkable)
    squares = ((every[:, None, :] - free[None, :, :]) ** 2).sum(axis=-1)
    x, y = free[squares.argmin(axis=1)].T
    return x * walkable.shape[1] + y


def _cell(position: Float[Array, " n"], size: int) -> Int[Array, " n"]:
    return jnp.clip(jnp.floor(position).astype(jnp.int32), 0, size - 1)
