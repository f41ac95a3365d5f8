"""`qohort analyse`: pages beside the run, sentences where a question cannot be answered."""

import json
import pathlib
import shutil

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


def test_more_moments_than_there_are_and_a_seed_named_twice(qohort, finished, tmp_path):
    words = ("--moments", "100000000000000", "--seeds", "0", "0", "--out", tmp_path / "igm")
    answer = qohort("analyse", "igm", finished, *QUICK, *words)
    assert answer.code == 0, answer.err
    assert "In 0 of 2 moments" in answer.out


def test_a_seed_that_has_not_begun_is_told_from_one_that_nobody_plans(qohort, finished):
    config = json.loads((finished / "config.json").read_text())
    config["run"]["seeds"] = 2
    (finished / "config.json").write_text(json.dumps(config))
    (finished / "finished.json").unlink()
    answer = qohort("analyse", "igm", finished, "--seeds", "1")
    assert answer.code == 2
    assert "There is no checkpoint of seed 1" in answer.err
    assert "the run stopped before its first one. `qohort resume" in answer.err


def of_version(folder, *versions):
    """The run as it would be, had its world had these versions while it was trained."""
    file = folder / "environment.json"
    (process,) = json.loads(file.read_text())["processes"]
    file.write_text(json.dumps({"processes": [{**process, "world_version": version} for version in versions]}))
    return folder


def test_a_team_that_plays_by_other_rules_is_told(qohort, finished, tmp_path):
    of_version(finished, "two-step-v1")
    said = f"{finished} was trained in two-step-v1, and games/two-step is without a version now"
    for words in (("eval", finished, *QUICK), ("watch", finished), ("analyse", "igm", finished, *QUICK)):
        answer = qohort(*words)
        assert answer.code == 0, answer.err
        assert answer.err.startswith("qohort: ")
        assert said in answer.err
    page = (finished / "analysis" / "igm.md").read_text()
    assert "Trained in two-step-v1 and played in a world without a version: by other rules." in page
    other = of_version(pathlib.Path(shutil.copytree(finished, tmp_path / "other")), "two-step-v2")
    answer = qohort("analyse", "igm", finished, other, *QUICK)
    assert answer.code == 2
    assert "those are different games; analyse them apart" in answer.err


def test_what_cannot_be_answered(qohort, finished):
    for words, sentence in (
        (("attention", finished, *QUICK), "QMIXMixer has no attention over agents; choose a run of qatten"),
        (("attention", finished, *QUICK, "--shown", "4"), "the episodes are numbered 0 to 3"),
        (("igm", finished, "--seeds", "7"), "No run has the seed 7"),
        (("igm",), "`qohort analyse igm` needs a run folder"),
        (("mood", finished), "There is no question 'mood'; there are attention, igm, credit"),
        (("igm", finished.parent), "is not a run folder"),
        (("igm", finished, finished), "both hold seed 0; leave one of them out"),
        (("attention", finished, "--episodes", "0"), "--episodes is 0; it must be at least 1"),
        (("igm", finished, "--stream", "10000000000"), "--stream is 10000000000; it must be at most 4,292,870,143"),
        (("credit", finished, "--gamma", "2"), "gamma is 2.0; it must lie between 0 and 1"),
        (("credit", finished, "--hold", "8"), "hold is 8, but games/two-step has tables"),
    ):
        answer = qohort("analyse", *words)
        assert answer.code == 2
        assert sentence in answer.err
    assert "whom the heads of an attention mixer look at" in qohort("analyse", "--help").out
