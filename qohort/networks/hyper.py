"""Hypernetworks: small networks whose output is the weights of another one.

Each is a perceptron, or constant.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation

Feed = Literal["state", "observations"]
"""What hypernetworks read: the state, or all agents' observations joined."""


class Constant(eqx.Module):
    """Weights that are learned as they are and depend on nothing."""

    value: Float[Array, " W"]

    def __init__(self, size: int, fan_in: int, key: PRNGKeyArray) -> None:
        limit = fan_in**-0.5
        self.value = jax.random.uniform(key, (size,), minval=-limit, maxval=limit)

    def __call__(self, feed: Float[Array, " F"]) -> Float[Array, " W"]:
        return self.value


Hypernetwork = Perceptron | Constant
"""A source of weights."""


def layer_sizes(inputs: int, outputs: int, layers: int, hidden: int) -> tuple[int, ...]:
    """The sizes of a network of `layers` linear layers."""
    return (inputs, *(hidden,) * (layers - 1), outputs)


def feed_size(feed: Feed, spec: EnvSpec) -> int:
    """The number of entries that a hypernetwork reads."""
    return spec.state_size if feed == "state" else spec.n_agents * spec.obs_size


def fed(feed: Feed, observation: Observation) -> Float[Array, " F"]:
    """What a hypernetwork reads in this moment."""
    return observation.state if feed == "state" else jnp.ravel(observation.obs)
