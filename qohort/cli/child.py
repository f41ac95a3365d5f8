"""The process of one cell: `python -m qohort.cli.child STUDY train ...`, which is `qohort train ...`.

It belongs to the study, and so leaves when the study is gone, having saved what it has. A study that was
killed then finds its run folders free and its cells further than a checkpoint of minutes ago.
"""

import os
import signal
import sys
import threading
import time

LOOK_EVERY = 0.5
"""Seconds between two looks at the study."""


def main() -> int:
    """Train as the command line does."""
    study, words = int(sys.argv[1]), sys.argv[2:]
    sys.argv = ["qohort", *words]
    threading.Thread(target=_leave_with, args=(study,), daemon=True).start()
    from qohort.cli.main import main as command

    return command(words)


def _leave_with(study: int) -> None:
    while os.getppid() == study:
        time.sleep(LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
