"""Where a run came from: versions, devices, revision, command."""

import contextlib
import datetime
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

_PACKAGES = ("qohort", "jax", "jaxlib", "equinox", "optax", "numpy")
_DECISIVE = ("versions", "devices", "processor", "cpus", "xla_threads", "xla_flags")
"""What must be equal for a resumed run to be the same bit for bit."""
_XLA_THREAD = "tf_XLAEigen"
"""What XLA calls the threads that compute on a CPU."""


def describe() -> dict[str, Any]:
    """All that could explain why a number is what it is."""
    devices = jax.devices()
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "folder": os.getcwd(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": cpu_count(),
        "xla_threads": xla_threads(),
        "devices": {"kind": devices[0].device_kind, "platform": devices[0].platform, "count": len(devices)},
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "git": own_revision(),
        "folder_git": git_revision(Path.cwd()),
    }


def drift(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """A sentence if a run that goes on here may differ in the last bits from one that was never stopped."""
    changes: list[str] = []
    for name in _DECISIVE:
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            keys = dict.fromkeys((*old, *new))
            label = {key: f"device {key}" if name == "devices" else key for key in keys}
            changes += [f"{label[key]} {old.get(key)} → {new.get(key)}" for key in keys if old.get(key) != new.get(key)]
        elif name in before and old != new:  # older versions did not write all of them
            changes.append(f"{name} {old or 'none'} → {new or 'none'}")
    if not changes:
        return None
    return (
        f"This run was started elsewhere ({', '.join(changes)}): it goes on, but may differ in the last bits from one "
        "that was never stopped."
    )


def other_rules(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """A sentence if the world has other rules than those that a run was trained in so far."""
    old, new = before.get("world_version"), now.get("world_version")
    if old is None or old == new:  # older versions did not write it
        return None
    return (
        f"This run was trained in {old}, and the world is {new or 'one without a version'}: it goes on by other rules. "
        "`--fresh` starts a run that knows only these."
    )


def processor() -> str:
    """What the processor calls itself, or its kind where it does not say."""
    if sys.platform == "darwin":
        return _answer("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cpu_count() -> int:
    """The processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def xla_threads() -> int | None:
    """The threads by which XLA splits its sums, None where they cannot be counted.

    It makes them when JAX is first used: one for each processor that the process may use then, or as many as
    the variables `PJRT_NPROC` or `NPROC` say. What is allowed later changes nothing.
    """
    count = 0
    for task in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            count += task.read_text().strip() == _XLA_THREAD
    return count or None


def own_revision() -> dict[str, Any] | None:
    """Of this package, if it is a checkout; a copy that is installed inside another repository is none of its files."""
    file = Path(__file__)
    return None if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None else git_revision(file.parent)


def git_revision(folder: Path) -> dict[str, Any] | None:
    """The commit of the repository around a folder, and whether files that git knows were changed since."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    return _answer("git", "-C", str(folder), "--no-optional-locks", *arguments)


def _answer(*command: str) -> str | None:
    """What a program says; None if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
