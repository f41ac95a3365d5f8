"""`qohort bench WHAT`: measure speed on this machine."""

import importlib
from collections.abc import Sequence

from qohort.algorithms.registry import unknown
from qohort.errors import QohortError

BENCHES: dict[str, tuple[str, str]] = {
    "learner": ("qohort.bench.learner:main", "one update at the sizes of four maps, beside a PyMARL-style learner"),
    "simulator": ("qohort.bench.simulator:main", "battles played at once, beside SMAX"),
    "training": ("qohort.bench.training:main", "win rate against the clock, beside JaxMARL's QMIX on SMAX"),
}


def main(argv: Sequence[str]) -> int:
    """Run one benchmark."""
    if not argv or argv[0] in ("-h", "--help"):
        lines = "\n".join(f"  {name}  {what}" for name, (_, what) in BENCHES.items())
        print(f"usage: qohort bench WHAT [flags]\n\n{lines}")
        return 0
    if argv[0] not in BENCHES:
        raise QohortError(unknown("benchmark", argv[0], BENCHES, see="qohort bench --help"))
    module, function = BENCHES[argv[0]][0].split(":")
    return getattr(importlib.import_module(module), function)(list(argv[1:]))
