"""Win rate against the clock: ours beside JaxMARL's QMIX on the same map of SMAX, if JaxMARL is installed.

Both sides train alone, one after the other, under the same referee. The clock counts the making of the first state,
all chunks of training and the compilation of both (nothing compiled before is used again); it stands still while
greedy battles are played, and does not count the import of libraries. A threshold is reached at the first evaluation
that is not below it. Ours are the programs that `qohort train ALGORITHM WORLD --preset fast` runs; JaxMARL's learner is
written anew, see `qohort.bench.smax_qmix`.

The two games are not the same: Battle's 3m follows StarCraft II tick by tick and lets agents act as SMAC does; SMAX is
a simplification with its own rules. What is compared is how long a person waits for a team that wins.
"""

import dataclasses
import functools
import importlib.util
import os
import pathlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from qohort.algorithms.registry import METHODS, preset, unknown
from qohort.bench import sheet, smax_qmix
from qohort.envs.registry import make
from qohort.errors import QohortError
from qohort.training.evaluation import evaluation_key
from qohort.training.flags import parse
from qohort.training.programs import Programs
from qohort.training.run import Run, grid_of

THRESHOLDS = (0.5, 0.75, 0.9)
GOAL = 3.0
"""How many times sooner 75 % are asked for."""
PEER = "jaxmarl qmix"


class Point(NamedTuple):
    """An evaluation."""

    steps: int
    seconds: float
    win_rate: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """Something that can be trained in chunks."""

    name: str
    steps: int
    """Environment steps to train for."""
    stride: int
    """Environment steps of a chunk."""
    begin: Callable[[int], Any]
    """The first state, given a seed."""
    advance: Callable[[Any, int], Any]
    """The state after another chunk, given the steps so far."""
    win_rate: Callable[[Any, int, int], float]
    """Of greedy battles, given a state, a seed and the number of the evaluation."""


def ours(algorithm: str, world: str, *, most: int, episodes: int) -> Contender:
    """What `qohort train ALGORITHM WORLD --preset fast` runs, for at most so many steps."""
    settings = preset(algorithm, world, "fast")
    run, learner, env = Run(**settings.run), settings.algorithm, make(world)
    grid = grid_of(run, learner.environments)
    programs = Programs(learner, env, chunk=run.chunk, together=False)

    def advance(state: Any, step: int) -> Any:
        rate, learning_rate = learner.exploration().at(step), learner.learning_rate().at(step)
        return programs.chunk(state, exploration=rate, learning_rate=learning_rate)[0]

    def win_rate(state: Any, seed: int, index: int) -> float:
        team, keys = state.learner.params.team, [evaluation_key(seed, index)]
        return float(programs.evaluate(team, keys, episodes=episodes)["won"].mean())

    return Contender(
        name=f"qohort {algorithm}",
        steps=min(most, grid.steps),
        stride=grid.chunk,
        begin=lambda seed: programs.begin([seed]),
        advance=advance,
        win_rate=win_rate,
    )


def theirs(scenario: str, *, steps: int, hidden: int, episodes: int) -> Contender:
    """JaxMARL's QMIX on a map of SMAX."""
    settings = smax_qmix.SmaxQmix(steps=steps, hidden=hidden)
    programs = smax_qmix.Programs(smax_qmix.smax(scenario), settings, episodes=episodes)
    return Contender(
        name=PEER,
        steps=settings.iterations * settings.stride,
        stride=settings.stride,
        begin=lambda seed: programs.begin(jax.random.key(seed)),
        advance=lambda state, _: programs.iterate(state),
        win_rate=lambda state, seed, index: float(programs.win_rate(state.weights.agents, evaluation_key(seed, index))),
    )


def train(contender: Contender, seed: int, *, eval_every: int) -> list[Point]:
    """Train one seed, and evaluate about every so many steps and at the end; only training counts as time."""
    stride, curve = contender.stride, []
    interval = max(1, round(eval_every / stride)) * stride
    began = time.perf_counter()
    state = jax.block_until_ready(contender.begin(seed))
    seconds = time.perf_counter() - began
    for step in range(0, contender.steps, stride):
        began = time.perf_counter()
        state = jax.block_until_ready(contender.advance(state, step))
        seconds += time.perf_counter() - began
        reached = step + stride
        if reached % interval == 0 or reached >= contender.steps:
            curve.append(Point(reached, seconds, contender.win_rate(state, seed, len(curve))))
    return curve


def reached(curve: Sequence[Point], threshold: float) -> Point | None:
    """The first evaluation at which so many battles were won."""
    return next((point for point in curve if point.win_rate >= threshold), None)


def median_point(curves: Sequence[Sequence[Point]], threshold: float) -> Point | None:
    """The middle over seeds of when a threshold was reached; None if half of them never did."""
    found = [point for curve in curves if (point := reached(curve, threshold))]
    never = [Point(0, float("inf"), 0.0)] * (len(curves) - len(found))
    middle = statistics.median_high([point.seconds for point in (*found, *never)])
    return next((point for point in found if point.seconds == middle), None)


