"""Metric files: strict, deterministic, and cut back to the checkpoint when a run goes on."""

import csv
import json
import math
import os

import jax.numpy as jnp
import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.training.records import FILES, METRICS, TABLE, TIMING, Records, last_step

COLUMNS = ["train/loss", "eval/return"]


def lines(folder, name=METRICS):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def table(folder):
    with (folder / TABLE).open(newline="") as file:
        return list(csv.reader(file))


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def refuse_constants(name):
    raise AssertionError(f"{name} is not JSON")


def test_a_line_has_the_seed_the_step_and_the_names_in_order(tmp_path):
    records = Records(tmp_path, columns=COLUMNS)
    records.write(3, 100, {"train/loss": jnp.float32(0.5), "eval/return": np.float64(0.1), "train/episodes": 4})
    records.write(4, 100, {"eval/return": [1.0, 2.5], "train/loss": 1})
    records.close()
    text = (tmp_path / METRICS).read_text()
    assert text == (
        '{"seed": 3, "step": 100, "eval/return": 0.1, "train/episodes": 4, "train/loss": 0.5}\n'
        '{"seed": 4, "step": 100, "eval/return": [1.0, 2.5], "train/loss": 1}\n'
    )
    assert table(tmp_path) == [
        ["seed", "step", "eval/return", "train/loss"],
        ["3", "100", "0.1", "0.5"],
        ["4", "100", "", "1"],
    ]


def test_a_line_is_there_before_the_next_is_written(tmp_path):
    records = Records(tmp_path, columns=COLUMNS)
    records.write(0, 1, {"train/loss": 1.0})
    assert len(lines(tmp_path)) == 1
    assert len(table(tmp_path)) == 2
    records.close()


def test_what_is_no_number_is_null_in_json_and_told_apart_in_the_table(tmp_path):
    records = Records(tmp_path, columns=["a", "b", "c"])
    records.write(0, 1, {"a": math.nan, "b": -math.inf, "d": [1.0, math.nan]})
    records.close()
    line = json.loads((tmp_path / METRICS).read_text(), parse_constant=refuse_constants)
    assert line == {"seed": 0, "step": 1, "a": None, "b": None, "d": [1.0, None]}
    assert table(tmp_path)[1] == ["0", "1", "nan", "-inf", ""]


def test_clocks_have_a_file_of_their_own(tmp_path):
    for folder, seconds in ((tmp_path / "a", 1.5), (tmp_path / "b", 9.25)):
        folder.mkdir()
        records = Records(folder, columns=COLUMNS)
        records.write(0, 1, {"train/loss": 1.0})
        records.time(0, 1, {"seconds": seconds})
        records.close()
    one, other = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert one[METRICS] == other[METRICS]
    assert one[TABLE] == other[TABLE]
    assert lines(tmp_path / "b", TIMING) == [{"seed": 0, "step": 1, "seconds": 9.25}]


def test_lines_without_numbers_for_the_table_leave_no_empty_row(tmp_path):
    records = Records(tmp_path, columns=COLUMNS)
    records.write(0, 1, {"eval/returns": [1.0]})
    records.close()
    assert len(table(tmp_path)) == 1


def go_on(folder, positions, steps, columns=COLUMNS):
    records = Records(folder, columns=columns, positions=positions)
    saved = {}
    for step in steps:
        records.write(0, step, {"train/loss": step / 3})
        records.time(0, step, {"seconds": 2.0})
        saved[step] = records.position()
    records.close()
    return saved


def test_a_resumed_run_leaves_the_same_bytes(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    go_on(tmp_path / "whole", None, range(1, 7))
    saved = go_on(tmp_path / "stopped", None, range(1, 6))
    for name in FILES:  # killed in the middle of a line
        with (tmp_path / "stopped" / name).open("ab") as file:
            file.write(b'{"seed": 0, "st')
    go_on(tmp_path / "stopped", saved[3], range(4, 7))
    assert contents(tmp_path / "whole") == contents(tmp_path / "stopped")


def test_without_a_checkpoint_the_files_begin_anew(tmp_path):
    go_on(tmp_path, None, [1, 2, 3])
    go_on(tmp_path, None, [1])
    assert [line["step"] for line in lines(tmp_path)] == [1]
    assert len(table(tmp_path)) == 2
    assert len(lines(tmp_path, TIMING)) == 1


def test_a_table_keeps_its_columns(tmp_path):
    saved = go_on(tmp_path, None, [1])
    records = Records(tmp_path, columns=["other", "train/loss"], positions=saved[1])
    records.write(0, 2, {"other": 1.0, "train/loss": 2.0})
    records.close()
    assert table(tmp_path)[0] == ["seed", "step", "eval/return", "train/loss"]
    assert table(tmp_path)[2] == ["0", "2", "", "2.0"]
    assert lines(tmp_path)[1]["other"] == 1.0


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_lost_lines_is_refused_and_nothing_is_cut(tmp_path, name):
    saved = go_on(tmp_path, None, [1, 2, 3])
    go_on(tmp_path, saved[3], [4])
    os.truncate(tmp_path / name, saved[2][name])
    before = contents(tmp_path)
    with pytest.raises(QohortError, match=rf"{name} has .* bytes, and the checkpoint was saved when it had .*--fresh"):
        Records(tmp_path, columns=COLUMNS, positions=saved[3])
    assert contents(tmp_path) == before


def test_a_file_that_is_gone_is_refused(tmp_path):
    saved = go_on(tmp_path, None, [1])
    (tmp_path / METRICS).unlink()
    with pytest.raises(QohortError, match="has 0 bytes"):
        Records(tmp_path, columns=COLUMNS, positions=saved[1])


def test_a_file_that_was_edited_is_refused(tmp_path):
    saved = go_on(tmp_path, None, [1, 2])
    text = (tmp_path / METRICS).read_text()
    (tmp_path / METRICS).write_text(text.replace('"seed": 0', '"seed": 00'))
    with pytest.raises(QohortError, match="was edited"):
        Records(tmp_path, columns=COLUMNS, positions=saved[1])


def test_the_last_step_that_is_kept(tmp_path):
    saved = go_on(tmp_path, None, [10, 20, 30])
    assert last_step(tmp_path, saved[20]) == 20
    assert last_step(tmp_path, {name: 0 for name in FILES}) == -1
    assert last_step(tmp_path, None) == -1


def test_a_position_is_of_what_is_on_the_disk(tmp_path, monkeypatch):
    """Otherwise a power cut could leave a checkpoint that expects lines which are gone."""
    records = Records(tmp_path, columns=COLUMNS)
    records.write(0, 1, {"train/loss": 1.0})
    synced: dict[int, int] = {}
    monkeypatch.setattr(os, "fsync", lambda file: synced.update({os.fstat(file).st_ino: os.fstat(file).st_size}))
    positions = records.position()
    records.close()
    assert synced == {(tmp_path / name).stat().st_ino: positions[name] for name in FILES}
    assert positions == {name: (tmp_path / name).stat().st_size for name in FILES}


def test_a_full_disk_is_a_sentence(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    records = Records(tmp_path, columns=COLUMNS)
    records.close()
    (tmp_path / TIMING).unlink()
    (tmp_path / TIMING).symlink_to("/dev/full")
    records = Records(tmp_path, columns=COLUMNS)
    with pytest.raises(QohortError, match=r"Cannot write .*timing.jsonl: the disk or your quota is full"):
        records.time(0, 1, {"seconds": 1.0})
    records.close()  # and leaving does not stumble over it again


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(QohortError, match=r"Cannot write .*: there is no such file or folder"):
        Records(tmp_path / "none", columns=COLUMNS)
