"""Copies runs without their checkpoints: what `qohort report` reads, and no place or name of the machine.

    python benchmarks/keep_runs.py RUNS KEPT

Finished runs below RUNS are copied to the same place below KEPT, again if they have gone on since or differ in any
other way. `qohort report KEPT` then writes what it would have written from RUNS. Of a host a hash is kept, so that
machines can be told apart, and of paths in a command what is below the folder it was given in.
"""

import argparse
import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from qohort.study.manifest import MANIFEST
from qohort.training.records import METRICS, TIMING
from qohort.training.run_folder import CONFIG, ENVIRONMENT, FINISHED
from qohort.training.session import ABSOLUTE_FILE

OF_THE_MACHINE = ("folder", "pid")
LETTERS = 8
"""Of the hash of a host."""
FROM_THE_ROOT = re.compile(r"(^|=)(/[^&]*)")
"""A path in a word of a command, where options of a world may follow."""


def keep(run: Path, to: Path) -> str:
    """One run folder; says what was done: `new`, `again`, or nothing if what is there is the same."""
    there, files = (to / CONFIG).exists(), kept(run)
    if there and files == contents(to):
        return ""
    shutil.rmtree(to, ignore_errors=True)
    for name, content in files.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(content)
    return "again" if there else "new"


def kept(run: Path) -> dict[str, bytes]:
    """The files of a run that are kept; its configuration comes last, so that a part of it is not taken for a run."""
    files = {
        file.relative_to(run).as_posix(): file.read_bytes()
        for name in (METRICS, TIMING, ABSOLUTE_FILE)
        for file in sorted(run.glob(f"seed-*/{name}"))
    }
    files[FINISHED] = (run / FINISHED).read_bytes()
    processes = json.loads((run / ENVIRONMENT).read_bytes())["processes"]
    files[ENVIRONMENT] = as_json({"processes": [without_places(process) for process in processes]})
    config = json.loads((run / CONFIG).read_bytes())
    config["run"]["folder"] = None
    files[CONFIG] = as_json(config)
    return files


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }


def without_places(process: Mapping[str, Any]) -> dict[str, Any]:
    """What a run knows of a process, without names and folders of the machine."""
    told = {name: value for name, value in process.items() if name not in OF_THE_MACHINE}
    if "host" in told:
        told["host"] = "host-" + hashlib.sha256(told["host"].encode()).hexdigest()[:LETTERS]
    if "command" in told:
        told["command"] = [relative(word, process.get("folder", "")) for word in told["command"]]
    return told


def relative(word: str, folder: str) -> str:
    """A word of a command; a path from the root begins in a folder instead, or is its last part if it is elsewhere."""

    def shortened(found: re.Match[str]) -> str:
        path = PurePath(found[2])
        return found[1] + str(path.relative_to(folder) if path.is_relative_to(folder) else path.name)

    return FROM_THE_ROOT.sub(shortened, word)


def as_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("kept", type=Path)
    arguments = parser.parse_args()
    for finished in sorted(arguments.runs.rglob(FINISHED)):
        run = finished.parent
        to = arguments.kept / run.relative_to(arguments.runs)
        if done := keep(run, to):
            print(f"{to}: {done}")
    for manifest in arguments.runs.rglob(MANIFEST):
        study = json.loads(manifest.read_bytes())
        for cell in study["cells"]:
            words = shlex.split(cell["command"])
            cell["command"] = shlex.join(relative(word, str(arguments.runs.absolute().parent)) for word in words)
        to = arguments.kept / manifest.relative_to(arguments.runs)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(as_json(study))


if __name__ == "__main__":
    main()
