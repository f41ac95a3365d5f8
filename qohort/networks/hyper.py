"""Hypernetworks: small networks whose output is the weights of another one.

Hidden layers have rectified units. Weights are (out, in), drawn from U(±1/√in) as PyTorch draws them,
biases too.
"""

import abc
import itertools
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.errors import QohortError
from qohort.spec import EnvSpec, Observation

Feed = Literal["state", "observations"]
"""What hypernetworks read: the state, or all agents' observations joined."""


class AbstractHypernetwork(eqx.Module):
    """A source of weights."""

    @abc.abstractmethod
    def __call__(self, feed: Float[Array, " F"]) -> Float[Array, " W"]:
        """The weights for this moment."""


class Hypernetwork(AbstractHypernetwork):
    """Linear layers with rectified units between them."""

    layers: tuple[eqx.nn.Linear, ...]

    def __init__(self, sizes: tuple[int, ...], key: PRNGKeyArray, *, last_bias: bool = True) -> None:
        """Draw the weights; `sizes` runs from the input to the output."""
        keys = jax.random.split(key, len(sizes) - 1)
        last = len(sizes) - 2
        self.layers = tuple(
            eqx.nn.Linear(inputs, outputs, use_bias=last_bias or i < last, key=keys[i])
            for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
        )

    def __call__(self, feed: Float[Array, " F"]) -> Float[Array, " W"]:
        for layer in self.layers[:-1]:
            feed = jax.nn.relu(layer(feed))
        return self.layers[-1](feed)


class Constant(AbstractHypernetwork):
    """Weights that are learned as they are and depend on nothing."""

    value: Float[Array, " W"]

    def __init__(self, size: int, fan_in: int, key: PRNGKeyArray) -> None:
        limit = fan_in**-0.5
        self.value = jax.random.uniform(key, (size,), minval=-limit, maxval=limit)

    def __call__(self, feed: Float[Array, " F"]) -> Float[Array, " W"]:
        return self.value


def layer_sizes(inputs: int, outputs: int, layers: int, hidden: int) -> tuple[int, ...]:
    """The sizes of a network of `layers` linear layers."""
    return (inputs, *(hidden,) * (layers - 1), outputs)


def feed_size(feed: Feed, spec: EnvSpec) -> int:
    """The number of entries that a hypernetwork reads."""
    return spec.state_size if feed == "state" else spec.n_agents * spec.obs_size


def fed(feed: Feed, observation: Observation) -> Float[Array, " F"]:
    """What a hypernetwork reads in this moment."""
    return observation.state if feed == "state" else jnp.ravel(observation.obs)


def require_at_least(owner: str, least: int | float, **settings: int | float) -> None:
    """Refuse numbers that are too small."""
    for name, value in settings.items():
        if not value >= least:
            raise QohortError(f"{owner}: `{name}` is {value}; it is at least {least}. Set `{name}={least}` or more.")


def require_choice(owner: str, choices: object, **settings: object) -> None:
    """Refuse values that a `Literal` does not list."""
    listed = get_args(choices)
    for name, value in settings.items():
        if value not in listed:
            allowed = ", ".join(repr(choice) for choice in listed)
            raise QohortError(f"{owner}: `{name}` is {value!r}; choose one of {allowed}.")
