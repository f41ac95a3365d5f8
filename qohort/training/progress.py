"""What a person sees while a run goes on."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY = 10.0
"""Seconds between two lines where there is no terminal to draw on."""


class Display:
    """One bar for each seed; plain lines where the output is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = self.console.is_terminal
        self._last_line = 0.0
        self._figures: dict[str, float] = {}
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>9,.0f}/{task.total:,.0f} steps"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self.console.print(sentence, soft_wrap=True, markup=False)

    def update(
        self, name: str, *, step: int, total: int, figures: Mapping[str, float], left: float | None = None
    ) -> None:
        """Move a bar; where there is none, print a line now and then; `left` is in seconds."""
        self._figures = {**self._figures, **figures}
        text = "  ".join(f"{label} {value:,.4g}" for label, value in self._figures.items())
        if self._live:
            self._bar.update(self._task_of(name, total), completed=step, figures=text)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY:
            self._last_line = now
            rest = "" if left is None else f"  {left:,.0f} s left"
            self.say(f"{name}: {step:,}/{total:,} steps  {text}{rest}")

    def evaluated(self, name: str, *, step: int, scores: Mapping[str, float]) -> None:
        """The newest evaluation: shown beside the bar, or as a line."""
        shown = {"eval return": scores["return"]}
        if "won" in scores:
            shown["eval win rate"] = scores["won"]
        self._figures |= shown
        if not self._live:
            text = ", ".join(f"{label} {value:,.4g}" for label, value in shown.items())
            self.say(f"{name}: step {step:,}: {text}")

    def done(self, name: str) -> None:
        """The figures of the next seed are not those of this one."""
        self._figures = {}

    def _task_of(self, name: str, total: int) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=total, figures="")
        return self._tasks[name]
