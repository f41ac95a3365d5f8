"""Where metrics can go besides the files that every run writes; losing one never stops training."""

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import numpy as np

from qohort.errors import QohortError

Value = SupportsFloat | Sequence[SupportsFloat]
"""A number, or one number for each episode."""


@runtime_checkable
class Sink(Protocol):
    """Takes metrics."""

    def write(self, seed: int, step: int, values: Mapping[str, Value]) -> None: ...

    def close(self) -> None: ...


def warn(sentence: str) -> None:
    warnings.warn(sentence, RuntimeWarning, stacklevel=3)


class Optional:
    """Several sinks; one that fails is named in a sentence, once, and left out from then on."""

    def __init__(self, sinks: Sequence[Sink], *, say: Callable[[str], None] = warn) -> None:
        self._sinks = list(sinks)
        self._say = say

    def write(self, seed: int, step: int, values: Mapping[str, Value]) -> None:
        for sink in tuple(self._sinks):
            try:
                sink.write(seed, step, values)
            except Exception as error:  # whatever a third party raises, training is worth more
                self._sinks.remove(sink)
                with contextlib.suppress(Exception):
                    sink.close()
                self._say(
                    f"{type(sink).__name__} failed at step {step} and is left out from here on "
                    f"({type(error).__name__}: {error}). Training goes on; metrics.jsonl has everything."
                )

    def close(self) -> None:
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:
                self._say(f"{type(sink).__name__} could not be closed ({type(error).__name__}: {error}).")
        self._sinks.clear()


def event_files() -> tuple[Any, Any, Any]:
    """Events, summaries and the writer of TensorBoard files; refused without the package that has them."""
    try:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2, summary_pb2
    except ImportError as error:
        raise QohortError(
            "TensorBoard files were asked for, and the package for them is not installed: "
            "run `pip install -e '.[tensorboard]'` in the clone, or leave out --tensorboard."
        ) from error
    return event_pb2, summary_pb2, EventsWriter


class TensorBoard:
    """Event files in `tensorboard/seed-0`, `seed-1`, ...; lists (one number for each episode) are left out.

    The event writer of tensorboardX is used directly. Its `SummaryWriter` hands events to a thread through
    a queue of ten; when the disk is full the thread dies and the eleventh event waits for ever.
    """

    def __init__(self, folder: Path, *, resumed_at: int | None = None) -> None:
        """Open event files beside those of earlier processes.

        Args:
            folder: where the folders of the seeds are.
            resumed_at: TensorBoard hides what earlier processes wrote after this step (`records.last_step`
                tells it); None hides all of it.
        """
        self._events, self._summaries, self._writer = event_files()
        self._folder = folder
        self._resumed_at = resumed_at
        self._writers: dict[int, Any] = {}

    def write(self, seed: int, step: int, values: Mapping[str, Value]) -> None:
        numbers = {name: float(np.asarray(value)) for name, value in values.items() if np.ndim(value) == 0}  # pyright: ignore
        summary = self._summaries.Summary(
            value=[self._summaries.Summary.Value(tag=tag, simple_value=number) for tag, number in numbers.items()]
        )
        writer = self._of(seed)
        writer.write_event(self._events.Event(wall_time=time.time(), step=step, summary=summary))
        writer.flush()

    def close(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()

    def _of(self, seed: int) -> Any:
        if seed not in self._writers:
            folder = self._folder / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            # The name has only whole seconds in it: a process that resumes at once must not overwrite.
            writer = self._writer(str(folder / "events"), f".{os.getpid()}.{time.monotonic_ns()}")
            kept = -1 if self._resumed_at is None else self._resumed_at
            start = self._events.SessionLog(status=self._events.SessionLog.START)
            writer.write_event(self._events.Event(wall_time=time.time(), step=kept + 1, session_log=start))
            self._writers[seed] = writer
        return self._writers[seed]
