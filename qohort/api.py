"""What `from qohort import X` finds."""

from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import AbstractEnv, check_env, make, names, register
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import QMIX, QPLEX, VDN, Importance, Independent, Monotone, Qatten, Qlinear, QPLEXQatten
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed
from qohort.spec import EnvSpec, Observation, Outcome
from qohort.training.load import LoadedTeam, evaluate, load
from qohort.training.run import Run
from qohort.training.train import Trained, train

__all__ = [
    "QMIX",
    "QPLEX",
    "VDN",
    "AbstractEnv",
    "EnvSpec",
    "FeedForward",
    "Importance",
    "Independent",
    "LinearSchedule",
    "LoadedTeam",
    "Monotone",
    "Observation",
    "Optimiser",
    "Outcome",
    "QPLEXQatten",
    "Qatten",
    "Qlinear",
    "QohortError",
    "Recurrent",
    "Replayed",
    "Run",
    "Trained",
    "ValueDecomposition",
    "check_env",
    "evaluate",
    "load",
    "make",
    "names",
    "register",
    "train",
]