def ratio(mine: Sequence[Sequence[Point]], peers: Sequence[Sequence[Point]], threshold: float) -> tuple[float, bool]:
    """How many times sooner ours was, and whether that is exact: if theirs never came so far, it is at least that."""
    ours_at, theirs_at = median_point(mine, threshold), median_point(peers, threshold)
    if ours_at is None:
        return 0.0, False
    whole = statistics.median(curve[-1].seconds for curve in peers)
    return (theirs_at.seconds if theirs_at else whole) / ours_at.seconds, theirs_at is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingFlags:
    """Train until 50, 75 and 90 % of greedy battles are won, beside JaxMARL's QMIX on SMAX if JaxMARL is installed."""

    worlds: tuple[str, ...] = ("battle/3m",)
    """Which battles."""
    algorithms: tuple[str, ...] = ("qmix", "qatten")
    """Which of ours."""
    steps: int = 1_000_000
    """Environment steps of JaxMARL's QMIX, and the most of ours, whose preset may ask for fewer."""
    seeds: int = 1
    """How often each is trained."""
    seed: int = 0
    """The first seed."""
    episodes: int = 128
    """Greedy battles of an evaluation."""
    eval_every: int = 12_800
    """Environment steps between two evaluations, to the nearest whole number of chunks."""
    hidden: int = 64
    """Width of JaxMARL's agents, which it ships with 512."""
    json: pathlib.Path | None = None
    """Write every evaluation to this file too."""

    def __post_init__(self) -> None:
        for name in ("steps", "seeds", "episodes", "eval_every", "hidden"):
            if getattr(self, name) < 1:
                raise QohortError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be at least 1.")
        for name in self.algorithms:
            if name not in METHODS:
                raise QohortError(unknown("algorithm", name, METHODS))
        for world in self.worlds:
            if not world.startswith("battle/"):
                raise QohortError(f"{world!r} is no battle; give one that SMAX has too, such as 'battle/3m'.")
        sheet.check_target(self.json)


def main(argv: Sequence[str]) -> int:
    """Measure, and print a table for each world."""
    flags = parse(TrainingFlags, argv, prog="qohort bench training")
    jax.config.update("jax_enable_compilation_cache", False)
    peer = importlib.util.find_spec("jaxmarl") is not None
    if not peer:
        print(
            "JaxMARL is not installed: Qohort is measured alone. To compare, in the clone: pip install -e '.[jaxmarl]'"
        )
    asked = {name: value for name, value in dataclasses.asdict(flags).items() if name != "json"}
    rows: list[dict[str, Any]] = []
    for world in flags.worlds:
        rows.append(_measured(world, flags, peer=peer))
        sheet.write(flags.json, rows, flags=asked)
    return 0


def _measured(world: str, flags: TrainingFlags, *, peer: bool) -> dict[str, Any]:
    most, episodes = flags.steps, flags.episodes
    makers: list[Callable[[], Contender]] = [
        functools.partial(ours, name, world, most=most, episodes=episodes) for name in flags.algorithms
    ]
    if peer:
        scenario = world.removeprefix("battle/").partition("?")[0]
        makers.append(functools.partial(theirs, scenario, steps=most, hidden=flags.hidden, episodes=episodes))
    curves: dict[str, list[list[Point]]] = {}
    runs: list[dict[str, Any]] = []
    for seed in range(flags.seed, flags.seed + flags.seeds):
        for maker in makers:
            jax.clear_caches()
            contender, load = maker(), _load()
            curve = train(contender, seed, eval_every=flags.eval_every)
            curves.setdefault(contender.name, []).append(curve)
            runs.append({"side": contender.name, "seed": seed, "load": [load, _load()], "curve": curve})
            last = curve[-1]
            print(f"{world} {contender.name} seed {seed}: {last.steps:,} steps in {last.seconds:.0f} s", flush=True)
    _print_table(world, curves)
    ratios = _print_ratios(curves) if PEER in curves else {}
    return {"world": world, "columns": Point._fields, "runs": runs, "ratios": ratios}


def _print_table(world: str, curves: dict[str, list[list[Point]]]) -> None:
    print(f"{world:22}" + "".join(f"{f'{threshold:.0%} won':>22}" for threshold in THRESHOLDS))
    for name, of_seeds in curves.items():
        points = [median_point(of_seeds, threshold) for threshold in THRESHOLDS]
        cells = [f"{p.seconds:.0f} s, {p.steps:,} steps" if p else "not reached" for p in points]
        print(f"{name:22}" + "".join(f"{cell:>22}" for cell in cells))


def _print_ratios(curves: dict[str, list[list[Point]]]) -> dict[str, dict[str, Any]]:
    ratios: dict[str, dict[str, Any]] = {}
    for name, of_seeds in curves.items():
        if name == PEER:
            continue
        found = {f"{threshold:.0%}": ratio(of_seeds, curves[PEER], threshold) for threshold in THRESHOLDS}
        ratios[name] = {label: {"times": times, "exact": exact} for label, (times, exact) in found.items()}
        words = [f"{label} {'' if exact else '> '}{times:.1f}" for label, (times, exact) in found.items() if times]
        print(f"{name}, times as soon as {PEER}: {', '.join(words) or 'never'}; goal {GOAL} at 75%")
    return ratios


def _load() -> float:
    """What else the machine was doing: processes that wanted a processor, over the last minute."""
    return round(os.getloadavg()[0], 2)
