"""Files that a crash leaves either old or new, and a sentence wherever a disk refuses."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qohort.errors import QohortError
from qohort.sizes import size

_SPACE = (errno.ENOSPC, errno.EDQUOT)
_ELSEWHERE = "choose another folder"
_REASONS: dict[int, tuple[str, str]] = {
    errno.EROFS: ("the file system is read-only", _ELSEWHERE),
    errno.EACCES: ("permission is missing", f"change the permissions or {_ELSEWHERE}"),
    errno.EPERM: ("permission is missing", f"change the permissions or {_ELSEWHERE}"),
    errno.ENOTDIR: ("a part of that path is a file, not a folder", _ELSEWHERE),
    errno.EEXIST: ("a file is in the place where a folder is needed", _ELSEWHERE),
    errno.EISDIR: ("a folder is in the place where a file is needed", _ELSEWHERE),
    errno.ENOENT: ("there is no such file or folder", "check the spelling, or make the folder first"),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "choose a shorter one"),
    errno.EMFILE: ("this process has too many files open", "raise the limit with `ulimit -n`"),
    errno.EIO: ("the disk reports an input/output error", f"check the disk, or {_ELSEWHERE}"),
}


def explain(error: OSError, path: Path, doing: str, *, needed: int | None = None) -> QohortError:
    """The sentence for a refusal: what was tried, where, why it failed and what helps."""
    if error.errno in _SPACE:
        return no_space(path, doing, needed=needed)
    reason, fix = _REASONS.get(error.errno or 0, (error.strerror or str(error), _ELSEWHERE))
    where = f" (at {error.filename})" if error.filename and str(error.filename) != str(path) else ""
    return QohortError(f"Cannot {doing} {path}: {reason}{where}. To fix it, {fix}.")


@contextlib.contextmanager
def explained(path: Path, doing: str, *, needed: int | None = None) -> Iterator[None]:
    """Turn every refusal of the operating system inside the block into its sentence."""
    try:
        yield
    except OSError as error:
        raise explain(error, path, doing, needed=needed) from error


def no_space(path: Path, doing: str, *, needed: int | None) -> QohortError:
    free = _free(path)
    has = "" if free is None else f": {size(free)} free ({free:,} bytes)"
    wants = "" if needed is None else f", {size(needed)} needed ({needed:,} bytes)"
    return QohortError(
        f"Cannot {doing} {path}: the disk or your quota is full{has}{wants}. Nothing saved earlier is lost. "
        "Free some space and go on, or use a folder on a larger disk."
    )


def require_space(path: Path, doing: str, *, needed: int) -> None:
    """Refuse before writing what cannot fit."""
    free = _free(path)
    if free is not None and needed > free:
        raise no_space(path, doing, needed=needed)


def sync_folder(path: Path) -> None:
    """Make names created or moved inside a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # network file systems that cannot sync a folder say so with this number
            raise
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a file and wait until the disk has it."""
    _write(path, text.encode())


def replace_text(path: Path, text: str) -> None:
    """Put a file in place of an older one; a crash leaves the one or the other, whole."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """The same of a file that is no text."""
    with in_place(path) as writing:
        writing.write_bytes(content)


@contextlib.contextmanager
def in_place(path: Path) -> Iterator[Path]:
    """A name to write a file under; it takes the place of an older one when it is whole and on the disk."""
    writing = path.with_name(f".{path.name}.writing")
    try:
        yield writing
        with writing.open("rb") as file:
            os.fsync(file.fileno())
        writing.replace(path)
    finally:
        writing.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_json(path: Path, content: Any) -> None:
    replace_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _free(path: Path) -> int | None:
    for place in (path, *path.absolute().parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None
