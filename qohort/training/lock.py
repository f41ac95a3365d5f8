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

    owner = _owner_here(file)
    if owner is not None and _LOCKS.is_file():
        return _named(file.read_bytes()) if _is_listed(file) else ""
    with contextlib.suppress(OSError), file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(lock.read())
    return ""


def is_held(file: Path) -> bool:
    """Whether a process of this machine has locked a file. To try it could refuse who takes it just then."""
    owner = _owner_here(file)
    if owner is None:
        return False
    return _is_listed(file) if _LOCKS.is_file() else _is_alive(owner)


def _owner_here(file: Path) -> int | None:
    """The process that wrote itself down last, if that was on this machine."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(file.read_bytes())
        return int(owner["pid"]) if owner["host"] == socket.gethostname() else None
    return None


def _is_listed(file: Path) -> bool:
    """Whether Linux lists a lock of the file."""
    with contextlib.suppress(OSError):
        held = (line.split() for line in _LOCKS.read_text(encoding="utf-8").splitlines())
        inode = f":{file.stat().st_ino}"
        return any("FLOCK" in words and any(word.endswith(inode) for word in words) for words in held)
    return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM  # of another user
    return True


def _named(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(content)
        return f"process {found['pid']} on {found['host']}"
    return "another process"
