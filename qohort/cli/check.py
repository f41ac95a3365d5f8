"""`qohort check-env WORLD`: whether a world keeps the contract, in sentences."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import tyro

from qohort.envs import check_env, make
from qohort.training.flags import parse


@dataclasses.dataclass(frozen=True)
class CheckFlags:
    """Try whether a world keeps the contract; every fault is explained."""

    world: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORLD")]
    """A name from `qohort list`, or module:factory for a world of your own."""


def main(argv: Sequence[str]) -> int:
    """Check, and say what was seen."""
    name = parse(CheckFlags, argv, prog="qohort check-env").world
    env = make(name)
    check_env(env)
    spec = env.spec
    print(
        f"{name} keeps the contract: {spec.n_agents} agents, {spec.n_actions} actions, {spec.obs_size} observed "
        f"features, {spec.state_size} features of the state, at most {spec.limit} steps."
    )
    return 0
