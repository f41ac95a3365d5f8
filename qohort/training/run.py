"""How a run goes: its length, seeds, evaluations and files. What is learned is the algorithm's business."""

import contextlib
import dataclasses
import pathlib
from typing import Any

from qohort.errors import QohortError
from qohort.limits import at_least, choices

MAY_CHANGE = frozenset(
    f"run.{name}"
    for name in (
        "steps",
        "seeds",
        "eval_every",
        "eval_episodes",
        "absolute_factor",
        "log_every",
        "checkpoint_every",
        "keep",
        "tensorboard",
        "folder",
        "root",
        "fresh",
    )
)
"""Settings that do not touch what a seed learns: a resumed run may have others."""

LAST_SEED = 2**32 - 1
"""JAX makes keys of 32 bits of a seed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Length, seeds, evaluation and files of a run."""

    steps: int = 2_050_000
    """Environment steps to train for, over all environments together."""
    seeds: int = 1
    """How many times to train, each with its own seed; a run that goes on may have more of them, or fewer."""
    seed: int = 0
    """The first seed; the others count up from it."""
    chunk: int = 50
    """Steps that every environment makes between two turns of learning."""
    eval_every: int | None = None
    """Environment steps between two evaluations; the end is evaluated in any case. If not given, 10,000 or what comes
    next below it and divides the run; a run that goes on keeps what it had."""
    eval_episodes: int = 32
    """Greedy episodes of one evaluation."""
    absolute_factor: int = 10
    """The best policy is evaluated at the end with so many times the episodes (the absolute metric)."""
    log_every: int | None = None
    """Environment steps between two lines of training metrics; a tenth of the evaluation interval if not given."""
    checkpoint_every: float = 300.0
    """Seconds between two checkpoints; one is made at the end, and when the run is asked to stop."""
    keep: int = 2
    """How many of the newest checkpoints stay."""
    root: str | pathlib.Path = pathlib.Path("runs")
    """Where run folders are made: ROOT/WORLD/ALGORITHM-HASH."""
    folder: str | pathlib.Path | None = None
    """The run folder itself, instead of one under `root`."""
    fresh: bool = False
    """Start a new run beside an existing one instead of resuming it."""
    together: bool | None = None
    """Train all seeds in one program; if not given, on accelerators only, since it is slower on a CPU."""
    deterministic: bool = False
    """On a GPU: only deterministic operations, so that a resumed run is the same bit for bit."""
    tensorboard: bool = False
    """Write TensorBoard files too."""

    def __post_init__(self) -> None:
        choices(self, of="run")
        for name in ("steps", "seeds", "chunk", "eval_every", "eval_episodes", "absolute_factor", "log_every", "keep"):
            at_least(1, **{_flag(name): getattr(self, name)})
        for name in ("seed", "checkpoint_every"):
            at_least(0, **{_flag(name): getattr(self, name)})
        if self.seed + self.seeds - 1 > LAST_SEED:
            raise QohortError(
                f"The last seed is {self.seed + self.seeds - 1}; above {LAST_SEED} seeds repeat earlier ones."
            )


def _flag(name: str) -> str:
    """What a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """The points of a run, in environment steps; every one is a whole number of chunks."""

    chunk: int
    steps: int
    eval_every: int
    log_every: int


def asked_of(run: Run, grid: Grid) -> dict[str, Any]:
    """What `finished.json` says that a run was asked for: one that is asked for the same has nothing left to do."""
    return {
        "steps": grid.steps,
        "seeds": [run.seed + index for index in range(run.seeds)],
        "absolute_factor": run.absolute_factor,
        "eval_episodes": run.eval_episodes,
    }


def grid_of(run: Run, environments: int) -> Grid:
    """Lay the grid, or say which setting does not fit and what would."""
    chunk = run.chunk * environments
    what = f"a chunk ({run.chunk} steps in each of {environments} environments makes {chunk})"
    eval_every = run.eval_every or _default_interval(run.steps, chunk)
    _check_multiple("--eval-every", eval_every, chunk, what)
    _check_multiple("--steps", run.steps, chunk, what)
    log_every = run.log_every or _largest_divisor(eval_every // chunk, 10) * chunk
    _check_multiple("--log-every", log_every, chunk, what)
    return Grid(chunk=chunk, steps=run.steps, eval_every=eval_every, log_every=log_every)


def going_on(run: Run, before: Run, environments: int) -> Run:
    """A run that goes on is evaluated and logged as often as before, unless it says otherwise.

    Returns:
        The run, with the intervals that it had if it would get others now.
    """
    if run.eval_every is not None or run.chunk != before.chunk:
        return run
    try:
        had = grid_of(before, environments)
    except QohortError:  # of another run, which is refused with a sentence of its own
        return run
    kept = dataclasses.replace(run, eval_every=had.eval_every, log_every=run.log_every or had.log_every)
    with contextlib.suppress(QohortError):
        if grid_of(run, environments) == grid_of(kept, environments):
            return run
    return kept


def _default_interval(steps: int, chunk: int) -> int:
    """The largest interval up to 10,000 steps that divides a run of whole chunks; a chunk if that is longer."""
    return next((k * chunk for k in range(10_000 // chunk, 0, -1) if steps % (k * chunk) == 0), chunk)


def _largest_divisor(chunks: int, parts: int) -> int:
    """An interval of chunks, about one part of `chunks`, that divides it."""
    wanted = max(1, chunks // parts)
    return next(k for k in range(wanted, 0, -1) if chunks % k == 0)


def _check_multiple(flag: str, value: int, unit: int, what: str) -> None:
    if value % unit == 0:
        return
    below, above = value // unit * unit, (value // unit + 1) * unit
    nearest = below if below and value - below <= above - value else above
    raise QohortError(f"{flag} is {value}, which is not a whole number of times {what}. The nearest is {nearest}.")
