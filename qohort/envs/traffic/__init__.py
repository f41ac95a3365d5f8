"""Junctions that cars have to pass without a collision."""

from qohort.envs.traffic.junction import TrafficJunction as TrafficJunction
from qohort.envs.traffic.roads import Roads as Roads
from qohort.envs.traffic.roads import roads as roads
from qohort.envs.traffic.state import TrafficState as TrafficState
