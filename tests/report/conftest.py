"""A finished run of two seeds on a short track, shared by all tests of pictures."""

from pathlib import Path

import pytest

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs.games import Relay
from qohort.mixers import VDN
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed
from qohort.training.run import Run
from qohort.training.train import train

SHORT = Relay(runners=2, leg=2, slack=2)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    algorithm = ValueDecomposition(
        mixer=VDN(), team=Recurrent(hidden=8), feed=Replayed(batch=2, episodes=8), environments=2
    )
    run = Run(
        steps=120,
        seeds=2,
        chunk=10,
        eval_every=60,
        eval_episodes=4,
        absolute_factor=1,
        folder=tmp_path_factory.mktemp("runs") / "short",
    )
    return train(algorithm, SHORT, run, name="vdn").folder
