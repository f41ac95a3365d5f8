"""The first command that a person tries."""

import signal
import sys

import pytest
from PIL import Image

from qohort.errors import QohortError
from qohort.report import demo
from qohort.training.interrupt import Interrupt

SHORT = {"steps": 768, "eval_every": 768, "eval_episodes": 4, "absolute_factor": 2}


def test_it_trains_draws_and_does_not_train_again(tmp_path, capsys):
    assert demo.demo(tmp_path, **SHORT) == 0
    told = capsys.readouterr().out
    (folder,) = (tmp_path / "battle" / "3m").iterdir()
    assert "win rate before training" in told
    assert "(4 greedy episodes)" in told
    assert "(8 greedy episodes)" in told
    assert str(folder / "curve.png") in told.replace("\n", "")
    with Image.open(folder / "curve.png") as picture:
        picture.verify()
    assert str(folder / "episode.html") in told.replace("\n", "")
    assert '<script type="text/plain" class="episode">' in (folder / "episode.html").read_text(encoding="utf-8")
    for name in ("curve.png", "episode.html"):
        (folder / name).unlink()
    assert demo.demo(tmp_path, **SHORT) == 0
    again = capsys.readouterr()
    assert "is finished: 768 steps" in again.err
    assert {"curve.png", "episode.html"} <= {file.name for file in folder.iterdir()}
    assert again.out == told


def test_interrupted_it_leaves_with_the_signal_and_no_picture(tmp_path, monkeypatch, capsys):
    def signalled(self):
        self.signal = signal.SIGINT
        return self

    monkeypatch.setattr(Interrupt, "__enter__", signalled)
    assert demo.demo(tmp_path, **SHORT) == 130
    assert "The same command goes on from here." in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.html"))


def test_a_missing_extra_is_told_before_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(QohortError, match=r"pip install -e '\.\[plots\]'"):
        demo.demo(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert demo.main() == 2
    assert "pip install" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
