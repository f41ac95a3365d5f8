"""One seed from beginning to end, or several seeds that train together."""

import contextlib
import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.base import AbstractAlgorithm, Params
from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.plain import plain
from qohort.training import checkpoint, disk
from qohort.training.chunk import Report
from qohort.training.clock import Clock
from qohort.training.evaluation import evaluation_key
from qohort.training.programs import Programs, by_seed, on_host
from qohort.training.progress import Display
from qohort.training.records import (
    METRICS,
    TIMING,
    Records,
    as_numbers,
    check_kept,
    kept_lines,
    last_step,
    read_lines,
)
from qohort.training.run import Grid, Run
from qohort.training.seeds import Group, checkpoint_folder, named, seed_folder
from qohort.training.sinks import TensorBoard
from qohort.training.tally import Tally, metric_name

ABSOLUTE_STREAM = 1 << 20
"""Evaluation indices from here on belong to the absolute metric."""

ABSOLUTE_FILE = "absolute.json"


class Interrupted(Exception):  # noqa: N818  (not an error: somebody asked)
    """The run was asked to stop, and has: everything is saved."""


@dataclasses.dataclass
class Place:
    """Where a run stands: plain numbers that a checkpoint keeps beside the arrays."""

    best: list[float | None]
    """The greatest mean return of an evaluation after the start, by seed."""
    tally: list[Tally]
    """What is not yet in the metric files, by seed."""
    step: int = 0
    evaluated: int = -1
    """The step of the newest evaluation."""
    evaluations: int = 0
    """How many there have been; each has a stream of its own, whatever becomes of their interval."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a session works with; the same for all sessions of a run."""

    algorithm: AbstractAlgorithm
    env: AbstractEnv
    programs: Programs
    run: Run
    grid: Grid
    folder: Path
    display: Display
    stop: Callable[[], bool]
    """Whether somebody asked to stop."""


def absolute_of(folder: Path, seeds: Sequence[int], *, steps: int, episodes: int) -> dict[int, dict[str, float]] | None:
    """What `Session.run` returned, if these seeds were trained so far and judged by so many episodes; else None."""
    means: dict[int, dict[str, float]] = {}
    with contextlib.suppress(QohortError, OSError, ValueError, KeyError, IndexError, TypeError):
        newest = checkpoint.paths(checkpoint_folder(folder, seeds))[0]
        if checkpoint.read_counters(newest)["step"] != steps:
            return None
        for seed in seeds:
            line = json.loads((seed_folder(folder, seed) / ABSOLUTE_FILE).read_text(encoding="utf-8"))
            if (line["steps"], len(line["episodes/return"])) != (steps, episodes):
                return None
            means[seed] = as_numbers({name[5:]: value for name, value in line.items() if name.startswith("eval/")})
        return means
    return None


def check_going_on(folder: Path, groups: Sequence[Group], *, steps: int, judged: Collection[int]) -> None:
    """Refuse what cannot go on, before anything is changed.

    Args:
        folder: the run folder.
        groups: the seeds that there is something to do for.
        steps: how far they are to be trained.
        judged: seeds that the run was finished with.
    """
    for seeds in groups:
        saved = checkpoint_folder(folder, seeds)
        if checkpoint.paths(saved):
            counters = checkpoint.whole(saved)
            if counters["step"] > steps:
                raise QohortError(
                    f"{named(seeds)} has been trained for {counters['step']:,} steps already, and --steps is {steps}. "
                    f"Give --steps {counters['step']} or more, or start another with --fresh."
                )
            for seed, positions in zip(seeds, counters["positions"], strict=True):
                check_kept(seed_folder(folder, seed), positions)
            continue
        for seed in seeds:
            if seed in judged or (seed_folder(folder, seed) / ABSOLUTE_FILE).exists():
                raise QohortError(
                    f"seed {seed} of {folder} has results but no checkpoint to go on from; copy its checkpoints back, "
                    "or start another run with --fresh."
                )


