"""Small worlds on a square board: hunts that punish going alone, level-based foraging, and rooms with a door."""

from qohort.envs.grids.board import Board as Board
from qohort.envs.grids.foraging import Foraging as Foraging
from qohort.envs.grids.passage import Passage as Passage
from qohort.envs.grids.qtran_prey import QtranPrey as QtranPrey
from qohort.envs.grids.stag_hunt import StagHunt as StagHunt
