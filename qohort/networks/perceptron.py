"""A perceptron: linear layers with rectified units between them.

In front of the units layer normalisation (Ba et al. 2016) may stand. Weights are (out, in), drawn from U(±1/√in) as
PyTorch draws them, biases too.
"""

import itertools

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray


class Perceptron(eqx.Module):
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

    def __call__(self, inputs: Float[Array, " I"]) -> Float[Array, " O"]:
        for layer, norm in zip(self.layers[:-1], self.norms, strict=True):
            hidden = layer(inputs)
            inputs = jax.nn.relu(hidden if norm is None else norm(hidden))
        return self.layers[-1](inputs)
