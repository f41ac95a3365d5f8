"""What a benchmark measured is on the disk after every row, and a file that cannot be is refused first."""

import json

import pytest

from qohort.bench import learner, sheet, simulator, training
from qohort.errors import QohortError


@pytest.mark.parametrize("flags", [learner.LearnerFlags, simulator.SimulatorFlags, training.TrainingFlags])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path, flags):
    with pytest.raises(QohortError, match="is in a folder that is not there; name a file in a folder that exists"):
        flags(json=tmp_path / "nowhere" / "a.json")
    with pytest.raises(QohortError, match="is a folder; name a file"):
        flags(json=tmp_path)
    assert flags(json=tmp_path / "a.json").json == tmp_path / "a.json"


def test_every_row_is_written_at_once(tmp_path):
    sheet.write(tmp_path / "a.json", [1], battles=3)
    first = json.loads((tmp_path / "a.json").read_text())
    assert (first["rows"], first["battles"], {*first["machine"]}) == ([1], 3, {"cpus", "platform", "jax", "device"})
    sheet.write(tmp_path / "a.json", [1, 2], battles=3)
    assert json.loads((tmp_path / "a.json").read_text())["rows"] == [1, 2]
    sheet.write(None, [1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
