"""What a person sees of a study: a line for each cell while it goes on, a table when it ends."""

import dataclasses
import time
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from qohort.study.figures import WIN_RATE, Figures
from qohort.study.manifest import FAILED, FINISHED, RUNNING, STOPPED, WAITING

LINE_EVERY = 30.0
"""Seconds between two lines about a cell where there is no terminal to draw on."""

_STYLES = {WAITING: "dim", RUNNING: "bold", FINISHED: "green", FAILED: "red", STOPPED: "yellow"}
_FIRST = (RUNNING, FAILED, STOPPED, WAITING, FINISHED)
"""Where the terminal is too low for all cells, these are shown first."""


@dataclasses.dataclass(frozen=True)
class View:
    """One cell, as it is shown."""

    name: str
    state: str
    figures: Figures
    steps: int
    reason: str = ""
    """Why it failed, or what it waits for."""


class StudyDisplay:
    """A live table; plain lines where the output is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        self._last_lines: dict[str, float] = {}

    def __enter__(self) -> "StudyDisplay":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self.console.print(sentence, soft_wrap=True, markup=False)

    def changed(self, view: View) -> None:
        """A cell began, ended, or waits for something else than before."""
        self._last_lines[view.name] = time.monotonic()
        if not self._live:
            self.say(f"{view.name}: {_headline(view)}")

    def update(self, views: Sequence[View], *, left: float | None) -> None:
        """How all cells stand."""
        if self._live:
            self._live.update(self._drawing(views, left), refresh=True)
            return
        for view in views:
            now = time.monotonic()
            if view.state == RUNNING and now - self._last_lines.get(view.name, 0.0) >= LINE_EVERY:
                self._last_lines[view.name] = now
                self.say(f"{view.name}: {progress(view)}; {summary(views, left)}")

    def _drawing(self, views: Sequence[View], left: float | None) -> Group:
        room = max(1, self.console.height - 4)
        shown = set(view.name for view in sorted(views, key=lambda view: _FIRST.index(view.state))[:room])
        rows = Table.grid(padding=(0, 2))
        for view in views:
            if view.name in shown:
                style = _STYLES[view.state]
                rows.add_row(Text(view.name), Text(view.state, style), Text(_detail(view), no_wrap=True))
        hidden = [Text(f"… and {len(views) - len(shown)} more cells", "dim")] if len(views) > len(shown) else []
        return Group(rows, *hidden, Text(summary(views, left), "bold"))


def progress(view: View) -> str:
    """A cell at work: seed, steps, time left, evaluation, speed; a narrow terminal cuts off the end."""
    figures = view.figures
    seed = figures.seeds[figures.current]
    which = "all seeds" if figures.together else f"seed {figures.current}"
    place = list(figures.seeds).index(figures.current) + 1
    many = f" ({place} of {len(figures.seeds)})" if len(figures.seeds) > 1 and not figures.together else ""
    parts = [f"{which}{many}, {seed.step:,}/{view.steps:,} steps"]
    if figures.steps and figures.seconds:
        parts.append(f"{duration(figures.seconds / figures.steps * (figures.total - figures.steps))} left")
    if seed.last is not None and seed.best is not None:
        parts.append(f"eval {_words(seed.metric)} {seed.last:.3g} (best {seed.best:.3g})")
    if seed.rate:
        parts.append(f"{seed.rate:,.0f} steps/s")
    return ", ".join(parts)


def summary(views: Sequence[View], left: float | None) -> str:
    """The line below all cells."""
    counts = {state: sum(view.state == state for view in views) for state in (FINISHED, FAILED)}
    failed = f", {counts[FAILED]} failed" if counts[FAILED] else ""
    about = f"; about {duration(left)} left" if left is not None else ""
    return f"{counts[FINISHED]} of {len(views)} cells finished{failed}{about}"


def results(views: Sequence[View]) -> Table:
    """The cells at the end of a study: means over seeds that are finished."""
    metrics = dict.fromkeys(view.figures.metric for view in views)
    score = " or ".join(f"eval {_words(metric)}" for metric in metrics)
    mixed, unfinished = len(metrics) > 1, any(view.state != FINISHED for view in views)
    table = Table(title=f"Cells: {score}, mean over seeds", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("cell", overflow="fold")
    for column in (*["state"] * unfinished, "seeds", "steps", *["score"] * mixed, "last", "best", "absolute", "time"):
        table.add_column(column, justify="left" if column in ("state", "score") else "right", no_wrap=True)
    for view in views:
        figures = view.figures
        means = [figures.mean(name) for name in ("last", "best", "absolute")]
        step = figures.seeds[figures.current].step
        table.add_row(
            view.name,
            *[Text(view.state, _STYLES[view.state])] * unfinished,
            f"{figures.done}/{len(figures.seeds)}",
            f"{view.steps:,}" if view.state == FINISHED else f"{step:,}/{view.steps:,}",
            *[_words(figures.metric)] * mixed,
            *("" if mean is None else f"{mean:.4g}" for mean in means),
            duration(figures.seconds),
        )
    return table


def failures(views: Sequence[View]) -> Table:
    """What went wrong."""
    table = Table(title="Failed", title_justify="left", title_style="bold red", box=SIMPLE_HEAD)
    table.add_column("cell", overflow="fold")
    table.add_column("last words", overflow="fold")
    for view in views:
        if view.state == FAILED:
            table.add_row(view.name, Text(view.reason))
    return table


def duration(seconds: float) -> str:
    """`1:05`, `2:01:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _headline(view: View) -> str:
    return "running" if view.state == RUNNING else f"{view.state}{', ' if _detail(view) else ''}{_detail(view)}"


def _detail(view: View) -> str:
    if view.state == RUNNING:
        return progress(view)
    if view.state == FINISHED:
        figures = view.figures
        means = {name: figures.mean(name) for name in ("last", "best", "absolute")}
        told = ", ".join(f"{name} {mean:.3g}" for name, mean in means.items() if mean is not None)
        return f"eval {_words(figures.metric)} {told}; {duration(figures.seconds)}"
    return view.reason


def _words(metric: str) -> str:
    return "win rate" if metric == WIN_RATE else metric
