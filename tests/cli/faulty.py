"""Worlds that break the contract, named on the command line as `tests.cli.faulty:NAME`."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.envs import AbstractEnv
from qohort.spec import EnvSpec, Observation, Outcome


class Faulty(AbstractEnv):
    """Three steps, one reward each, and one fault."""

    spec: EnvSpec = eqx.field(static=True)
    fault: str = eqx.field(static=True)

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.spec = EnvSpec(
            name=f"faulty/{fault}",
            agents=("a", "b"),
            actions=("left", "right"),
            obs_features=("time",),
            state_features=("time",),
            unit_features=("time",),
            limit=3,
            reward="individual" if fault == "individual" else "team",
        )

    def reset(self, key: PRNGKeyArray) -> Int[Array, ""]:
        return jnp.zeros((), jnp.int32)

    def step(self, key: PRNGKeyArray, state: Array, actions: Int[Array, " N"]) -> tuple[Array, Outcome]:
        time = state + 1
        reached = time.astype(jnp.float32) if self.fault == "state" else time
        return reached, Outcome(
            reward=jnp.full(self.spec.n_rewards, jnp.nan if self.fault == "reward" else 1.0),
            terminated=time >= 3,
            truncated=jnp.zeros((), bool),
            metrics={},
        )

    def snapshot(self, state: Array) -> Array:
        return state

    def observe(self, snapshot: Array) -> Observation:
        time = snapshot.astype(jnp.float32)
        features = 2 if self.fault == "shape" else 1
        return Observation(
            obs=jnp.full((2, features), jnp.inf if self.fault == "features" else time),
            state=jnp.full(1, time),
            units=jnp.full((2, 1), time),
            avail=jnp.array([[True, True], [self.fault != "avail"] * 2]),
            alive=jnp.ones(2, bool),
        )


def avail() -> Faulty:
    return Faulty("avail")


def reward() -> Faulty:
    return Faulty("reward")


def features() -> Faulty:
    return Faulty("features")


def shape() -> Faulty:
    return Faulty("shape")


def state() -> Faulty:
    return Faulty("state")


def individual() -> Faulty:
    return Faulty("individual")
