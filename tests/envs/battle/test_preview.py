"""Pictures of battlefields: where things stand in them, and what they say."""

import numpy as np
import pytest

from qohort.envs.battle import catalogue, roster, terrain
from qohort.envs.battle.battles import BATTLES, SMAC
from qohort.envs.battle.landscape import landscape
from qohort.envs.battle.preview import SIDES, note, preview, way
from qohort.envs.battle.units import LIBERTY, Kind
from qohort.report.raster import MARGIN, PALETTE, draw
from qohort.scene import Circles, Labels, Rectangles, Scene, Tone, sound

RECTANGLES_AT_MOST = 30
SHOWN = (*SMAC, "protoss_5_vs_5", "terran_10_vs_11", "zerg_20_vs_23")


def of(scene: Scene, kind: type) -> list:
    return [layer for layer in scene.layers if isinstance(layer, kind)]


def units(scene: Scene) -> Circles:
    """The last circles, above everything else."""
    return of(scene, Circles)[-1]


def painted(scene: Scene, x: float, y: float) -> tuple[int, ...]:
    """The pixel at a place, in a picture without a title, 720 wide and no higher than it may be."""
    left, _, right, top = scene.bounds
    picture = draw(scene, width=720)
    unit = (720 - 2 * MARGIN) / (right - left)
    return picture.getpixel((round(MARGIN + (x - left) * unit), round(0.8 * MARGIN + (top - y) * unit)))  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("name", SHOWN)
def test_every_battle_has_a_scene_in_bounds(name):
    scene, battle = preview(name), catalogue.named(name)
    assert sound(scene)
    assert len(units(scene).centre) == battle.n_allies + battle.n_enemies
    left, bottom, right, top = scene.bounds
    x, y = np.asarray(units(scene).centre).T
    assert left < x.min() < x.max() < right
    assert bottom < y.min() < y.max() < top


def test_units_have_their_side_s_tone_their_size_and_their_kind_s_shape():
    marks = units(preview("MMM2"))
    assert np.asarray(marks.fill).tolist().count(Tone.OURS) == 10
    assert np.asarray(marks.fill).tolist().count(Tone.THEIRS) == 12
    assert np.unique(np.asarray(marks.radius)).tolist() == [0.375, 0.5625, 0.75]
    assert np.asarray(marks.radius)[-2:].tolist() == [0.75, 0.75]  # Medivacs fly above the others


@pytest.mark.parametrize("name", BATTLES)
def test_kinds_of_a_battle_differ_in_shape(name):
    kinds = catalogue.named(name).possible_kinds
    assert len({SIDES[kind] for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("name", ["corridor", "ravine", "octagon", "diagonal strip"])
def test_few_rectangles_cover_exactly_the_ground(name):
    ground = terrain.named(name)
    blocks = landscape(ground)[1]
    assert isinstance(blocks, Rectangles)
    covered = np.zeros((32, 32), int)
    for (left, bottom), (right, top) in zip(np.asarray(blocks.low, int), np.asarray(blocks.high, int), strict=True):
        covered[left:right, bottom:top] += 1
    np.testing.assert_array_equal(covered, np.asarray(ground.walkable))
    assert len(blocks.low) <= RECTANGLES_AT_MOST


def test_pixels_show_ground_walls_high_ground_and_units():
    scene = preview("2c_vs_64zg")
    assert painted(scene, 16.5, 12.5) == PALETTE[Tone.WALL]
    assert painted(scene, 10.5, 18.5) == PALETTE[Tone.PAPER]
    assert painted(scene, 4.5, 8.5) == PALETTE[Tone.GROUND]
    assert painted(scene, 16.0, 16.0) == PALETTE[Tone.OURS]


def test_labels_do_not_lie_on_units():
    for name in SMAC:
        scene = preview(name)
        marks = units(scene)
        for labels in of(scene, Labels):
            for at in np.asarray(labels.at):
                assert np.hypot(*(np.asarray(marks.centre) - at).T).min() > LIBERTY[Kind.MARINE].radius


def test_labels_say_who_stands_where():
    (labels,) = of(preview("bane_vs_bane"), Labels)
    assert labels.texts == ("20 Zerglings", "4 Banelings") * 2


def test_notes_say_what_the_enemies_are_up_to():
    assert "The enemies march to the ring" in note(catalogue.named("3m"))
    assert "between the rings" in note(catalogue.named("2m_vs_1z"))
    assert "attack the nearest of yours" in note(catalogue.named("2c_vs_64zg"))
    assert "stay where they are" in note(catalogue.named("2s_vs_1sc"))
    drawn = note(catalogue.named("protoss_10_vs_11"))
    assert drawn.startswith("10 random Protoss (blue, yours) against 11 random Protoss (orange).")
    assert "Stalkers 45%, Zealots 45%, Colossi 10%" in drawn


def test_the_way_of_the_zerglings_leads_round_the_cliff():
    path = way(terrain.named("ravine"), (16.0, 9.0), (16.0, 16.0))
    np.testing.assert_allclose(path[[0, -1]], [[16, 9], [16, 16]])
    assert path[1:-1, 0].tolist() in ([3.5, 3.5], [28.5, 28.5])
    assert path[1:-1, 1].tolist() == [11.5, 13.5]


def test_seeds_choose_among_beginnings():
    one, other = (np.asarray(units(preview("zerg_5_vs_5", seed=seed)).centre) for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_rosters():
    assert roster.allies(catalogue.named("2m_vs_1z")) == "2 Marines"
    assert roster.enemies(catalogue.named("2m_vs_1z")) == "1 Zealot"
    assert roster.enemies(catalogue.named("MMM2")) == "8 Marines, 3 Marauders, 1 Medivac"
    assert roster.allies(catalogue.named("2c_vs_64zg")) == "2 Colossi"
