"""A run is given more seeds, or fewer: what is there stays as it is."""

import json

import pytest

import qohort
from qohort.errors import QohortError
from qohort.training import checkpoint
from qohort.training import train as training
from qohort.training.programs import Programs
from qohort.training.seeds import checkpoint_folder, groups_for, groups_in, is_stacked
from tests.resume.runs import go, heard, left, listening

STEPS = 200


@pytest.mark.parametrize(
    ("begun", "asked", "together", "groups"),
    [
        ([], [0, 1, 2], False, [(0,), (1,), (2,)]),
        ([], [0, 1, 2], True, [(0, 1, 2)]),
        ([(0,), (1,)], [0, 1, 2, 3], False, [(0,), (1,), (2,), (3,)]),
        ([(0,), (1,)], [0, 1, 2, 3], True, [(0,), (1,), (2, 3)]),  # begun on a CPU
        ([(0, 1, 2)], [0, 1, 2, 3, 4], True, [(0, 1, 2), (3, 4)]),
        ([(0, 1, 2)], [0, 1, 2, 3, 4], False, [(0, 1, 2), (3,), (4,)]),  # begun on a GPU
        ([(0, 1, 2), (3, 4)], [0, 1], True, [(0, 1, 2)]),  # cannot be parted
        ([(5,), (7,)], [5, 6, 7, 8], True, [(5,), (6,), (7,), (8,)]),
    ],
)
def test_seeds_go_on_as_they_were_begun(begun, asked, together, groups):
    assert groups_for(begun, asked, together=together) == groups


def test_one_seed_has_an_axis_of_seeds_only_if_that_was_asked_for():
    assert [is_stacked((0,), together) for together in (None, False, True)] == [False, False, True]
    assert is_stacked((0, 1), None)


def test_seeds_are_added_and_finished_ones_skipped(tmp_path):
    go("qmix", tmp_path / "run", steps=STEPS, seeds=2)
    before = [left(tmp_path / "run", seed) for seed in (0, 1)]
    display = listening()
    more = go("qmix", tmp_path / "run", steps=STEPS, seeds=3, display=display)
    alone = go("qmix", tmp_path / "alone", steps=STEPS, seed=2)
    assert "run.seeds was 2 and is 3" in heard(display)
    assert "seed 0: finished before." in heard(display)
    assert "seed 1: finished before." in heard(display)
    assert [left(tmp_path / "run", seed) for seed in (0, 1)] == before
    assert left(tmp_path / "run", 2) == left(tmp_path / "alone", 2)
    assert more.finished
    assert sorted(more.absolute) == [0, 1, 2]
    assert more.absolute[2] == alone.absolute[2]
    line = json.loads(before[0]["absolute.json"])
    assert more.absolute[0] == {name: line[f"eval/{name}"] for name in ("return", "length")}
    again = listening()
    assert go("qmix", tmp_path / "run", steps=STEPS, seeds=3, display=again) == more
    assert "is finished" in heard(again)


def test_the_usual_folder_does_not_depend_on_the_number_of_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = {go("qmix", None, steps=STEPS, seeds=seeds).folder for seeds in (1, 2)}
    assert len(folders) == 1


def test_a_seed_that_was_not_judged_yet_is_not_skipped(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=STEPS, seeds=2)
    before = left(folder, 1)
    (folder / "finished.json").unlink()
    (folder / "seed-1" / "absolute.json").unlink()
    display = listening()
    go("qmix", folder, steps=STEPS, seeds=2, display=display)
    assert "seed 0: finished before." in heard(display)
    assert "seed 1: finished before." not in heard(display)
    assert left(folder, 1) == before


def test_more_steps_and_more_episodes_are_for_finished_seeds_too(tmp_path):
    go("qmix", tmp_path / "run", steps=STEPS)
    go("qmix", tmp_path / "run", steps=2 * STEPS, seeds=2)
    go("qmix", tmp_path / "straight", steps=2 * STEPS, seeds=2)
    for seed in (0, 1):
        assert left(tmp_path / "run", seed) == left(tmp_path / "straight", seed)
    go("qmix", tmp_path / "run", steps=2 * STEPS, seeds=2, absolute_factor=3)
    line = json.loads((tmp_path / "run" / "seed-0" / "absolute.json").read_text())
    assert len(line["episodes/return"]) == 3 * 4


def test_fewer_seeds_leave_the_others_alone(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    go("qmix", folder, steps=STEPS, seeds=2)
    before = [left(folder, seed) for seed in (0, 1)]
    made: list[Programs] = []
    monkeypatch.setattr(training, "Programs", lambda *a, **k: made.append(Programs(*a, **k)) or made[-1])
    display = listening()
    fewer = go("qmix", folder, steps=STEPS, display=display)
    assert "seed 1: in this folder, but not asked for" in heard(display)
    assert list(fewer.absolute) == [0]
    assert made == []  # nothing to train, nothing to compile
    assert [left(folder, seed) for seed in (0, 1)] == before
    assert qohort.load(folder, seed=1).step == STEPS
    with pytest.raises(QohortError, match="has no seed 2; it has 0, 1"):
        qohort.load(folder, seed=2)


def test_a_group_stays_one_and_new_seeds_are_another(tmp_path):
    folder = tmp_path / "run"
    go("qmix", folder, steps=STEPS, seeds=2, together=True)
    saved = checkpoint.paths(checkpoint_folder(folder, [0, 1]))[0] / "arrays.safetensors"
    before = saved.read_bytes()
    more = go("qmix", folder, steps=STEPS, seeds=4, together=True)
    assert sorted(more.absolute) == [0, 1, 2, 3]
    assert groups_in(folder) == [(0, 1), (2, 3)]
    assert saved.read_bytes() == before
    assert {qohort.load(folder, seed=seed).step for seed in range(4)} == {STEPS}

    display = listening()
    fewer = go("qmix", folder, steps=2 * STEPS, together=True, display=display)
    assert "seed 1: not asked for, but seeds 0, 1 train together" in heard(display)
    assert list(fewer.absolute) == [0]
    assert [qohort.load(folder, seed=seed, which="last").step for seed in range(4)] == [400, 400, 200, 200]


def test_one_seed_with_an_axis_of_seeds_loads_and_goes_on(tmp_path):
    go("qmix", tmp_path / "run", steps=STEPS, together=True)
    assert qohort.load(tmp_path / "run", seed=0).step == STEPS
    assert go("qmix", tmp_path / "run", steps=2 * STEPS, seeds=2, together=True).finished


def test_the_first_seed_may_not_change(tmp_path):
    go("qmix", tmp_path / "run", steps=STEPS)
    with pytest.raises(QohortError, match=r"run\.seed was 0 and is 1"):
        go("qmix", tmp_path / "run", steps=STEPS, seed=1)


def test_a_run_that_was_begun_together_needs_no_accelerator_to_go_on(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(training.jax, "default_backend", lambda: "gpu")
    go("qmix", folder, steps=STEPS, seeds=2)
    assert groups_in(folder) == [(0, 1)]
    monkeypatch.undo()
    went_on = go("qmix", folder, steps=2 * STEPS, seeds=2)
    go("qmix", tmp_path / "straight", steps=2 * STEPS, seeds=2, together=True)
    assert went_on.finished
    assert groups_in(folder) == [(0, 1)]
    for seed in (0, 1):
        metrics = [(tmp_path / name / f"seed-{seed}" / "metrics.jsonl").read_bytes() for name in ("run", "straight")]
        assert metrics[0] == metrics[1]
