"""The random-matrix game of QTRAN: which of two matrices is played is drawn, and seen by some."""

from collections.abc import Sequence

import numpy as np

from qohort.envs.games.tabular import TabularGame
from qohort.errors import QohortError

FIRST = [[10.0, 8.0, 5.0], [8.0, 6.0, 3.0], [5.0, 3.0, 0.0]]
SECOND = [[0.0, 3.0, 5.0], [3.0, 6.0, 8.0], [5.0, 8.0, 10.0]]


def two_matrices(seen_by: Sequence[int] = (0, 1)) -> TabularGame:
    """Son et al. 2019 (QTRAN): one of two matrices is drawn with equal chance and played once.

    The authors' released code gives the drawn matrix to both agents, which is the default; the lines which
    would hide it from both are commented out there. If both see it 10 can be had, if one sees it 8, if none
    does 6.

    Differences from the authors' code: the drawn matrix is one-hot instead of the number 1 or 2.

    Args:
        seen_by: the agents, 0 or 1, that see which matrix was drawn; the others see zeros.
    """
    if not set(seen_by) <= {0, 1}:
        raise QohortError(f"games/two-matrices: `seen_by` is {tuple(seen_by)}, but the agents are 0 and 1.")
    transitions = np.zeros((3, 3, 3, 3))
    transitions[..., 2] = 1.0
    drawn = np.eye(3)[:, :2]
    observations = np.zeros((3, 2, 2))
    observations[:, list(seen_by)] = drawn[:, None]
    features = ("first matrix", "second matrix")
    return TabularGame(
        transitions,
        np.array([FIRST, SECOND, np.zeros((3, 3))]),
        terminal=np.array([False, False, True]),
        initial=np.array([0.5, 0.5, 0.0]),
        observations=observations,
        states=drawn,
        limit=1,
        name="games/two-matrices",
        actions=("A", "B", "C"),
        obs_features=features,
        state_features=features,
    )
