"""`qohort watch` writes a page, or says why not."""

import shutil

import pytest

from qohort.errors import QohortError
from qohort.watch.serve import Follower, server
from tests.watch.unpacked import header_of
from tests.watch.written import packed_in


def test_a_page_is_written_beside_the_run(qohort, finished):
    answer = qohort("watch", finished)
    assert answer.code == 0
    assert answer.out.strip() == str(finished / "episode.html")
    (packed,) = packed_in(finished / "episode.html")
    assert header_of(packed)["title"] == "qmix on games/two-step, seed 0, best team"
    assert "slopes" in header_of(packed)["joint"]


def test_two_runs_start_alike(qohort, finished, tmp_path):
    other = shutil.copytree(finished, tmp_path / "other")
    out = tmp_path / "pages" / "two.html"
    assert qohort("watch", finished, other, "--out", out, "--number", "2").code == 0
    assert len(packed_in(out)) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "needs a run folder"),
        (["a", "b", "c"], "3 runs are given; a page shows one run, or two"),
        (["a", "b", "--serve"], "--serve follows one team"),
        (["a", "--seed", "1", "2", "3"], "--seed has 3 seeds"),
        (["a", "--port", "-2"], "--port is -2"),
        (["nowhere"], "nowhere is not a run folder"),
    ],
)
def test_what_cannot_be_watched_is_a_sentence(qohort, words, sentence):
    answer = qohort("watch", *words)
    assert answer.code == 2
    assert sentence in answer.err


def test_two_worlds_are_not_compared(qohort, finished, tmp_path):
    other = shutil.copytree(finished, tmp_path / "other")
    config = other / "config.json"
    config.write_text(config.read_text().replace("games/two-step", "games/or"))
    answer = qohort("watch", finished, other)
    assert answer.code == 2
    assert "The runs are of different worlds, games/or and games/two-step" in answer.err


@pytest.mark.parametrize("out", [".", "/", "pages"])
def test_a_folder_cannot_be_the_page(qohort, finished, tmp_path, monkeypatch, out):
    (tmp_path / "pages").mkdir()
    monkeypatch.chdir(tmp_path)
    answer = qohort("watch", finished, "--out", out)
    assert answer.code == 2
    assert f"{out} is a folder, and a page is one file; name the file too, as in " in answer.err
    assert not list((tmp_path / "pages").iterdir())


@pytest.fixture
def follower(finished):
    return Follower(finished, seed=None, which="last", number=0, stream=0)


def test_a_follower_plays_again_when_there_is_a_newer_checkpoint(qohort, finished, follower):
    first = follower.newest()
    assert (first.step, first.goal) == (200, 200)
    assert follower.newest().packed is first.packed
    assert qohort("resume", finished, "--steps", "300").code == 0
    second = follower.newest()
    assert (second.step, second.goal) == (300, 300)
    assert second.title.endswith("team at step 300")
    assert header_of(second.packed)["title"] == second.title


def test_a_follower_is_told_of_a_goal_further_on_before_the_next_checkpoint(finished, follower):
    first = follower.newest()
    config = finished / "config.json"
    config.write_text(config.read_text().replace('"steps": 200', '"steps": 700'))
    assert follower.newest() == first._replace(goal=700)


def test_an_episode_that_cannot_be_packed_is_tried_again(qohort, finished, follower, monkeypatch):
    first = follower.newest()
    assert qohort("resume", finished, "--steps", "300").code == 0

    def full(*_: object, **__: object) -> bytes:
        raise QohortError("too large")

    with monkeypatch.context() as broken:
        broken.setattr("qohort.watch.serve.record", full)
        with pytest.raises(QohortError, match="too large"):
            follower.newest()
    assert first.step == 200
    assert follower.newest().step == 300
    assert header_of(follower.newest().packed)["title"].endswith("team at step 300")


def test_a_port_in_use_is_a_sentence(follower):
    with server(follower, port=0) as running, pytest.raises(QohortError, match="cannot be used"):
        server(follower, port=running.server_port)
