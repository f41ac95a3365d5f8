"""`qohort lab WHAT`: laboratories."""

import importlib
from collections.abc import Sequence

from qohort.algorithms.registry import unknown
from qohort.errors import QohortError

LABS: dict[str, tuple[str, str]] = {
    "payoff": ("qohort.cli.lab_payoff:main", "what each mixer can say of a payoff table, and what it finds"),
    "theorem": ("qohort.cli.lab_theorem:main", "Qatten's theorem in numbers, prediction by prediction"),
}


def main(argv: Sequence[str]) -> int:
    """Work in one laboratory."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, LABS))
        lines = "\n".join(f"  {name:<{width}}  {what}" for name, (_, what) in LABS.items())
        print(f"usage: qohort lab WHAT [...]\n\n{lines}\n\n`qohort lab WHAT --help` explains one.")
        return 0
    if argv[0] not in LABS:
        raise QohortError(unknown("laboratory", argv[0], LABS, see="qohort lab --help"))
    module, function = LABS[argv[0]][0].split(":")
    return getattr(importlib.import_module(module), function)(list(argv[1:]))
