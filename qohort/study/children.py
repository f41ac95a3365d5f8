"""Processes of cells: how they are started, what they leave behind, and how they are stopped."""

import dataclasses
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from qohort.training import disk
from qohort.training.provenance import cpu_count

_LINES = 20
_TAIL = 8192

THREADS = ("PJRT_NPROC", "NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What XLA and the libraries below NumPy ask for their number of threads."""


@dataclasses.dataclass
class Child:
    """A cell at work."""

    process: subprocess.Popen[bytes]
    log: Path
    begun: int
    """Where in the log this process begins."""

    def ask_to_leave(self) -> None:
        """It finishes its chunk, saves and leaves."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """At once; what is saved stays."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def last_words(self) -> list[str]:
        """The last lines that it wrote."""
        with disk.explained(self.log, "read"), self.log.open("rb") as file:
            file.seek(max(self.begun, self.log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
        return [line.rstrip() for line in lines if line.strip()][-_LINES:]


def launch(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
    """Start a cell in a process and a group of its own, which a Ctrl-C of the terminal does not reach."""
    with disk.explained(log, "write"):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(f"$ {shlex.join(['qohort', *words])}\n".encode())
            file.flush()
            begun = file.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "qohort.cli.child", str(os.getpid()), *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment},
            )
    return Child(process, log, begun)


def share(jobs: int) -> dict[str, str]:
    """The environment of one of so many cells at a time: its share of the processors, none of the memory in advance.

    A single cell has all processors, but not all memory: this process may hold some of the accelerator's. What the
    caller has set already stays.
    """
    threads = dict.fromkeys(THREADS, str(max(1, cpu_count() // jobs))) if jobs > 1 else {}
    wanted = {**threads, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    return {name: value for name, value in wanted.items() if name not in os.environ}


def cause(exit_code: int) -> str:
    """Why a process ended that said nothing itself."""
    if exit_code >= 0:
        return f"It ended with exit code {exit_code}."
    name = signal.Signals(-exit_code).name
    hint = " Perhaps the memory was not enough." if -exit_code == signal.SIGKILL else ""
    return f"It was killed by {name}.{hint}"
