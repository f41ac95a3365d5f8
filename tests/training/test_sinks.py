"""Optional sinks: none of them can stop a run, and TensorBoard shows each point once."""

import importlib
import struct
import sys
import warnings
from typing import Any

import pytest

from qohort.errors import QohortError
from qohort.training.records import METRICS, Records
from qohort.training.sinks import Optional, Sink, TensorBoard


class Memory:
    """Keeps what it is given; breaks when it is told to."""

    def __init__(self, *, breaks_at: int | None = None) -> None:
        self.seen: list[int] = []
        self.closed = False
        self._breaks_at = breaks_at

    def write(self, seed, step, values):
        if step == self._breaks_at:
            raise ConnectionError("no route to host")
        self.seen.append(step)

    def close(self):
        self.closed = True
        if self._breaks_at is not None:
            raise ConnectionError("still no route")


def test_a_sink_that_fails_is_named_once_and_left_out(tmp_path):
    said: list[str] = []
    broken, sound = Memory(breaks_at=2), Memory()
    records = Records(tmp_path, columns=[], sinks=[broken, sound], say=said.append)
    for step in (1, 2, 3):
        records.write(0, step, {"x": 1.0})
    records.close()
    assert broken.seen == [1]
    assert sound.seen == [1, 2, 3]
    assert broken.closed
    assert sound.closed
    assert len((tmp_path / METRICS).read_text().splitlines()) == 3
    (sentence,) = said
    assert sentence.startswith("Memory failed at step 2 and is left out from here on (ConnectionError: no route")


def test_a_sink_that_cannot_be_closed_is_only_told_of():
    said: list[str] = []
    Optional([Memory(breaks_at=9)], say=said.append).close()
    assert said == ["Memory could not be closed (ConnectionError: still no route)."]


def test_without_a_listener_it_is_a_warning():
    sinks = Optional([Memory(breaks_at=1)])
    with pytest.warns(RuntimeWarning, match="Memory failed at step 1"):
        sinks.write(0, 1, {})


def test_interrupting_is_no_failure_of_a_sink():
    class Slow(Memory):
        def write(self, seed, step, values):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Optional([Slow()]).write(0, 1, {})


def test_a_missing_package_is_a_sentence_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(QohortError, match=r"pip install -e '\.\[tensorboard\]'"):
        TensorBoard(tmp_path)


def events(folder):
    """The events of a folder's files, in the order in which TensorBoard reads them."""
    event_pb2: Any = importlib.import_module("tensorboardX.proto.event_pb2")
    found = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            found.append(event_pb2.Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def shown(folder):
    """The points that TensorBoard shows: a start hides everything from its step on."""
    points: list[tuple[int, str, float]] = []
    for event in events(folder):
        if event.HasField("session_log") and event.session_log.status == event.session_log.START:
            points = [point for point in points if point[0] < event.step]
        points += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return points


def write(folder, steps, value, *, resumed_at=None):
    board = TensorBoard(folder, resumed_at=resumed_at)
    assert isinstance(board, Sink)
    for step in steps:
        board.write(1, step, {"loss": value, "eval/returns": [1.0, 2.0]})
    return board


def test_numbers_are_in_the_seeds_folder_at_once_and_lists_are_not(tmp_path):
    pytest.importorskip("tensorboardX")
    board = write(tmp_path, [10, 20], 0.5)
    assert shown(tmp_path / "seed-1") == [(10, "loss", 0.5), (20, "loss", 0.5)]
    board.write(2, 10, {"loss": 1.0})
    assert shown(tmp_path / "seed-2") == [(10, "loss", 1.0)]
    board.close()


def test_a_resumed_run_shows_every_point_once(tmp_path):
    pytest.importorskip("tensorboardX")
    write(tmp_path, [10, 20, 30], 0.25).close()
    write(tmp_path, [30, 40], 0.5, resumed_at=20).close()  # in the same second
    assert [(step, value) for step, _, value in shown(tmp_path / "seed-1")] == [
        (10, 0.25),
        (20, 0.25),
        (30, 0.5),
        (40, 0.5),
    ]
    write(tmp_path, [10], 1.0).close()
    assert shown(tmp_path / "seed-1") == [(10, "loss", 1.0)]


def test_a_full_disk_drops_tensorboard_and_does_not_block(tmp_path):
    """The package's own writer hands events to a thread, which dies, and then waits for it for ever."""
    pytest.importorskip("tensorboardX")
    said: list[str] = []
    board = TensorBoard(tmp_path)
    sinks = Optional([board], say=said.append)
    sinks.write(0, 1, {"x": 1.0})

    def full(*_):
        raise OSError(28, "No space left on device")

    board._writers[0].write_event = full
    for step in range(2, 40):
        sinks.write(0, step, {"x": 1.0})
    sinks.close()
    assert len(said) == 1
    assert "No space left on device" in said[0]


def test_nan_is_no_warning(tmp_path):
    pytest.importorskip("tensorboardX")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(tmp_path, [1], float("nan")).close()
