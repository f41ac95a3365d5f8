"""What a benchmark measured, as a file: looked for before anything is measured, written whole after every row."""

import os
import pathlib
import platform
from collections.abc import Sequence
from typing import Any

import jax

from qohort.errors import QohortError
from qohort.training import disk


def check_target(path: pathlib.Path | None) -> None:
    """Refuse a file that could not be written when the work is done."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        what = "is a folder" if path.is_dir() else "is in a folder that is not there"
        raise QohortError(f"--json is {path}, which {what}; name a file in a folder that exists.")


def write(path: pathlib.Path | None, rows: Sequence[Any], **asked: Any) -> None:
    """Write what there is so far, if a file was asked for, with the machine and what was asked."""
    if path is None:
        return
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "jax": jax.__version__}
    device = jax.devices()[0].device_kind
    with disk.explained(path, "write"):
        disk.replace_json(path, {"machine": {**machine, "device": device}, **asked, "rows": list(rows)})
