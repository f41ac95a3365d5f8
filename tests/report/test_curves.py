"""Curves from metric files written by hand."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from qohort.errors import QohortError
from qohort.report.curves import draw_curve, read_curve
from qohort.report.figures import spoken


@pytest.fixture
def folder(tmp_path):
    config = {"name": "qatten", "world": "games/relay", "algorithm": {}, "run": {"seed": 0, "seeds": 3}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def log(folder, seed, *lines, end=""):
    (folder / f"seed-{seed}").mkdir()
    text = "".join(json.dumps({"seed": seed, **line}) + "\n" for line in lines)
    (folder / f"seed-{seed}" / "metrics.jsonl").write_text(text + end)


def won(step, rate):
    return {"step": step, "eval/win_rate": rate, "eval/return": 20 * rate, "episodes/return": [20 * rate] * 32}


def test_every_seed_and_the_mean_where_all_have_been(folder):
    log(folder, 0, won(0, 0.0), {"step": 50, "train/loss": 1.0}, won(100, 0.5), won(200, 1.0))
    log(folder, 2, won(0, 0.25), won(100, 0.75))
    curve = read_curve(folder)
    assert curve.metric == "eval/win_rate"
    assert {seed: line.steps.tolist() for seed, line in curve.seeds.items()} == {0: [0, 100, 200], 2: [0, 100]}
    assert curve.seeds[0].values.tolist() == [0.0, 0.5, 1.0]
    assert curve.mean().steps.tolist() == [0, 100]
    assert curve.mean().values.tolist() == [0.125, 0.625]
    assert curve.before() == 0.125
    assert (curve.planned, curve.episodes) == (3, 32)


def test_the_return_where_nothing_is_won(folder):
    log(folder, 0, {"step": 0, "eval/return": -3.0}, {"step": 10, "eval/return": None}, {"step": 20, "eval/return": 4})
    curve = read_curve(folder)
    assert curve.metric == "eval/return"
    assert curve.seeds[0].steps.tolist() == [0, 20]
    assert curve.seeds[0].values.tolist() == [-3.0, 4.0]


@pytest.mark.parametrize("end", ['{"seed": 0, "step": 200, "eval/win_r', "\n", "null\n", '"torn \ud83d"'[:4], "7\n"])
def test_lines_that_are_not_whole_are_left_out(folder, end):
    log(folder, 0, won(0, 0.0), won(100, 0.5), end=end)
    assert read_curve(folder).seeds[0].values.tolist() == [0.0, 0.5]


def test_bytes_that_are_no_text_are_left_out(folder):
    log(folder, 0, won(0, 0.0))
    with (folder / "seed-0" / "metrics.jsonl").open("ab") as file:
        file.write(b'\xff\xfe{"step": 1}\n')
    assert read_curve(folder).seeds[0].steps.tolist() == [0]


def test_a_seed_that_has_not_begun_is_no_seed(folder):
    log(folder, 0, won(0, 0.0))
    log(folder, 1)
    (folder / "seed-2").mkdir()
    (folder / "seed-x").mkdir()
    assert list(read_curve(folder).seeds) == [0]


def test_nothing_to_draw_yet(folder):
    with pytest.raises(QohortError, match=r"no values of 'eval/return' to draw\. The first evaluation may still"):
        read_curve(folder)
    log(folder, 0, won(0, 0.0))
    with pytest.raises(QohortError, match=r"no values of 'eval/los' to draw\. Known are: eval/return, eval/win_rate"):
        read_curve(folder, "eval/los")


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(QohortError, match="is not a run folder"):
        read_curve(tmp_path)


def test_the_figure_is_written_in_both_formats_and_twice_the_same(folder, tmp_path):
    log(folder, 0, won(0, 0.0), won(100, 0.5), won(200, 1.0))
    log(folder, 1, won(0, 0.25), won(100, 0.75), won(200, 1.0))
    out = tmp_path / "out"
    out.mkdir()
    paths = [out / "curve.png", out / "curve.svg"]
    draw_curve(read_curve(folder), paths)
    before = [path.read_bytes() for path in paths]
    draw_curve(read_curve(folder), paths)
    assert [path.read_bytes() for path in paths] == before
    assert sorted(out.iterdir()) == paths
    assert before[1].startswith(b"<?xml")


def test_the_mean_is_seen_where_it_lies(folder, tmp_path):
    """A run that wins half of its games from the beginning is a thick line at half the height."""
    log(folder, 0, won(0, 0.5), won(100, 0.5))
    draw_curve(read_curve(folder), [tmp_path / "curve.png"])
    with Image.open(tmp_path / "curve.png") as picture:
        image = np.asarray(picture.convert("RGB")).astype(int)
    blue = (np.abs(image - [0, 114, 178]).max(axis=-1) < 30).sum(axis=1)
    rows = np.flatnonzero(blue > 0.5 * image.shape[1])
    assert 4 <= len(rows) <= 12
    assert 0.3 < rows.mean() / image.shape[0] < 0.6


def test_a_single_evaluation_is_a_dot(folder, tmp_path):
    log(folder, 0, won(0, 0.5))
    draw_curve(read_curve(folder), [tmp_path / "curve.png"])
    with Image.open(tmp_path / "curve.png") as picture:
        image = np.asarray(picture.convert("RGB")).astype(int)
    assert (np.abs(image - [0, 114, 178]).max(axis=-1) < 30).sum() > 40


def test_what_is_missing_is_said_with_the_command(folder, monkeypatch, tmp_path):
    log(folder, 0, won(0, 0.5))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(QohortError, match=r"needs matplotlib.*pip install -e '\.\[plots\]'"):
        draw_curve(read_curve(folder), [tmp_path / "curve.png"])


def test_metrics_are_called_what_people_call_them():
    assert [spoken(name) for name in ("eval/win_rate", "eval/collisions", "train/learning_rate")] == [
        "win rate",
        "collisions",
        "train/learning_rate",
    ]
