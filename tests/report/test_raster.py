"""Pictures are looked at pixel by pixel, where a reader would look."""

import dataclasses
import importlib
import itertools
import subprocess
import sys

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from qohort.envs import make
from qohort.envs.games.relay import RelayState
from qohort.errors import QohortError
from qohort.report import raster
from qohort.report.episode import watch
from qohort.scene import Circles, Labels, Lines, Rectangles, Scene, Tone
from tests.report.conftest import SHORT

SQUARE = (0.0, 0.0, 10.0, 10.0)
BLUE, GREEN, PAPER, INK = (raster.PALETTE[tone] for tone in (Tone.OURS, Tone.GOOD, Tone.PAPER, Tone.INK))


def at(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The pixel at a place of the square world, in a picture without writing, 340 wide."""
    margin = raster.MARGIN * 340 / 720
    unit = (340 - 2 * margin) / 10
    return picture.getpixel((round(margin + x * unit), round(0.8 * margin + (10 - y) * unit)))  # pyright: ignore[reportReturnType]


def drawn(*layers) -> Image.Image:
    return raster.draw(Scene(layers=layers, bounds=SQUARE), width=340)


def test_marks_are_where_they_should_be_with_y_upwards():
    picture = drawn(Circles([[2, 8]], 1.0, fill=Tone.OURS, outline=Tone.NONE))
    assert at(picture, 2, 8) == BLUE
    assert at(picture, 2, 2) == PAPER
    assert at(picture, 3.3, 8) == PAPER


def test_later_layers_cover_earlier_ones_and_hidden_marks_nothing():
    ground = Rectangles([[0, 0]], [[10, 10]], fill=Tone.GOOD)
    unit = Circles([[5, 5], [2, 2]], [1, 1], visible=[True, False])
    assert at(drawn(ground, unit), 5, 5) == BLUE
    assert at(drawn(ground, unit), 2, 2) == GREEN
    assert at(drawn(unit, ground), 5, 5) == GREEN


def test_a_bar_is_filled_in_part():
    bar = drawn(Rectangles([[1, 4]], [[9, 6]], full=0.25, fill=Tone.GOOD, empty=Tone.FAINT))
    assert at(bar, 2, 5) == GREEN
    assert at(bar, 4, 5) == raster.PALETTE[Tone.FAINT]
    assert GREEN not in {at(drawn(Rectangles([[1, 4]], [[9, 6]], full=0.0, fill=Tone.GOOD)), 1.1, 5)}


def test_kinds_differ_in_shape():
    """At the level of its shoulders a triangle has nothing, a square does."""
    shapes = {sides: drawn(Circles([[5, 5]], 3.0, sides=sides, outline=Tone.NONE)) for sides in (0, 3, 4)}
    assert [at(shapes[sides], 3.4, 6.5) == BLUE for sides in (0, 3, 4)] == [True, False, True]
    assert [at(shapes[sides], 5, 7.8) == BLUE for sides in (0, 3, 4)] == [True, True, False]


def test_dashes_have_gaps_and_lines_have_none():
    across = np.linspace(1.5, 8.5, 200)
    whole, dashed = (drawn(Lines([[1, 5]], [[9, 5]], weight=4, dashed=dashes)) for dashes in (False, True))
    assert {at(whole, x, 5) for x in across} == {INK}
    assert PAPER in {at(dashed, x, 5) for x in across}
    assert INK in {at(dashed, x, 5) for x in across}


def test_a_label_says_what_its_place_in_the_list_says():
    words = ("I", "WWW")
    wide, narrow = (np.asarray(drawn(Labels([[5, 5]], words, size=2.0, which=[k])).convert("L")) for k in (1, 0))
    assert (wide < 128).sum() > 3 * (narrow < 128).sum() > 0


def test_nothing_is_painted_beyond_the_bounds():
    picture = drawn(Circles([[0, 5]], 20.0, outline=Tone.NONE))
    assert picture.getpixel((2, 150)) == PAPER
    assert at(picture, 0.5, 5) == BLUE


def test_long_captions_are_broken_and_unknown_letters_replaced():
    short, long = (raster.draw(Scene((), SQUARE), caption=[text]) for text in ("a", "word " * 60))
    assert long.height > short.height
    assert np.asarray(long)[:, -10:].min() == 255, "text runs into the margin"
    assert raster._known("Qätten ×Ω") == "Qatten x?"


def test_a_very_high_world_gives_no_endless_picture():
    assert raster.draw(Scene((), (0.0, 0.0, 1.0, 1000.0)), width=100).height < 200


def race(column: int, lane: int) -> RelayState:
    hurdles = jnp.zeros((4, 3), bool).at[jnp.array([0, 3]), jnp.array([0, 0])].set(True)
    zero = jnp.int32(0)
    return RelayState(hurdles=hurdles, column=jnp.int32(column), lane=jnp.int32(lane), time=zero, knocked=zero)


def test_the_carrier_moves_over_the_track():
    """The disc of the carrier is where the baton is, in the lane that its name says."""
    centres = {}
    for place in ((0, 1), (1, 0), (2, 2)):
        image = np.asarray(raster.draw(SHORT.scene(race(*place))))
        y, x = np.nonzero((image == BLUE).all(axis=-1))
        centres[place] = x.mean(), y.mean()
    (x0, y0), (x1, y1), (x2, y2) = centres.values()
    assert x0 < x1 < x2
    assert x2 - x1 == pytest.approx(x1 - x0, rel=0.05)
    assert y1 < y0 < y2, "left is above the middle, right below"


def test_a_hurdle_is_solid_only_where_the_carrier_sees_it():
    orange = raster.PALETTE[Tone.THEIRS]
    counts = [
        (np.asarray(raster.draw(SHORT.scene(race(column, 1)))) == orange).all(axis=-1).sum() for column in (0, 1, 2)
    ]
    assert counts[0] > 0
    assert counts[1] == 0
    assert counts[2] > 0


def test_the_scene_tells_how_many_hurdles_fell():
    scene = SHORT.scene(eqx.tree_at(lambda s: s.knocked, race(1, 1), jnp.int32(2)))
    labels = [layer for layer in scene.layers if isinstance(layer, Labels)]
    assert "hurdles fallen: 2 (2 allowed)" in {layer.texts[int(k)] for layer in labels for k in layer.which}


def test_a_gif_shows_every_moment(finished, tmp_path):
    episode = watch(finished, env=SHORT)
    path = raster.write_gif(episode, tmp_path / "episode.gif", width=240, seconds=0.5)
    with Image.open(path) as film:
        frames, shown = [], []
        for moment in range(episode.length + 1):
            film.seek(moment)
            frames.append(np.asarray(film.convert("RGB")))
            shown.append(film.info["duration"])
        assert film.n_frames == episode.length + 1  # pyright: ignore[reportAttributeAccessIssue]
    assert shown == [500] * episode.length + [2500]
    assert all(not np.array_equal(before, after) for before, after in itertools.pairwise(frames))
    assert tuple(frames[0][0, 0]) == PAPER
    assert [file.name for file in tmp_path.iterdir()] == ["episode.gif"]


def test_a_film_can_be_played(finished, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    episode = watch(finished, env=SHORT)
    path = raster.write_mp4(episode, tmp_path / "episode.mp4", width=161, seconds=0.5)
    told = subprocess.run(
        [ffmpeg, "-i", str(path), "-f", "null", "-"], capture_output=True, text=True, check=True
    ).stderr
    assert "h264" in told
    assert "yuv420p" in told
    seconds = float(told.split("Duration: 00:00:")[1].split(",")[0])
    assert seconds == pytest.approx(0.5 * (episode.length + 1) + 2.5, abs=0.6)


def test_a_world_without_a_scene_gets_a_sentence(finished):
    episode = dataclasses.replace(watch(finished, env=SHORT), env=make("games/two-step"))
    with pytest.raises(QohortError, match=r"games/two-step cannot be drawn: it has no scene\. .*`scene\(self"):
        raster.pictures(episode)


def test_what_is_missing_is_said_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "qohort.report.raster")
    with pytest.raises(QohortError, match=r"needs Pillow.*pip install -e '\.\[video\]'"):
        importlib.import_module("qohort.report.raster")


def test_a_film_without_ffmpeg_is_refused_with_the_command(monkeypatch, finished, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(QohortError, match=r"needs imageio-ffmpeg.*pip install -e '\.\[video\]'"):
        raster.write_mp4(watch(finished, env=SHORT), tmp_path / "episode.mp4")


def test_a_place_that_cannot_be_written_to_gets_a_sentence(finished, tmp_path):
    with pytest.raises(QohortError, match=r"Cannot write .*episode\.gif"):
        raster.write_gif(watch(finished, env=SHORT), tmp_path / "nowhere" / "episode.gif")
