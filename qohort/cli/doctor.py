"""`qohort doctor`: what is installed, what it runs on, and whether it works."""

import dataclasses
import importlib.util
import time
from collections.abc import Sequence

import jax
from rich.console import Console
from rich.table import Table

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import make
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import Qatten
from qohort.networks.feedforward import FeedForward
from qohort.replay.memory import device_memory
from qohort.sizes import size
from qohort.training.flags import parse
from qohort.training.programs import Programs
from qohort.training.provenance import describe

EXTRAS = {
    "plots": "matplotlib",
    "video": "imageio_ffmpeg",
    "tensorboard": "tensorboardX",
    "pymarl": "torch",
    "pettingzoo": "pettingzoo",
}
"""An extra, and the module that shows whether it is there."""


@dataclasses.dataclass(frozen=True)
class DoctorFlags:
    """Show versions and device, and test in a few seconds whether training works here."""


def main(argv: Sequence[str]) -> int:
    """Print the table, run the test."""
    parse(DoctorFlags, argv, prog="qohort doctor")
    table = Table("what", "value", title="qohort doctor", title_justify="left", title_style="bold")
    for what, value in _facts().items():
        table.add_row(what, value)
    console = Console(markup=False)
    console.print(table)
    seconds, gained = self_test()
    console.print(f"Self-test: a team trained in {seconds:.1f} s and gains {gained:.3g} of 1. Everything works.")
    return 0


def self_test() -> tuple[float, float]:
    """Train on a game that takes a moment; return the seconds and the greedy return, or refuse."""
    begun = time.perf_counter()
    algorithm = ValueDecomposition(
        mixer=Qatten(heads=2, embed=8),
        team=FeedForward(hidden=16),
        environments=8,
        epsilon=LinearSchedule(start=1.0, end=1.0, steps=0),
        update_every=8,
    )
    programs = Programs(algorithm, make("games/and"), chunk=50, together=False)
    state = programs.begin([0])
    for _ in range(20):
        state, _ = programs.chunk(state, exploration=1.0, learning_rate=5e-3)
    scores = programs.evaluate(state.learner.params.team, [jax.random.key(0)], episodes=8)
    gained = float(scores["return"].mean())
    if gained < 1:
        raise QohortError(
            f"The self-test failed: the team gains {gained:.3g} where 1 is easy. Something computes wrongly here; "
            "try another JAX version, and report the table above."
        )
    return time.perf_counter() - begun, gained


def _facts() -> dict[str, str]:
    here = describe()
    facts = {name: version for name, version in here["versions"].items() if name != "qohort"}
    facts = {"qohort": here["versions"]["qohort"], **facts}
    devices = here["devices"]
    facts["device"] = f"{devices['count']} × {devices['kind']} ({devices['platform']})"
    facts["processors"] = f"{here['cpus']} × {here['processor']}"
    room = device_memory()
    facts["memory"] = "unknown" if room is None else f"{size(room)} free on the device"
    facts["platform"] = here["platform"]
    for extra, module in EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        facts[f"extra {extra}"] = "installed" if there else f"not installed: in the clone, pip install -e '.[{extra}]'"
    return facts
