"""Worlds: the contract, the names, and the check that a world keeps the contract."""

from qohort.envs.base import AbstractEnv as AbstractEnv
from qohort.envs.check import check_env as check_env
from qohort.envs.registry import make as make
from qohort.envs.registry import names as names
from qohort.envs.registry import register as register
