"""The units: what each kind of them is and can do.

Times are in ticks, of which StarCraft II counts 16 in a game second at speed "Normal"; an environment step is 8 of
them. Lengths are in cells of the map, speeds in cells per tick.

SMAC's maps name the base data of Wings of Liberty as all that they need, and carry bodies of units copied from it. The
weapons are nevertheless those of multiplayer matches in Legacy of the Void, as returns of the game itself show (see
`benchmarks/siege.py`). The table `smac` is therefore made of both; `liberty` and `lotv` have either pure, at 4.10.
"""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from qohort.errors import QohortError

TICKS_PER_SECOND = 16
"""Of a game second at speed "Normal"."""
TICKS_PER_STEP = 8

Data = Literal["smac", "liberty", "lotv"]
Number = float | int


class Kind(enum.IntEnum):
    """The ten kinds of unit; the values are those that snapshots and scenarios hold."""

    MARINE = 0
    MARAUDER = 1
    MEDIVAC = 2
    STALKER = 3
    ZEALOT = 4
    COLOSSUS = 5
    ZERGLING = 6
    BANELING = 7
    HYDRALISK = 8
    SPINE_CRAWLER = 9

    @property
    def label(self) -> str:
        """The name that people read: `Spine Crawler`."""
        return self.name.replace("_", " ").title()


class Race(enum.StrEnum):
    TERRAN = "T"
    PROTOSS = "P"
    ZERG = "Z"


