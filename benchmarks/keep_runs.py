"""Copies runs without their checkpoints: what `qohort report` reads, and nothing of the machine but its versions.

    python benchmarks/keep_runs.py RUNS KEPT

Finished runs below RUNS that KEPT does not have yet are copied to the same place below it. `qohort report KEPT` then
writes what it would have written from RUNS.
"""

import argparse
import json
import shutil
from pathlib import Path

from qohort.study.manifest import MANIFEST
from qohort.training.records import METRICS, TIMING
from qohort.training.run_folder import CONFIG, ENVIRONMENT, FINISHED
from qohort.training.session import ABSOLUTE_FILE

OF_THE_MACHINE = ("command", "folder", "host", "pid")


def keep(run: Path, to: Path) -> None:
    """One run folder; what was begun is not taken for a run if this is cut off, since its configuration comes last."""
    to.mkdir(parents=True)
    for file in (*run.glob(f"seed-*/{METRICS}"), *run.glob(f"seed-*/{TIMING}"), *run.glob(f"seed-*/{ABSOLUTE_FILE}")):
        place = to / file.relative_to(run)
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, place)
    shutil.copyfile(run / FINISHED, to / FINISHED)
    environment = json.loads((run / ENVIRONMENT).read_bytes())
    for process in environment["processes"]:
        for name in OF_THE_MACHINE:
            process.pop(name, None)
    (to / ENVIRONMENT).write_text(json.dumps(environment, indent=1) + "\n", encoding="utf-8")
    config = json.loads((run / CONFIG).read_bytes())
    config["run"]["folder"] = None
    (to / CONFIG).write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("kept", type=Path)
    arguments = parser.parse_args()
    for finished in sorted(arguments.runs.rglob(FINISHED)):
        run = finished.parent
        to = arguments.kept / run.relative_to(arguments.runs)
        if not (to / CONFIG).exists():
            shutil.rmtree(to, ignore_errors=True)
            keep(run, to)
            print(to)
    for manifest in arguments.runs.rglob(MANIFEST):
        shutil.copyfile(manifest, arguments.kept / manifest.relative_to(arguments.runs))


if __name__ == "__main__":
    main()
