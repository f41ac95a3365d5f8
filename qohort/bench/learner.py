"""One update of Qohort next to a PyMARL-style learner in PyTorch, on equal padded batches.

PyTorch (in the clone, `pip install -e '.[bench]'`) is optional: without it, only Qohort is measured. The four shapes
are those of the maps; U, an agent's own part of the state, is an ally's slice there: 5 (3m, 27m_vs_30m), 8 (2s3z),
9 (MMM2).

The comparison is void where the PyTorch learner is more than 20 % away from what the published learner took, scaled by
the machine's matmul rate: then the yardstick is not the one that the goals were set against.
"""

import dataclasses
import importlib.util
import pathlib
from collections.abc import Sequence

from qohort.bench import sheet
from qohort.bench.update import (
    MATMUL_SIZE,
    SHAPES,
    LearnerShape,
    Timing,
    gflops,
    jax_matmul,
    learner_update,
    matmul_gflop,
    measure,
)
from qohort.errors import QohortError
from qohort.training.flags import parse

PUBLISHED_MS = {"3m": 63.0, "2s3z": 127.0, "MMM2": 393.0, "27m_vs_30m": 947.0}
"""The learner of the published Qatten code, where PyTorch's 2048³ product ran at `PUBLISHED_GFLOPS`."""
PUBLISHED_GFLOPS = 84.0
MATMUL_GFLOP = 2e-9 * MATMUL_SIZE**3


def time_shape(shape: LearnerShape, episodes: int, repeats: int) -> dict[str, Timing]:
    """Our update, and PyTorch's if it is installed, with both matmul rates taken in the same minute."""
    calls = {"qohort": learner_update(shape, episodes), "matmul jax": jax_matmul()}
    if importlib.util.find_spec("torch"):
        from qohort.bench.torch_learner import torch_matmul, torch_update

        calls |= {"torch": torch_update(shape, episodes), "matmul torch": torch_matmul(MATMUL_SIZE)}
    return measure(calls, repeats)


def report(shape: LearnerShape, episodes: int, timings: dict[str, Timing]) -> dict[str, object]:
    """Print one shape's line, and return it as data."""
    work = matmul_gflop(shape, episodes)
    row: dict[str, object] = {"shape": dataclasses.asdict(shape), "matmul_gflop": work}
    print(f"{shape.name}: {work:.1f} GFLOP of matrix products")
    for side, peer in (("qohort", "jax"), ("torch", "torch")):
        if side not in timings:
            continue
        rate, ceiling = gflops(timings[side], work), gflops(timings[f"matmul {peer}"], MATMUL_GFLOP)
        row[side] = {**dataclasses.asdict(timings[side]), "gflops": rate, "matmul_gflops": ceiling}
        print(
            f"  {side:7} {timings[side].least:8.1f} ms least {timings[side].median:8.1f} ms median"
            f" {timings[side].cpu:8.1f} ms of processor time"
            f"  {rate:6.0f} GFLOP/s, {rate / ceiling:4.0%} of {ceiling:.0f} ({peer}'s {MATMUL_SIZE}³)"
        )
    if "torch" in timings:
        row["speedup"] = timings["torch"].median / timings["qohort"].median
        expected = PUBLISHED_MS[shape.name] * PUBLISHED_GFLOPS / gflops(timings["matmul torch"], MATMUL_GFLOP)
        off = timings["torch"].median / expected - 1
        row["void"] = abs(off) > 0.2
        verdict = "VOID" if row["void"] else "valid"
        print(
            f"  {row['speedup']:.2f} times the PyTorch learner; {verdict}: it took {timings['torch'].median:.0f} ms, "
            f"the published one {expected:.0f} ms at this matmul rate ({off:+.0%}), "
            f"{PUBLISHED_MS[shape.name]:.0f} ms where it was measured"
        )
    return row


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnerFlags:
    """Time one update at the sizes of four maps, beside a PyMARL-style learner if PyTorch is installed."""

    shapes: tuple[str, ...] = tuple(shape.name for shape in SHAPES)
    """Which of the sizes."""
    episodes: int = 32
    """Padded episodes in a batch."""
    repeats: int = 15
    """How often each is timed; they take turns."""
    json: pathlib.Path | None = None
    """Write the figures to this file too."""

    def __post_init__(self) -> None:
        known = [shape.name for shape in SHAPES]
        for name in self.shapes:
            if name not in known:
                raise QohortError(f"There is no size named {name!r}; there are {', '.join(known)}.")
        for name in ("episodes", "repeats"):
            if getattr(self, name) < 1:
                raise QohortError(f"--{name} is {getattr(self, name)}; it must be at least 1.")
        sheet.check_target(self.json)


def main(argv: Sequence[str]) -> int:
    """Measure, and print a few lines for each size."""
    flags = parse(LearnerFlags, argv, prog="qohort bench learner")
    if not importlib.util.find_spec("torch"):
        print("PyTorch is not installed: Qohort is measured alone. To compare, in the clone: pip install -e '.[bench]'")
    rows: list[dict[str, object]] = []
    for shape in SHAPES:
        if shape.name in flags.shapes:
            rows.append(report(shape, flags.episodes, time_shape(shape, flags.episodes, flags.repeats)))
            sheet.write(flags.json, rows, episodes=flags.episodes)
    return 0
