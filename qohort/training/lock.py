"""One process at a time in a folder: a file that is locked for as long as its process lives, however that ends."""

import contextlib
import errno
import json
import os
import socket
from pathlib import Path
from typing import BinaryIO

from qohort.errors import QohortError

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def take(file: Path, *, fix: str) -> tuple[BinaryIO, list[str]]:
    """Lock a file, and write down who has it.

    Args:
        file: in the folder that is to be kept for this process.
        fix: what helps whoever finds it taken.

    Returns:
        The file, which is to be closed at the end, and a sentence where the file system has no locks.
    """
    import fcntl

    lock = file.open("a+b", buffering=0)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with lock:
            lock.seek(0)
            raise QohortError(f"{file.parent} is in use by {_named(lock.read())}. {fix}") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            lock.close()
            raise
        return lock, [
            f"The file system of {file.parent} has no locks: take care that only one process uses this folder."
        ]
    lock.truncate(0)
    lock.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
    return lock, []


def holder(file: Path) -> str:
    """Who has locked a file; nothing if nobody has, or where that cannot be known."""
    import fcntl

    with contextlib.suppress(OSError), file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(lock.read())
    return ""


def _named(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(content)
        return f"process {found['pid']} on {found['host']}"
    return "another process"
