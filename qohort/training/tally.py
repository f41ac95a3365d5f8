"""Sums of what chunks brought, until a line of metrics is written."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass
class Tally:
    """Plain numbers, so that a checkpoint can carry it as JSON and a resumed run writes the same line."""

    played: dict[str, float] = dataclasses.field(default_factory=dict)
    learnt: dict[str, float] = dataclasses.field(default_factory=dict)
    episodes: int = 0
    updates: int = 0

    def add(self, report: Any, lane: int) -> None:
        """Add one seed's share of a chunk's report."""
        episodes, updates = int(report.played.episodes[lane]), int(report.updates[lane])
        self.episodes += episodes
        self.updates += updates
        _add(self.played, report.played.sums, lane=lane, weight=1.0)
        if updates:
            _add(self.learnt, report.learnt, lane=lane, weight=float(updates))

    def means(self) -> dict[str, float | int]:
        """Figures for a line; nothing is said of what did not happen."""
        line: dict[str, float | int] = {"train/episodes": self.episodes, "train/updates": self.updates}
        if self.episodes:
            line |= {f"train/{metric_name(k)}": total / self.episodes for k, total in self.played.items()}
        if self.updates:
            line |= {f"train/{name}": total / self.updates for name, total in self.learnt.items()}
        return line


def metric_name(name: str) -> str:
    """A team that has `won` has a win rate; other means keep their name."""
    return "win_rate" if name == "won" else name


def _add(sums: dict[str, float], values: Mapping[str, np.ndarray], *, lane: int, weight: float) -> None:
    for name, value in values.items():
        sums[name] = sums.get(name, 0.0) + weight * float(value[lane])
