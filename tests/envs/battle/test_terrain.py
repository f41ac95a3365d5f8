"""The ground against the fact sheet's numbers, and whoever follows its ways arrives without touching a wall."""

import os
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import terrain, terrain_tables
from qohort.envs.battle.ways import straight, waypoints
from qohort.errors import QohortError
from tests.golden_smac.cases import BESIDE, VARIABLE

NAMES = tuple(terrain_tables.TERRAINS)
WALLED = ("octagon", "pentagon", "small octagon", "corridor", "diagonal strip", "ravine")
GOLDEN = Path(os.environ.get(VARIABLE) or BESIDE)
STRIDE = 0.1846
"""A tick of the fastest walkers."""


def grid(*rows: str) -> np.ndarray:
    """A grid indexed [x, y] from rows as one sees them, the highest first."""
    return np.array([[mark == "." for mark in row] for row in rows[::-1]]).T


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("band", 512),
        ("octagon", 352),
        ("pentagon", 168),
        ("small octagon", 152),
        ("diagonal strip", 300),
        ("ravine", 336),
        ("corridor", 332),
        ("open field", 1024),
    ],
)
def test_the_walk_layer_has_as_many_cells_as_the_map_file(name, cells):
    assert terrain.grids(name, "walk")[0].sum() == cells


def test_the_band_is_the_grid_that_a_client_has_shown():
    band = terrain.named("band")
    expected = np.zeros((32, 32), bool)
    expected[2:30, 7:25] = True
    np.testing.assert_array_equal(band.pathing, expected)
    np.testing.assert_array_equal(band.walkable, expected)
    assert band.open
    assert band.waypoint is None


@pytest.mark.parametrize("name", ["open field", "flat"])
def test_open_terrains_end_two_cells_before_the_map(name):
    ground = terrain.named(name)
    assert ground.pathing.sum() == 28 * 28
    assert ground.open
    assert ground.box[:2] == (2.0, 2.0)


@pytest.mark.parametrize("name", NAMES)
def test_layers_lie_within_each_other(name):
    engine, walk, plateau = (terrain.grids(name, layer)[0] for layer in ("engine", "walk", "plateau"))
    assert not (engine & ~plateau).any()
    inner = np.zeros((32, 32), bool)
    inner[2:30, 2:30] = True
    lost = walk & inner & ~engine
    # In the ravine the file leaves open, beside the high ground, nothing that we close.
    assert not lost.any()


@pytest.mark.parametrize("name", NAMES)
def test_whoever_stands_at_the_border_stands_in_a_walkable_cell(name):
    ground = terrain.named(name)
    left, bottom, right, top = (np.float32(part) for part in ground.box)
    cells = np.floor([left, bottom, right, top]).astype(int)
    walkable = np.asarray(ground.walkable)
    assert walkable[cells[0]].any()
    assert walkable[cells[2]].any()
    assert walkable[:, cells[1]].any()
    assert walkable[:, cells[3]].any()


def test_heights_are_parts_of_a_span_of_32_from_minus_16():
    height = np.asarray(terrain.named("ravine").height)
    assert height[16, 16] == pytest.approx(26 / 32)  # level 2, z = 10
    assert height[16, 9] == pytest.approx(24 / 32)  # level 1, z = 8
    assert height[16, 2] == pytest.approx(17 / 32)  # the pit, z = 1
    assert (np.diff(height[3:8, 15]) > 0).all()  # up the ramp


def test_the_cliff_of_the_ravine_is_passed_at_its_ends_only():
    walkable, _ = terrain.grids("ravine")
    assert np.flatnonzero(walkable[:, 12]).tolist() == [2, 3, 28, 29]
    assert walkable[7:25, 13:21].all()


def test_both_rooms_of_the_corridor_share_six_cells_of_a_boundary():
    walkable, _ = terrain.grids("corridor")
    assert np.flatnonzero(walkable[:, 12] & walkable[:, 13]).tolist() == list(range(10, 16))


@pytest.mark.parametrize("name", NAMES)
def test_walk_layers_are_those_of_the_golden_data(name):
    example = {"band": "3m", "open field": "3s_vs_5z", "flat": "smacv2_zerg_5_vs_5", "octagon": "bane_vs_bane"}
    example |= {"pentagon": "2s_vs_1sc", "small octagon": "6h_vs_8z", "corridor": "corridor"}
    example |= {"diagonal strip": "so_many_baneling", "ravine": "2c_vs_64zg"}
    path = GOLDEN / f"{example[name]}.npz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    np.testing.assert_array_equal(terrain.grids(name, "walk")[0], np.load(path)["pathing_grid"].astype(bool))


def test_another_grid_can_be_shown():
    other = np.zeros((32, 32), np.uint8)
    other[3, 4] = 1
    ground = terrain.named("band").with_pathing(other)
    assert ground.pathing.sum() == 1
    assert ground.pathing[3, 4]
    assert ground.walkable.sum() == 504