class Session:
    """Chunks, metrics, evaluations and checkpoints of one group of seeds.

    The order at every grid point is fixed: line of metrics, evaluation, then the next chunk. A checkpoint
    may come between any two chunks and carries what is not yet written, so a resumed run writes the same.
    """

    def __init__(self, setting: Setting, seeds: Sequence[int], *, together: bool) -> None:
        self._setting = setting
        self._seeds = tuple(seeds)
        self._together = together
        self._folder = checkpoint_folder(setting.folder, seeds)
        self._clock = Clock()
        self._counters: dict[str, Any] = {}
        self._place = Place(best=[None] * len(seeds), tally=[Tally() for _ in seeds])
        if checkpoint.paths(self._folder):
            self._resume()
        else:
            self._state = setting.programs.begin(seeds)
            self._best = jax.tree.map(jnp.copy, self._state.learner.params)
        self._records = [self._open_records(lane) for lane in range(len(seeds))]
        self._saved_at = time.monotonic()
        self._clock.go_on(after=self._spent())

    def run(self) -> dict[int, dict[str, float]]:
        """Train to the end and return the absolute metric of every seed."""
        try:
            while True:
                self._write_due()
                if self._place.step >= self._setting.grid.steps:
                    break
                self._pause_if_asked()
                self._advance()
                if time.monotonic() - self._saved_at >= self._setting.run.checkpoint_every:
                    self.save()
            self.save()
            self._setting.display.done(self._name())
            return self._absolute()
        finally:
            for records in self._records:
                records.close()

    def save(self) -> None:
        """Write a checkpoint, unless the newest one says the same."""
        counters = {
            **dataclasses.asdict(self._place),
            "seeds": list(self._seeds),
            "positions": [records.position() for records in self._records],
        }
        if counters == {name: value for name, value in self._counters.items() if name != "clock"}:
            return
        self._counters = {**counters, "clock": self._clock.seconds()}
        tree = {"train": self._state, "best": self._best}
        checkpoint.save(self._folder, tree, counters=self._counters, keep=self._setting.run.keep)
        self._saved_at = time.monotonic()
        self._clock.skip()

    def _resume(self) -> None:
        """Go on from the newest checkpoint; only shapes stand in for what is loaded, so nothing is held twice."""
        shapes = self._setting.programs.state_shapes(self._seeds)
        loaded = checkpoint.load(self._folder, {"train": shapes, "best": shapes.learner.params})
        for note in loaded.notes:
            self._setting.display.say(note)
        checkpoint.set_aside(self._folder, loaded.path)
        self._state, self._best = loaded.tree["train"], loaded.tree["best"]
        self._counters = loaded.counters
        self._place = Place(
            best=loaded.counters["best"],
            tally=[Tally(**tally) for tally in loaded.counters["tally"]],
            step=loaded.counters["step"],
            evaluated=loaded.counters["evaluated"],
            evaluations=self._evaluations_of(loaded.counters),
        )
        if self._place.step < self._setting.grid.steps:
            self._setting.display.say(f"{self._name()}: going on from step {self._place.step:,}{self._repeated()}.")

    def _repeated(self) -> str:
        """What was done after the checkpoint, and is done again."""
        lines = read_lines(seed_folder(self._setting.folder, self._seeds[0]) / METRICS)
        again = max((line["step"] for line in lines), default=0) - self._place.step
        return f"; {again:,} steps that came after the checkpoint are done again" if again > 0 else ""

    def _evaluations_of(self, counters: Mapping[str, Any]) -> int:
        """How many a checkpoint knows of; an older one does not say, and the metric files do."""
        if "evaluations" in counters:
            return counters["evaluations"]
        lines = kept_lines(seed_folder(self._setting.folder, self._seeds[0]) / METRICS, counters["positions"][0])
        return sum(any(name.startswith("eval/") for name in line) for line in lines)

    def _spent(self) -> float:
        """What the clock of the processes before showed when they saved, or (of an older version) wrote last."""
        if not self._counters:
            return 0.0
        if "clock" in self._counters:
            return self._counters["clock"]
        timing = seed_folder(self._setting.folder, self._seeds[0]) / TIMING
        lines = kept_lines(timing, self._counters["positions"][0])
        return lines[-1]["seconds"] if lines else 0.0

    def _open_records(self, lane: int) -> Records:
        seed = self._seeds[lane]
        folder = seed_folder(self._setting.folder, seed)
        with disk.explained(folder, "write the metrics in"):
            folder.mkdir(parents=True, exist_ok=True)
        positions = self._counters["positions"][lane] if self._counters else None
        resumed_at = last_step(folder, positions)
        sinks = (
            [TensorBoard(self._setting.folder / "tensorboard", resumed_at=resumed_at)]
            if self._setting.run.tensorboard
            else []
        )
        return Records(folder, columns=self._columns(), positions=positions, sinks=sinks, say=self._setting.display.say)

    def _columns(self) -> list[str]:
        """Every number that a line of metrics can have."""
        report = self._setting.programs.report_shapes(self._state)
        played = [metric_name(name) for name in report.played.sums]
        train = [*played, *report.learnt, "episodes", "updates", "exploration", "learning_rate"]
        return [*(f"train/{name}" for name in train), *(f"eval/{name}" for name in played)]

    def _advance(self) -> None:
        """One chunk."""
        setting, place = self._setting, self._place
        exploration = setting.algorithm.exploration().at(place.step)
        learning_rate = setting.algorithm.learning_rate().at(place.step)
        self._state, report = setting.programs.chunk(self._state, exploration=exploration, learning_rate=learning_rate)
        report = by_seed(report, together=self._together)
        _refuse_faults(report, setting.env.spec.name, before=place.step + setting.grid.chunk)
        for lane, tally in enumerate(place.tally):
            tally.add(report, lane)
        self._clock.count(setting.grid.chunk * len(self._seeds), int(report.updates.sum()))
        place.step += setting.grid.chunk
        self._show(report)

    def _write_due(self) -> None:
        """Metrics and evaluation of this grid point, if they are due and not written yet.

        An end between two evaluations has both. One with an evaluation has what it would have had if the run had been
        longer, so that a run that goes on later is the same.
        """
        place, grid = self._place, self._setting.grid
        judged = place.step == grid.steps or place.step % grid.eval_every == 0
        between = judged and place.step % grid.eval_every > 0
        if (between or place.step % grid.log_every == 0) and any(tally.played for tally in place.tally):
            self._log()
        if judged and place.evaluated < place.step:
            self._evaluate()

    def _log(self) -> None:
        place, algorithm = self._place, self._setting.algorithm
        rates = {
            "train/exploration": algorithm.exploration().at(place.step),
            "train/learning_rate": algorithm.learning_rate().at(place.step),
        }
        timing = self._clock.lap()
        for lane, seed in enumerate(self._seeds):
            self._records[lane].write(seed, place.step, {**place.tally[lane].means(), **rates})
            self._records[lane].time(seed, place.step, timing)
        place.tally = [Tally() for _ in self._seeds]

    def _evaluate(self) -> None:
        """Greedy episodes of the present team; the best team so far is kept."""
        place, setting = self._place, self._setting
        keys = [evaluation_key(seed, place.evaluations) for seed in self._seeds]
        params = self._state.learner.params
        scores = on_host(setting.programs.evaluate(params.team, keys, episodes=setting.run.eval_episodes))
        better = [False] * len(self._seeds)
        for lane, seed in enumerate(self._seeds):
            mine = {name: value[lane] for name, value in scores.items()}
            self._records[lane].write(seed, place.step, _scores_line(mine))
            mean, best = _mean(mine["return"]), place.best[lane]
            better[lane] = best is None or mean >= best  # of equals the later one, which has learned more
            if better[lane] and place.step:  # a team that has learned nothing is kept only until there is another
                place.best[lane] = mean
        self._best = self._choose(better, params)
        place.evaluated = place.step
        place.evaluations += 1
        self._clock.skip()
        shown = {name: _mean(value) for name, value in scores.items()}
        self._setting.display.evaluated(self._name(), step=place.step, scores=shown)

    def _choose(self, better: list[bool], params: Params) -> Params:
        """The weights of the seeds that got better, the kept ones of the others. Never an alias of donated buffers."""
        if not self._together:
            return jax.tree.map(jnp.copy, params) if better[0] else self._best
        rows = jnp.asarray(better)

        def pick(new: Any, old: Any) -> Any:
            return jnp.where(rows.reshape(rows.shape + (1,) * (new.ndim - 1)), new, old)

        return jax.tree.map(pick, params, self._best)

    def _absolute(self) -> dict[int, dict[str, float]]:
        """The best policy over many episodes, on streams that no other evaluation uses."""
        setting = self._setting
        rounds = []
        for index in range(setting.run.absolute_factor):
            keys = [evaluation_key(seed, ABSOLUTE_STREAM + index) for seed in self._seeds]
            rounds.append(on_host(setting.programs.evaluate(self._best.team, keys, episodes=setting.run.eval_episodes)))
        means: dict[int, dict[str, float]] = {}
        for lane, seed in enumerate(self._seeds):
            every = {name: np.concatenate([scores[name][lane] for scores in rounds]) for name in rounds[0]}
            line = {"seed": seed, "steps": self._place.step, **_scores_line(every)}
            path = seed_folder(setting.folder, seed) / ABSOLUTE_FILE
            with disk.explained(path, "write"):
                disk.replace_json(path, plain(line))
            means[seed] = {metric_name(name): _mean(value) for name, value in every.items()}
        return means

    def _pause_if_asked(self) -> None:
        if self._setting.stop():
            self.save()
            raise Interrupted(
                f"{self._name()}: stopped at step {self._place.step:,} of {self._setting.grid.steps:,}; everything is "
                f"saved in {self._setting.folder}. {self._how_to_go_on()}"
            )

    def _how_to_go_on(self) -> str:
        if self._setting.run.fresh:
            return f"`qohort resume {shlex.quote(str(self._setting.folder))}` goes on from here."
        return "The same command goes on from here."

    def _name(self) -> str:
        if len(self._seeds) == 1:
            return f"seed {self._seeds[0]}"
        return f"seeds {self._seeds[0]}-{self._seeds[-1]}"

    def _show(self, report: Report) -> None:
        episodes = int(report.played.episodes.sum())
        rate = self._clock.steps_per_second()
        figures = {"steps/s": rate} if rate else {}
        if episodes:
            means = {name: float(total.sum()) / episodes for name, total in report.played.sums.items()}
            figures["return"] = means["return"]
            figures |= {"win rate": means["won"]} if "won" in means else {}
        if report.updates.sum():
            figures["loss"] = float(report.learnt["loss"].mean())
        step, total = self._place.step, self._setting.grid.steps
        left = (total - step) * len(self._seeds) / rate if rate else None
        self._setting.display.update(self._name(), step=step, total=total, figures=figures, left=left)


