"""One number for each seed, drawn with what is known of their mean."""

from typing import Any

import numpy as np

from qohort.report.figures import OURS
from qohort.report.statistics import Interval


def spread_points(
    axes: Any, values: np.ndarray, line: float | int, estimate: Interval, *, colour: str = OURS, marker: str = "o"
) -> None:
    """Every seed, and their mean with its interval, on one line of a figure."""
    offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
    axes.scatter(
        values, line + np.array(offsets), s=11, color=colour, marker=marker, alpha=0.55, linewidths=0, zorder=3
    )
    if not np.isnan(estimate.low):
        axes.plot([estimate.low, estimate.high], [line, line], color=colour, linewidth=1.8, zorder=4)
    axes.scatter(
        [estimate.value], [line], s=42, color=colour, marker=marker, edgecolors="white", linewidths=0.8, zorder=5
    )
