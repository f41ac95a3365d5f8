"""One update of Qohort next to a PyMARL-style learner in PyTorch, on equal padded batches.

    python benchmarks/learner.py [--shapes 3m 27m_vs_30m] [--repeats 15] [--json FILE]

PyTorch (`pip install "qohort[bench]"`) is optional: without it, only Qohort is measured. The four shapes are those of
the maps; U, an agent's own part of the state, is an ally's slice there: 5 (3m, 27m_vs_30m), 8 (2s3z), 9 (MMM2).

The comparison says VOID where the PyTorch learner is more than 20 % away from what the published learner took,
scaled by the machine's matmul rate: then the yardstick is not the one that our goals were set against.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import pathlib
import platform
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import jax

from qohort.cli.bench_learner import (
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

PUBLISHED_MS = {"3m": 63.0, "2s3z": 127.0, "MMM2": 393.0, "27m_vs_30m": 947.0}
"""The learner of the published Qatten code, where PyTorch's 2048³ product ran at `PUBLISHED_GFLOPS`."""
PUBLISHED_GFLOPS = 84.0
MATMUL_GFLOP = 2e-9 * MATMUL_SIZE**3


def time_shape(shape: LearnerShape, episodes: int, repeats: int) -> dict[str, Timing]:
    """Our update, and PyTorch's if it is installed, with both matmul rates taken in the same minute."""
    calls = {"qohort": learner_update(shape, episodes), "matmul jax": jax_matmul()}
    if importlib.util.find_spec("torch"):
        from torch_learner import torch_matmul, torch_update

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=[s.name for s in SHAPES], choices=[s.name for s in SHAPES])
    parser.add_argument("--episodes", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there")
    options = parser.parse_args()
    rows = [
        report(shape, options.episodes, time_shape(shape, options.episodes, options.repeats))
        for shape in SHAPES
        if shape.name in options.shapes
    ]
    if options.json:
        machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "jax": jax.__version__}
        options.json.write_text(json.dumps({"machine": machine, "episodes": options.episodes, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
