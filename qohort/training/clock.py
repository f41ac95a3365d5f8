"""What a clock says of a run: how long it took over all its processes, and its throughput."""

import time


class Clock:
    """The time of a run, and the throughput of play and learning.

    In the throughput evaluations, checkpoints and the first chunk, which compiles, do not count.
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._begun = self._mark = time.perf_counter()
        self._warm = False
        self._steps = self._updates = 0
        self._seconds = 0.0
        self._rate = 0.0

    def go_on(self, *, after: float) -> None:
        """Begin where the clock of the processes before stood."""
        self._before = after
        self._begun = self._mark = time.perf_counter()

    def seconds(self) -> float:
        """What the run took so far, over all processes; what was repeated after a kill counts once."""
        return self._before + time.perf_counter() - self._begun

    def skip(self) -> None:
        """What happened since the last count was something else."""
        self._mark = time.perf_counter()

    def count(self, steps: int, updates: int) -> None:
        now = time.perf_counter()
        spent, self._mark = max(now - self._mark, 1e-9), now
        if not self._warm:
            self._warm = True
            return
        self._steps += steps
        self._updates += updates
        self._seconds += spent
        self._rate = 0.9 * self._rate + 0.1 * steps / spent if self._rate else steps / spent

    def steps_per_second(self) -> float:
        """A running mean; 0 while nothing was measured."""
        return self._rate

    def lap(self) -> dict[str, float]:
        """Figures since the last lap."""
        figures = {"seconds": self.seconds()}
        if self._seconds:
            figures["steps_per_second"] = self._steps / self._seconds
            figures["updates_per_second"] = self._updates / self._seconds
        self._steps = self._updates = 0
        self._seconds = 0.0
        return figures
