"""The two-step game of QMIX."""

import numpy as np

from qohort.envs.games.tabular import TabularGame


def two_step() -> TabularGame:
    """Rashid et al. 2018 (QMIX), section 5: agent 0 alone chooses which matrix is played in the second step.

    In state 1 nothing is gained; action A of agent 0 leads to 2A (7 whatever is done), B to 2B (0, 1, 1, 8).
    Everyone sees which of the three states it is; after the second step nothing is seen (all zero).
    """
    transitions = np.zeros((4, 2, 2, 4))
    transitions[0, 0, :, 1] = 1.0
    transitions[0, 1, :, 2] = 1.0
    transitions[1:, :, :, 3] = 1.0
    rewards = np.zeros((4, 2, 2))
    rewards[1] = 7.0
    rewards[2] = [[0.0, 1.0], [1.0, 8.0]]
    seen = np.eye(4)[:, :3]
    places = ("at 1", "at 2A", "at 2B")
    return TabularGame(
        transitions,
        rewards,
        terminal=np.array([False, False, False, True]),
        observations=np.repeat(seen[:, None], 2, axis=1),
        states=seen,
        limit=2,
        name="games/two-step",
        actions=("A", "B"),
        obs_features=places,
        state_features=places,
    )
