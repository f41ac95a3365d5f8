"""What a person sees while a laboratory works: a bar, or lines where the output is not a terminal."""

import contextlib
import time
from collections.abc import Iterator

import rich.progress
from rich.console import Console

from qohort.lab.descent import Told


class Progress:
    """One step at a time."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = self.console.is_terminal

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Told]:
        """Show a step; what is yielded is told the share that is done."""
        begun = time.monotonic()
        columns = (
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=24),
            rich.progress.TimeElapsedColumn(),
        )
        with rich.progress.Progress(*columns, console=self.console, transient=True, disable=not self._live) as bar:
            task = bar.add_task(name, total=1.0)
            yield lambda share: bar.update(task, completed=share)
        self.console.print(f"{name}: {time.monotonic() - begun:.1f} s", soft_wrap=True, markup=False)