def _scores_line(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Means under the names that plots use, and the value of every episode."""
    means = {f"eval/{metric_name(name)}": _mean(value) for name, value in scores.items()}
    return {**means, **{f"episodes/{name}": value.tolist() for name, value in scores.items()}}


def _mean(values: Any) -> float:
    """In double precision: 19 of 20 won are not less than 0.95."""
    return float(np.asarray(values).mean(dtype=np.float64))


def _refuse_faults(report: Report, world: str, *, before: int) -> None:
    """Stop where the world broke its contract: what would be learned from it is worthless."""
    faults = {name: int(count.sum()) for name, count in report.played.faults.items()}
    if faults["reward"]:
        raise QohortError(
            f"{world} gave {faults['reward']} rewards that are not finite numbers (NaN or infinite) before step "
            f"{before:,}. Training stops, since nothing can be learned from them; mend the world's `step`. "
            f"`qohort check-env {world}` shows where."
        )
    if faults["avail"]:
        raise QohortError(
            f"{world} left agents without any available action {faults['avail']} times before step {before:,}. "
            "Every row of `avail` needs at least one True: give agents that are out a no-op. "
            f"`qohort check-env {world}` shows where."
        )
    # All losses: where there are several, one network can be lost and another one not.
    losses = {name: values[report.updates > 0] for name, values in report.learnt.items() if name.endswith("loss")}
    lost = [name for name, values in losses.items() if not np.isfinite(values).all()]
    if lost:
        raise QohortError(
            f"train/{lost[0]} is not a finite number any more before step {before:,}: the weights are lost. If "
            f"`qohort check-env {world}` finds no fault in the world, try a smaller "
            "--algorithm.optimiser.learning-rate. What was saved before stays."
        )