def test_ways_around_a_corner_worked_out_by_hand():
    ground = grid(
        "....",
        ".##.",
        ".##.",
        "....",
    )
    ways = waypoints(ground)

    def at(x: int, y: int) -> int:
        return 4 * x + y

    assert ways[at(0, 0), at(3, 0)] == at(3, 0)
    assert ways[at(0, 0), at(3, 1)] == at(3, 0)
    assert ways[at(0, 1), at(3, 0)] == at(0, 0)  # straight over the corner of a wall is no way
    assert ways[at(1, 1), at(3, 3)] in (at(0, 1), at(1, 0))  # out of the wall first
    assert ways[at(0, 0), at(2, 1)] == at(2, 0)  # next to the wall's cell


def test_a_wall_s_corner_blocks_the_sight_between_cells_but_not_along_it():
    ground = grid(
        "...",
        ".#.",
        "...",
    )
    cells = np.argwhere(ground)
    index = {tuple(cell): i for i, cell in enumerate(cells.tolist())}
    sees = straight(ground, cells)
    assert sees[index[0, 0], index[0, 2]]
    assert sees[index[0, 0], index[2, 0]]
    assert not sees[index[1, 0], index[0, 1]]
    assert not sees[index[1, 0], index[1, 2]]
    assert not sees[index[0, 0], index[2, 2]]


def test_who_cannot_get_there_heads_for_the_nearest_place():
    ground = grid(
        "..#..",
        "..#..",
    )
    ways = waypoints(ground)
    assert ways[0, 2 * 3 + 1] == 2 * 1 + 1  # from (0, 0) to (3, 1): up to the wall, at (1, 1)
    assert ways[2 * 1 + 1, 2 * 3 + 1] == 2 * 1 + 1


def walked(ground: terrain.Terrain, starts: np.ndarray, goal: np.ndarray, ticks: int) -> tuple[np.ndarray, int]:
    """Where those end who follow the ways and slide along walls, and how often they touch one."""
    walkable, ways = np.asarray(ground.walkable), np.asarray(ground.waypoint).astype(int)
    there = int(goal[0]) * 32 + int(goal[1])

    def free(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return walkable[np.floor(x).astype(int), np.floor(y).astype(int)]

    x, y = starts.T
    touched = 0
    for _ in range(ticks):
        corner = ways[np.floor(x).astype(int) * 32 + np.floor(y).astype(int), there]
        direct = corner == there
        dx = np.where(direct, goal[0], corner // 32 + 0.5) - x
        dy = np.where(direct, goal[1], corner % 32 + 0.5) - y
        part = np.minimum(1.0, STRIDE / np.maximum(np.hypot(dx, dy), 1e-9))
        to_x, to_y = x + part * dx, y + part * dy
        both, only_x, only_y = free(to_x, to_y), free(to_x, y), free(x, to_y)
        touched += int((~both).sum())
        x, y = np.where(both | only_x, to_x, x), np.where(both | (only_y & ~only_x), to_y, y)
    return np.stack([x, y], axis=1), touched


@pytest.mark.parametrize("name", WALLED)
def test_from_every_cell_one_arrives_without_touching_a_wall(name):
    ground = terrain.named(name)
    cells = np.argwhere(ground.walkable)
    rng = np.random.default_rng(7)
    corners = [np.array([u, v]) for u in (0.001, 0.5, 0.999) for v in (0.001, 0.5, 0.999)]
    starts = np.concatenate([cells + corner for corner in corners])
    for cell in cells[rng.choice(len(cells), 6, replace=False)]:
        goal = cell + rng.uniform(size=2)
        ends, touched = walked(ground, starts, goal, ticks=330)
        np.testing.assert_allclose(ends, np.broadcast_to(goal, ends.shape), atol=1e-6)
        assert touched == 0


def test_zerglings_go_round_the_cliff_of_the_ravine():
    ground = terrain.named("ravine")
    ways = np.asarray(ground.waypoint)
    first = divmod(int(ways[16 * 32 + 9, 16 * 32 + 16]), 32)
    assert first in [(3, 11), (28, 11)]
    assert divmod(int(ways[first[0] * 32 + first[1], 16 * 32 + 16]), 32) in [(3, 13), (28, 13)]


def test_unknown_names_get_a_sentence():
    with pytest.raises(QohortError, match=r"no terrain called 'ravin'\. Did you mean 'ravine'"):
        terrain.named("ravin")
    with pytest.raises(QohortError, match="some of them walkable"):
        terrain.from_grid(jnp.zeros((4, 4), bool))


def test_a_terrain_of_one_s_own():
    ground = terrain.from_grid(grid("....", ".##.", "...."))
    assert not ground.open
    assert ground.box == (0.0, 0.0, 4.0 - terrain.EDGE, 3.0 - terrain.EDGE)
    assert ground.waypoint is not None
    assert ground.waypoint.shape == (12, 12)
