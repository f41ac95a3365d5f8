"""The tables of units against the game's data, worked out in cells and ticks by hand."""

import dataclasses
import math

import jax
import numpy as np
import pytest

from qohort.envs.battle.units import LIBERTY, LOTV, TICKS_PER_SECOND, Kind, table

INF = math.inf
MARINE, MARAUDER, MEDIVAC, STALKER, ZEALOT, COLOSSUS, ZERGLING, BANELING, HYDRALISK, SPINE = Kind

BODIES = {
    # health, shield, armour, radius, separation, sight, cells per tick
    MARINE: (45, 0, 0, 0.375, 0.375, 9, 0.140625),
    MARAUDER: (125, 0, 1, 0.5625, 0.5, 10, 0.140625),
    MEDIVAC: (150, 0, 1, 0.75, 0.75, 11, 0.171875),
    STALKER: (80, 80, 1, 0.625, 0.625, 10, 0.18456875),
    ZEALOT: (100, 50, 1, 0.5, 0.375, 9, 0.140625),
    COLOSSUS: (200, 150, 1, 1.0, 0.75, 10, 0.140625),
    ZERGLING: (35, 0, 0, 0.375, 0.375, 8, 0.18456875),
    BANELING: (30, 0, 0, 0.375, 0.375, 8, 0.15625),
    HYDRALISK: (80, 0, 0, 0.625, 0.5, 9, 0.140625),
    SPINE: (300, 0, 2, 0.875, 0.875, 11, 0.0),
}
WEAPONS = {
    # damage, bonus, hits, ticks between attacks, range, ticks to the effect, cells per tick of the missile, slop
    MARINE: (6, 0, 1, 13.7728, 5, 0.8, INF, 1),
    MARAUDER: (10, 10, 1, 24.0, 6, 0.0, 1.25, 1),
    STALKER: (10, 4, 1, 23.04, 6, 2.672, 1.171875, 1),
    ZEALOT: (8, 0, 2, 19.2, 0.1, 0.0, INF, 1),
    COLOSSUS: (20, 0, 2, 35.2, 6, 1.3312, INF, 0),
    ZERGLING: (5, 0, 1, 11.136, 0.1, 2.672, INF, 1),
    BANELING: (20, 15, 1, 13.328, 0.25, 0.0, INF, 1),
    HYDRALISK: (12, 0, 1, 13.28, 5, 3.328, 2.5, 1),
    SPINE: (25, 5, 1, 25.6, 7, 5.3312, INF, 0),
}
ATTRIBUTES = {
    "light": {MARINE, ZEALOT, ZERGLING, HYDRALISK},
    "armoured": {MARAUDER, MEDIVAC, STALKER, COLOSSUS, SPINE},
    "biological": {MARINE, MARAUDER, ZEALOT, ZERGLING, BANELING, HYDRALISK, SPINE},
    "structure": {SPINE},
    "air": {MEDIVAC},
    "heals": {MEDIVAC},
    "explodes": {BANELING},
    "beams": {COLOSSUS},
    "walks_cliffs": {COLOSSUS},
    "hits_air": {MARINE, STALKER, HYDRALISK},
    "threatens": {MEDIVAC},
}


@pytest.mark.parametrize("data", ["smac", "liberty"])
@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.label)
def test_bodies(kind, data):
    names = ("health", "shield", "armour", "radius", "separation", "sight", "speed")
    stats = table(data)
    np.testing.assert_allclose([float(getattr(stats, name)[kind]) for name in names], BODIES[kind], rtol=1e-6)


@pytest.mark.parametrize("kind", WEAPONS, ids=lambda kind: kind.label)
def test_weapons(kind):
    names = ("damage", "bonus", "strikes", "period", "range", "damage_point", "missile", "slop")
    stats = table("liberty")
    np.testing.assert_allclose([float(getattr(stats, name)[kind]) for name in names], WEAPONS[kind], rtol=1e-6)


def test_medivacs_are_unarmed_and_gather_speed():
    stats = jax.tree.map(np.asarray, table())
    assert stats.damage[MEDIVAC] == 0
    # 2.3125 / 256, so that full speed takes 2.75 / 2.3125 = 1.19 seconds, 19 ticks.
    assert stats.acceleration[MEDIVAC] == pytest.approx(0.009033203)
    assert np.isinf(np.delete(stats.acceleration, MEDIVAC)).all()


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes(name):
    assert {kind for kind in Kind if getattr(table(), name)[kind]} == ATTRIBUTES[name]


def test_the_zealots_second_hit():
    second = np.asarray(table().second_strike)
    assert second[ZEALOT] == pytest.approx(4.48)
    assert not np.delete(second, ZEALOT).any()


def test_zerg_regenerate():
    zerg = [ZERGLING, BANELING, HYDRALISK, SPINE]
    each = np.asarray(table().regenerates)
    np.testing.assert_allclose(each[zerg], 0.0170875, rtol=1e-6)  # 0.2734 / 16
    assert not np.delete(each, zerg).any()


WEAPONS_DIFFER = {
    MARINE: {"scan": 5.5},
    MARAUDER: {"scan": 6.5},
    STALKER: {"damage": 13, "bonus": 5, "period": 29.92, "scan": 6.5},
    COLOSSUS: {"damage": 10, "bonus": 5, "period": 24.0, "range": 7, "scan": 7.5},
    HYDRALISK: {"period": 13.2, "scan": 5.5},
    SPINE: {"period": 29.6},
}
BODIES_DIFFER = {
    MEDIVAC: {"speed": 2.5 / 16, "acceleration": 2.25 / 256, "threatens": False},
    HYDRALISK: {"health": 90},
}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.label)
def test_what_the_tables_have_else_than_the_base_data(kind):
    liberty, weapons, bodies = table("liberty"), WEAPONS_DIFFER.get(kind, {}), BODIES_DIFFER.get(kind, {})
    for stats, differs in ((table("smac"), weapons), (table("lotv"), weapons | bodies)):
        for field in dataclasses.fields(stats):
            value = differs.get(field.name, getattr(liberty, field.name)[kind])
            assert float(getattr(stats, field.name)[kind]) == pytest.approx(float(value), rel=1e-6), field.name


def test_bonuses_are_against_light_or_against_armoured():
    assert {kind for kind in Kind if LIBERTY[kind].bonus and LIBERTY[kind].bonus_light} == {BANELING}
    assert {kind for kind in Kind if LOTV[kind].bonus and LOTV[kind].bonus_light} == {BANELING, COLOSSUS}


def test_a_second_has_sixteen_ticks():
    assert TICKS_PER_SECOND == 16
