"""Hypernetworks: small networks whose output is the weights of another one.

Hidden layers have rectified units, in front of which layer normalisation (Ba et al. 2016) may stand.
Weights are (out, in), drawn from U(±1/√in) as PyTorch draws them, biases too.
"""

import abc
import itertools
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

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
    norms: tuple[eqx.nn.LayerNorm | None, ...]
    """One for each hidden layer."""

    def __init__(
        self, sizes: tuple[int, ...], key: PRNGKeyArray, *, last_bias: bool = True, norm: bool = False
    ) -> None:
        """Draw the weights; `sizes` runs from the input to the output, `norm` normalises the hidden units."""
        keys = jax.random.split(key, len(sizes) - 1)
        last = len(sizes) - 2
        self.layers = tuple(
            eqx.nn.Linear(inputs, outputs, use_bias=last_bias or i < last, key=keys[i])
            for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
        )
        self.norms = tuple(eqx.nn.LayerNorm(size) if norm else None for size in sizes[1:-1])

    def __call__(self, feed: Float[Array, " F"]) -> Float[Array, " W"]:
        for layer, norm in zip(self.layers[:-1], self.norms, strict=True):
            hidden = layer(feed)
            feed = jax.nn.relu(hidden if norm is None else norm(hidden))
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
