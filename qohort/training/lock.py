"""One process at a time in a folder: a file that is locked for as long as its process lives, however that ends."""

import contextlib
import errno
import json
import os
import socket
from pathlib import Path
from typing import BinaryIO

from qohort.errors import QohortError

_LOCKS = Path("/proc/locks")
"""Where Linux lists the locks of this machine."""
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

    if is_held(file):
        return _named(file.read_bytes())
    if _is_listed_here(file):
        return ""
    with contextlib.suppress(OSError), file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(lock.read())
    return ""


def is_held(file: Path) -> bool:
    """Whether a process of this machine has locked a file. To try it could refuse who takes it just then."""
    try:
        owner = json.loads(file.read_bytes())
        if owner["host"] != socket.gethostname():
            return False
        if _is_listed_here(file):
            held = (line.split() for line in _LOCKS.read_text(encoding="utf-8").splitlines())
            inode = f":{file.stat().st_ino}"
            return any("FLOCK" in words and any(word.endswith(inode) for word in words) for words in held)
        os.kill(int(owner["pid"]), 0)
    except PermissionError:  # of another user: alive
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _is_listed_here(file: Path) -> bool:
    """Whether this machine would list the lock: the process that wrote itself down ran here."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return _LOCKS.is_file() and json.loads(file.read_bytes())["host"] == socket.gethostname()
    return False


def _named(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(content)
        return f"process {found['pid']} on {found['host']}"
    return "another process"
