"""Stopping a run politely: finish the chunk, save, leave."""

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_POLITE = (
    b"\nStopping: this chunk is finished first, then a checkpoint is saved. "
    b"Ctrl-C again stops at once, and what came after the last checkpoint is done again.\n"
)


class Interrupt:
    """Notes the first SIGINT or SIGTERM; a SIGINT after that stops at once.

    Use it as a context manager around the loop and look at `requested` between chunks. Outside the main
    thread, where Python allows no handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """The first signal that came."""
        self._before: dict[signal.Signals, Any] = {}

    @property
    def requested(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as a shell tells its background jobs
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc: object) -> None:
        for number in tuple(self._before):
            before = self._before.pop(number)
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = signal.Signals(number)
            with contextlib.suppress(OSError):
                os.write(2, _POLITE)  # `print` is not allowed to be interrupted by itself
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