RACES: dict[Kind, Race] = {
    **dict.fromkeys((Kind.MARINE, Kind.MARAUDER, Kind.MEDIVAC), Race.TERRAN),
    **dict.fromkeys((Kind.STALKER, Kind.ZEALOT, Kind.COLOSSUS), Race.PROTOSS),
    **dict.fromkeys((Kind.ZERGLING, Kind.BANELING, Kind.HYDRALISK, Kind.SPINE_CRAWLER), Race.ZERG),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unit:
    """One kind of unit, in the units of the fact sheets: hit points, cells, game seconds."""

    health: Number
    shield: Number = 0.0
    armour: Number = 0.0
    light: bool = False
    armoured: bool = False
    biological: bool = False
    structure: bool = False
    air: bool = False
    explodes: bool = False
    """Its attack is its end, and its end is an attack."""
    beams: bool = False
    """Its attack sweeps a line."""
    heals: bool = False
    walks_cliffs: bool = False
    """Passes over cliffs and through ground units, and is hit by weapons against air as well."""
    regenerates: Number = 0.0
    """Hit points per second, always."""
    speed: Number = 0.0
    acceleration: Number = float("inf")
    radius: Number
    """To the edge, where ranges are measured."""
    separation: Number
    """The radius at which units push each other away."""
    sight: Number
    damage: Number = 0.0
    bonus: Number = 0.0
    bonus_light: bool = False
    """The bonus is against light units; otherwise against armoured ones."""
    strikes: int = 1
    """Hits of one attack on its target."""
    second_strike: Number = 0.0
    """Seconds from the first hit to the second."""
    period: Number = 0.0
    range: Number = 0.0
    scan: Number = 0.0
    """How far a unit looks for targets, if that is farther than its weapon reaches and `Physics.scan`."""
    slop: Number = 1.0
    """An attack that has begun is carried out while the target is within `range + slop`."""
    damage_point: Number = 0.0
    """Seconds from the beginning of an attack to its effect."""
    missile: Number = float("inf")
    """Speed of the missile; infinite if there is none."""
    hits_air: bool = False
    threatens: bool = False
    """As attractive a target as an armed unit, though unarmed."""


_ZERG_REGENERATION = 0.2734
LIBERTY: dict[Kind, Unit] = {
    Kind.MARINE: Unit(
        health=45, light=True, biological=True, speed=2.25, radius=0.375, separation=0.375, sight=9,
        damage=6, period=0.8608, range=5, damage_point=0.05, hits_air=True,
    ),
    Kind.MARAUDER: Unit(
        health=125, armour=1, armoured=True, biological=True, speed=2.25, radius=0.5625, separation=0.5, sight=10,
        damage=10, bonus=10, period=1.5, range=6, missile=20,
    ),
    Kind.MEDIVAC: Unit(
        health=150, armour=1, armoured=True, air=True, speed=2.75, acceleration=2.3125, radius=0.75, separation=0.75,
        sight=11, heals=True, threatens=True,
    ),
    Kind.STALKER: Unit(
        health=80, shield=80, armour=1, armoured=True, speed=2.9531, radius=0.625, separation=0.625, sight=10,
        damage=10, bonus=4, period=1.44, range=6, damage_point=0.167, missile=18.75, hits_air=True,
    ),
    Kind.ZEALOT: Unit(
        health=100, shield=50, armour=1, light=True, biological=True, speed=2.25, radius=0.5, separation=0.375,
        sight=9, damage=8, strikes=2, second_strike=0.28, period=1.2, range=0.1,
    ),
    Kind.COLOSSUS: Unit(
        health=200, shield=150, armour=1, armoured=True, walks_cliffs=True, beams=True, speed=2.25, radius=1.0,
        separation=0.75, sight=10, damage=20, strikes=2, period=2.2, range=6, slop=0, damage_point=0.0832,
        bonus_light=True,
    ),
    Kind.ZERGLING: Unit(
        health=35, light=True, biological=True, regenerates=_ZERG_REGENERATION, speed=2.9531, radius=0.375,
        separation=0.375, sight=8, damage=5, period=0.696, range=0.1, damage_point=0.167,
    ),
    Kind.BANELING: Unit(
        health=30, biological=True, explodes=True, regenerates=_ZERG_REGENERATION, speed=2.5, radius=0.375,
        separation=0.375, sight=8, damage=20, bonus=15, bonus_light=True, period=0.833, range=0.25,
    ),
    Kind.HYDRALISK: Unit(
        health=80, light=True, biological=True, regenerates=_ZERG_REGENERATION, speed=2.25, radius=0.625,
        separation=0.5, sight=9, damage=12, period=0.83, range=5, damage_point=0.208, missile=40, hits_air=True,
    ),
    Kind.SPINE_CRAWLER: Unit(
        health=300, armour=2, armoured=True, biological=True, structure=True, regenerates=_ZERG_REGENERATION,
        radius=0.875, separation=0.875, sight=11, damage=25, bonus=5, period=1.6, range=7, slop=0,
        damage_point=0.3332,
    ),
}  # fmt: skip

LOTV: dict[Kind, Unit] = {
    **LIBERTY,
    Kind.MARINE: dataclasses.replace(LIBERTY[Kind.MARINE], scan=5.5),
    Kind.MARAUDER: dataclasses.replace(LIBERTY[Kind.MARAUDER], scan=6.5),
    Kind.MEDIVAC: dataclasses.replace(LIBERTY[Kind.MEDIVAC], speed=2.5, acceleration=2.25, threatens=False),
    Kind.STALKER: dataclasses.replace(LIBERTY[Kind.STALKER], damage=13, bonus=5, period=1.87, scan=6.5),
    Kind.COLOSSUS: dataclasses.replace(LIBERTY[Kind.COLOSSUS], damage=10, bonus=5, period=1.5, range=7, scan=7.5),
    Kind.HYDRALISK: dataclasses.replace(LIBERTY[Kind.HYDRALISK], health=90, period=0.825, scan=5.5),
    Kind.SPINE_CRAWLER: dataclasses.replace(LIBERTY[Kind.SPINE_CRAWLER], period=1.85),
}

SMAC: dict[Kind, Unit] = {
    **LOTV,
    Kind.MEDIVAC: LIBERTY[Kind.MEDIVAC],
    Kind.HYDRALISK: dataclasses.replace(LOTV[Kind.HYDRALISK], health=LIBERTY[Kind.HYDRALISK].health),
}

TABLES: dict[str, dict[Kind, Unit]] = {"smac": SMAC, "liberty": LIBERTY, "lotv": LOTV}


class Stats(eqx.Module):
    """What the kinds of some units mean, one entry per unit, in cells and ticks."""

    health: Float[Array, " n"]
    shield: Float[Array, " n"]
    armour: Float[Array, " n"]
    light: Bool[Array, " n"]
    armoured: Bool[Array, " n"]
    biological: Bool[Array, " n"]
    structure: Bool[Array, " n"]
    air: Bool[Array, " n"]
    explodes: Bool[Array, " n"]
    beams: Bool[Array, " n"]
    heals: Bool[Array, " n"]
    walks_cliffs: Bool[Array, " n"]
    regenerates: Float[Array, " n"]
    speed: Float[Array, " n"]
    acceleration: Float[Array, " n"]
    radius: Float[Array, " n"]
    separation: Float[Array, " n"]
    sight: Float[Array, " n"]
    damage: Float[Array, " n"]
    bonus: Float[Array, " n"]
    bonus_light: Bool[Array, " n"]
    strikes: Float[Array, " n"]
    second_strike: Float[Array, " n"]
    period: Float[Array, " n"]
    range: Float[Array, " n"]
    scan: Float[Array, " n"]
    slop: Float[Array, " n"]
    damage_point: Float[Array, " n"]
    missile: Float[Array, " n"]
    hits_air: Bool[Array, " n"]
    threatens: Bool[Array, " n"]


_SCALES = {
    **dict.fromkeys(("regenerates", "speed", "missile"), 1 / TICKS_PER_SECOND),
    "acceleration": 1 / TICKS_PER_SECOND**2,
    **dict.fromkeys(("second_strike", "period", "damage_point"), float(TICKS_PER_SECOND)),
}


def table(data: Data = "smac") -> Stats:
    """The statistics of all ten kinds, in the order of `Kind`."""
    if data not in TABLES:
        raise QohortError(f"There is no table of units called {data!r}; there are {', '.join(map(repr, TABLES))}.")
    columns = {}
    for field in dataclasses.fields(Stats):
        values = np.array([getattr(TABLES[data][kind], field.name) for kind in Kind])
        scaled = values if values.dtype == bool else (values * _SCALES.get(field.name, 1)).astype("f4")
        columns[field.name] = jnp.asarray(scaled)
    return Stats(**columns)


def stats_of(kinds: Sequence[Kind] | Int[Array, " n"], stats: Stats) -> Stats:
    """The rows of a table that belong to some units."""
    rows = jnp.asarray(kinds, jnp.int32)
    return Stats(**{field.name: getattr(stats, field.name)[rows] for field in dataclasses.fields(Stats)})
