"""How long a study will still take, from what its cells took so far."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Progress:
    """One cell."""

    world: str
    steps: int
    total: int
    seconds: float
    """What the steps so far took."""
    open: bool
    """Whether it will be worked on."""


def time_left(cells: Sequence[Progress], *, jobs: int) -> float | None:
    """Seconds until all open cells are done, or None while nothing is known.

    A step takes as long as it took in the cell itself; in one that has not begun, as in the others of its
    world, else as in all others.
    """
    left = []
    for cell in cells:
        if not cell.open:
            continue
        sources = ([cell], [other for other in cells if other.world == cell.world], cells)
        pace = next(filter(None, map(_seconds_per_step, sources)), None)
        if pace is None:
            return None
        left.append(pace * (cell.total - cell.steps))
    return max(sum(left) / jobs, max(left, default=0.0))


def _seconds_per_step(cells: Sequence[Progress]) -> float | None:
    steps = sum(cell.steps for cell in cells if cell.seconds)
    return sum(cell.seconds for cell in cells) / steps if steps else None
