"""`study.json` against what is in the folder: what goes on, what is new, what is refused."""

import errno
import json
import os
from pathlib import Path

import pytest

from qohort.errors import QohortError
from qohort.study.cells import Cell, resolve
from qohort.study.grid import Grid
from qohort.study.manifest import Manifest, holder, read_manifest, saved_grids, taken
from qohort.training.run_folder import RunFolder
from tests.study.tiny import tiny


def manifest(root: Path, *grids: Grid, fresh: bool = False) -> Manifest:
    made = Manifest(root, grids, resolve(grids)[0], fresh=fresh)
    made.save()
    return made


def begin(cell: Cell, root: Path, *, finished: bool = False, **asked: object) -> None:
    """A run folder as `train` leaves it."""
    with RunFolder.open(root / cell.name, cell.config, fresh=False) as folder:
        folder.begin()
        if finished:
            folder.finish({"asked": {**cell.asked, **asked}})


def states(made: Manifest) -> dict[str, str]:
    return {name.rpartition("/")[2]: record["state"] for name, record in made.records.items()}


def test_what_it_says_of_a_cell(tmp_path):
    grid = tiny("qatten", options={"algorithm.mixer.heads": [2]}, seeds=2, seed=3, label="two")
    manifest(tmp_path, grid)
    content = read_manifest(tmp_path)
    (record,) = content["cells"]
    words = record.pop("command").split()
    assert words[:4] == ["qohort", "train", "qatten", "games/two-step"]
    assert words[-2:] == ["--folder", str(tmp_path / "games/two-step/qatten-two-mixer.heads=2")]
    assert record.pop("source").startswith("Rashid et al. 2018")
    options = record.pop("options")
    assert options["algorithm.mixer.heads"] == 2
    assert options["run.eval_every"] == 100
    assert record == {
        "name": "games/two-step/qatten-two-mixer.heads=2",
        "folder": "games/two-step/qatten-two-mixer.heads=2",
        "world": "games/two-step",
        "algorithm": "qatten",
        "label": "two-mixer.heads=2",
        "preset": None,
        "team": None,
        "steps": 200,
        "seeds": [3, 4],
        "environment": None,
        "state": "waiting",
        "error": [],
        "exit_code": None,
    }
    assert content["outside"] == []
    assert resolve(saved_grids(tmp_path))[0] == resolve([grid])[0]


def test_the_folders_say_what_is_finished(tmp_path):
    grid = tiny("iql", "vdn", "qmix")
    iql, vdn, _ = resolve([grid])[0]
    begin(iql, tmp_path, finished=True)
    begin(vdn, tmp_path)
    assert states(manifest(tmp_path, grid)) == {"iql": "finished", "vdn": "stopped", "qmix": "waiting"}
    (tmp_path / "study.json").unlink()
    assert states(manifest(tmp_path, grid)) == {"iql": "finished", "vdn": "stopped", "qmix": "waiting"}


def test_more_steps_go_on_and_fewer_are_refused(tmp_path):
    (cell,) = resolve([tiny("iql")])[0]
    begin(cell, tmp_path, finished=True)
    assert states(manifest(tmp_path, tiny("iql", steps=300))) == {"iql": "stopped"}
    with pytest.raises(QohortError, match="trained for 200 steps, and --steps is 100"):
        manifest(tmp_path, tiny("iql", steps=100))


def test_a_failure_is_kept_until_it_is_tried_again(tmp_path):
    made = manifest(tmp_path, tiny("iql"))
    made.note("games/two-step/iql", state="failed", error=["no memory"], exit_code=2)
    record = manifest(tmp_path, tiny("iql")).records["games/two-step/iql"]
    assert (record["state"], record["error"], record["exit_code"]) == ("failed", ["no memory"], 2)
    made.note("games/two-step/iql", state="running")  # and killed
    assert states(manifest(tmp_path, tiny("iql"))) == {"iql": "waiting"}


def test_a_cell_keeps_its_environment(tmp_path):
    """Sums are split by the number of threads: a cell that goes on needs what it began with."""
    made = manifest(tmp_path, tiny("iql", "vdn"))
    for name in made.records:
        made.note(name, environment={"NPROC": "1"})
    begin(made.cells["games/two-step/iql"], tmp_path)
    again = manifest(tmp_path, tiny("iql", "vdn")).records
    assert again["games/two-step/iql"]["environment"] == {"NPROC": "1"}
    assert again["games/two-step/vdn"]["environment"] is None


