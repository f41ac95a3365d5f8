"""Small games whose truth is known."""

from qohort.envs.games.matrix import MatrixGame as MatrixGame
from qohort.envs.games.relay import Relay as Relay
from qohort.envs.games.solve import Solution as Solution
from qohort.envs.games.solve import additive_projection as additive_projection
from qohort.envs.games.solve import solve as solve
from qohort.envs.games.tables import Tables as Tables
from qohort.envs.games.tabular import TabularGame as TabularGame
