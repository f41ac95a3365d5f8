"""What `from qohort import X` finds."""

from qohort.algorithms.novelty import Novelty
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.ppo import PPO
from qohort.algorithms.registry import preset
from qohort.algorithms.replay_free import ReplayFree
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import AbstractEnv, check_env, make, names, register
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import QMIX, QPLEX, VDN, Importance, Independent, Monotone, Qatten, Qlinear, QPLEXQatten
from qohort.networks.critic import Critic
from qohort.networks.feedforward import FeedForward
from qohort.networks.normalised import Normalised
from qohort.networks.recurrent import Recurrent
from qohort.networks.talking import Talking
from qohort.replay.fresh import Fresh
from qohort.replay.samplers import Replayed
from qohort.spec import EnvSpec, Observation, Outcome
from qohort.training.load import LoadedTeam, evaluate, load
from qohort.training.run import Run
from qohort.training.train import Trained, train

__all__ = [
    "PPO",
    "QMIX",
    "QPLEX",
    "VDN",
    "AbstractEnv",
    "Critic",
    "EnvSpec",
    "FeedForward",
    "Fresh",
    "Importance",
    "Independent",
    "LinearSchedule",
    "LoadedTeam",
    "Monotone",
    "Normalised",
    "Novelty",
    "Observation",
    "Optimiser",
    "Outcome",
    "QPLEXQatten",
    "Qatten",
    "Qlinear",
    "QohortError",
    "Recurrent",
    "ReplayFree",
    "Replayed",
    "Run",
    "Talking",
    "Trained",
    "ValueDecomposition",
    "check_env",
    "evaluate",
    "load",
    "make",
    "names",
    "preset",
    "register",
    "train",
]
