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


def test_a_follower_plays_again_when_there_is_a_newer_checkpoint(qohort, finished):
    follower = Follower(finished, seed=None, which="last", number=0, stream=0)
    follower.refresh()
    assert (follower.step, follower.goal) == (200, 200)
    first = follower.packed
    follower.refresh()
    assert follower.packed is first
    assert qohort("resume", finished, "--steps", "300").code == 0
    follower.refresh()
    assert follower.step == 300
    assert header_of(follower.packed)["title"].endswith("team at step 300")


def test_a_port_in_use_is_a_sentence(finished):
    follower = Follower(finished, seed=None, which="last", number=0, stream=0)
    with server(follower, port=0) as running, pytest.raises(QohortError, match="cannot be used"):
        server(follower, port=running.server_port)
