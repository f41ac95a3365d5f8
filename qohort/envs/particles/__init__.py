"""Discs on a plane, with something to do together."""

from qohort.envs.particles.rover_tower import RoverTower as RoverTower
from qohort.envs.particles.treasure import Treasure as Treasure