def test_another_grid_adds_cells_and_deletes_none(tmp_path):
    iql, vdn = resolve([tiny("iql", "vdn")])[0]
    for cell in (iql, vdn):
        begin(cell, tmp_path, finished=True)
    made = manifest(tmp_path, tiny("vdn", "qmix"))
    assert states(made) == {"vdn": "finished", "qmix": "waiting"}
    assert made.outside == ["games/two-step/iql"] == read_manifest(tmp_path)["outside"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"options": {"algorithm.gamma": 0.5}}, "algorithm.gamma was 0.99 and is 0.5"),
        ({"preset": "paper"}, "algorithm.target_interval was 100 and is 200"),
        ({"seed": 1}, "run.seed was 0 and is 1"),
    ],
)
def test_other_settings_are_refused_or_begin_beside(settings, sentence, tmp_path):
    old, new = tiny("iql"), tiny("iql", "vdn", **settings)
    begin(resolve([old])[0][0], tmp_path, finished=True)
    with pytest.raises(QohortError, match=sentence) as refusal:
        manifest(tmp_path, new)
    assert "add --fresh" in str(refusal.value)
    made = manifest(tmp_path, new, fresh=True)
    assert [record["folder"] for record in made.records.values()] == ["games/two-step/iql-2", "games/two-step/vdn"]
    assert made.outside == ["games/two-step/iql"]
    with RunFolder.open(made.folder("games/two-step/iql"), made.cells["games/two-step/iql"].config, fresh=False):
        pass
    for fresh in (False, True):
        assert manifest(tmp_path, new, fresh=fresh).records["games/two-step/iql"]["folder"] == "games/two-step/iql-2"


def test_a_name_that_ends_with_a_number_is_no_second_folder_of_another_cell(tmp_path):
    """`wide-2` is a label here; where `wide` is begun anew, its second folder is the next number that is free."""
    wide = tiny("iql", label="wide", options={"algorithm.gamma": 0.5})
    both = (wide, tiny("iql", label="wide-2", steps=100))
    for _ in range(2):
        made = manifest(tmp_path, *both)
        assert [record["folder"] for name, record in made.records.items()] == list(made.records)
        for cell in made.cells.values():
            begin(cell, tmp_path)
    other = tiny("iql", label="wide", options={"algorithm.gamma": 0.6})
    made = manifest(tmp_path, other, both[1], fresh=True)
    assert [record["folder"].rpartition("/")[2] for record in made.records.values()] == ["iql-wide-3", "iql-wide-2"]
    alone = manifest(tmp_path, other)  # `study.json` knows its folder, although the other cell is not asked for
    assert [record["folder"].rpartition("/")[2] for record in alone.records.values()] == ["iql-wide-3"]


def test_logging_and_evaluation_may_change(tmp_path):
    begin(resolve([tiny("iql")])[0][0], tmp_path)
    made = manifest(tmp_path, tiny("iql", options={"eval-episodes": 8, "checkpoint-every": 5, "keep": 3}))
    assert states(made) == {"iql": "stopped"}


def test_a_finished_cell_is_given_more_seeds(tmp_path):
    begin(resolve([tiny("iql", "vdn")])[0][0], tmp_path, finished=True)
    made = manifest(tmp_path, tiny("iql", "vdn", seeds=3))
    assert states(made) == {"iql": "stopped", "vdn": "waiting"}
    assert made.records["games/two-step/iql"]["folder"] == "games/two-step/iql"


def test_folders_that_are_no_study(tmp_path):
    with pytest.raises(QohortError, match="holds no study yet: say what it is made of"):
        saved_grids(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(QohortError, match=r"it holds 'notes.txt' and no study.json"), taken(tmp_path):
        pass
    with pytest.raises(QohortError, match="a part of that path is a file"), taken(tmp_path / "notes.txt" / "study"):
        pass
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(QohortError, match="is a run folder"), taken(tmp_path):
        pass


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1}'])
def test_a_damaged_manifest(text, tmp_path):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(QohortError, match="is damaged"):
        manifest(tmp_path, tiny("iql"))


def test_a_manifest_of_another_version(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"format": 2, "grids": [], "cells": []}))
    with pytest.raises(QohortError, match="has the format 2"):
        saved_grids(tmp_path)


@pytest.mark.parametrize("part", [{"grids": [{"x": 1}]}, {"grids": None}, {"cells": [{}]}, {"cells": "abc"}])
def test_a_manifest_that_is_not_whole(part, tmp_path):
    content = {"format": 1, "grids": [], "cells": [], **part}
    (tmp_path / "study.json").write_text(json.dumps(content))
    with pytest.raises(QohortError, match="is damaged"):
        saved_grids(tmp_path)


def test_a_manifest_of_bytes_that_are_no_text(tmp_path):
    (tmp_path / "study.json").write_bytes(b"\xff\xfe")
    with pytest.raises(QohortError, match="is damaged"):
        saved_grids(tmp_path)


def test_one_study_at_a_time(tmp_path):
    study = tmp_path / "study"
    sentence = f"is in use by process {os.getpid()}"
    with taken(study), pytest.raises(QohortError, match=sentence), taken(study):
        pass
    with taken(study):
        pass


def test_what_goes_wrong_inside_is_not_the_disk_s_fault(tmp_path):
    with pytest.raises(BrokenPipeError), taken(tmp_path / "study"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    with taken(tmp_path / "study"):
        pass


def test_a_file_system_without_locks_is_a_note(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with taken(tmp_path) as (note,):
        assert "has no locks: take care that only one process uses this folder" in note


def test_who_uses_a_run_folder(tmp_path):
    (cell,) = resolve([tiny("iql")])[0]
    folder = tmp_path / cell.name
    assert holder(folder) == ""
    with RunFolder.open(folder, cell.config, fresh=False):
        assert holder(folder) == f"process {os.getpid()} on {os.uname().nodename}"
    assert holder(folder) == ""
