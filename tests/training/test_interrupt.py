"""Stopping politely, and at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from qohort.training.interrupt import Interrupt


@pytest.fixture(autouse=True)
def usual_handlers():
    """Background jobs of a shell ignore SIGINT; these tests do not want to."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_nothing_stops(number, capfd):
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(number)
        assert interrupt.requested
        assert interrupt.signal == number
    assert "Ctrl-C again stops at once" in capfd.readouterr().err


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_after_that_stops_at_once(first):
    reached: list[int] = []

    def work() -> None:
        with Interrupt():
            for number in (first, signal.SIGINT):
                signal.raise_signal(number)
                reached.append(number)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == [first]


def test_being_terminated_twice_is_still_polite():
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.signal == signal.SIGTERM


@pytest.mark.parametrize("signals", [[], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]])
def test_the_handlers_before_are_put_back(signals):
    def mine(*_):
        raise AssertionError("not inside")

    signal.signal(signal.SIGTERM, mine)
    try:
        with Interrupt():
            for number in signals:
                signal.raise_signal(number)
    except KeyboardInterrupt:
        assert len(signals) == 2
    assert signal.getsignal(signal.SIGTERM) is mine
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert not interrupt.requested
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_outside_the_main_thread_it_does_nothing():
    seen: list[object] = []

    def work() -> None:
        with Interrupt() as interrupt:
            seen.append(interrupt.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


LOOP = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from qohort.training.interrupt import Interrupt
with Interrupt() as stop:
    print("ready", flush=True)
    while not stop.requested:
        time.sleep(0.01)
    print("saved", flush=True)
    time.sleep(60)
"""


def test_a_process_saves_first_and_then_can_be_stopped():
    with subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == b"saved\n"
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait() != 0
        assert time.monotonic() - begun < 30
