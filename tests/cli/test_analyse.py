"""`qohort analyse`: pages beside the run, sentences where a question cannot be answered."""

import json

import pytest

from tests.cli.conftest import SMALL

QUICK = ("--episodes", "4")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A short run of Qatten on a world whose agents differ."""
    from qohort.cli.main import main

    folder = tmp_path_factory.mktemp("guarded") / "run"
    flags = ("--algorithm.mixer.heads", "2", "--algorithm.mixer.embed", "4", "--folder", str(folder))
    assert main(["train", "qatten", "tests.analyse.guard:Guard", *SMALL, *flags]) == 0
    return folder


def test_attention_leaves_a_page_beside_the_run(qohort, guarded, finished):
    answer = qohort("analyse", "attention", guarded, *QUICK)
    assert answer.code == 0, answer.err
    assert "times the uniform one" in answer.out
    page = guarded / "analysis" / "attention.md"
    assert str(page) in answer.out
    assert "## What was found" in page.read_text()
    assert (guarded / "analysis" / "attention-map-seed-0.png").stat().st_size > 1000
    assert json.loads((guarded / "analysis" / "attention.json").read_text())["world"] == "tests.analyse.guard:Guard"
    mixed = qohort("analyse", "attention", guarded, finished, *QUICK)
    assert mixed.code == 2
    assert "an analysis is of the seeds of one method on one world" in mixed.err


def test_igm_and_credit_of_any_mixer(qohort, finished, tmp_path):
    """QMIX has IGM; agent 0 alone decides in the first step of the two-step game."""
    igm = qohort("analyse", "igm", finished, *QUICK, "--out", tmp_path / "igm")
    assert igm.code == 0, igm.err
    assert "In 0 of 2 moments" in igm.out
    credit = qohort("analyse", "credit", finished, *QUICK, "--out", tmp_path / "credit")
    assert credit.code == 0, credit.err
    content = json.loads((tmp_path / "credit" / "credit.json").read_text())
    (seed,) = content["seeds"]
    assert seed["exact"]
    assert all(moment["shapley"][1] == 0 for moment in seed["moments"] if moment["moment"] == 0)


def test_what_cannot_be_answered(qohort, finished):
    for words, sentence in (
        (("attention", finished, *QUICK), "QMIXMixer has no attention over agents; choose a run of qatten"),
        (("attention", finished, *QUICK, "--shown", "4"), "the episodes are numbered 0 to 3"),
        (("igm", finished, "--seeds", "7"), "No run has the seed 7"),
        (("igm",), "`qohort analyse igm` needs a run folder"),
        (("mood", finished), "There is no question 'mood'; there are attention, igm, credit"),
        (("igm", finished.parent), "is not a run folder"),
        (("igm", finished, finished), "both hold seed 0; leave one of them out"),
    ):
        answer = qohort("analyse", *words)
        assert answer.code == 2
        assert sentence in answer.err
    assert "whom the heads of an attention mixer look at" in qohort("analyse", "--help").out
