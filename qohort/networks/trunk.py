"""The network of the on-policy literature: layers with normalisation between them, on request with a memory.

    x → [LN] → (linear, ReLU, [LN]) × layers → [GRU, [LN]] → linear

Yu et al., "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games" (2022), for actors and critics alike;
LN is layer normalisation (Ba et al. 2016). Orthogonal weights have the gain √2 before rectified units and 1 in the GRU,
all of whose gates together are one matrix, as in PyTorch; biases are then 0. Otherwise weights are U(±1/√inputs).
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.networks.agent import affine
from qohort.networks.base import Carry
from qohort.networks.gru import GRU


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """What a trunk is built of; see the fields of the settings that have the same names."""

    hidden: int
    layers: int
    memory: bool
    input_norm: bool
    layer_norm: bool
    orthogonal: bool
    gain: float


class Trunk(eqx.Module):
    """The network, with its weights."""

    input_norm: eqx.nn.LayerNorm | None
    layers: tuple[eqx.nn.Linear, ...]
    norms: tuple[eqx.nn.LayerNorm, ...]
    gru: GRU | None
    gru_norm: eqx.nn.LayerNorm | None
    head: eqx.nn.Linear

    def __init__(self, shape: Shape, *, inputs: int, outputs: int, key: PRNGKeyArray) -> None:
        *keys, key_gru, key_head = jax.random.split(key, shape.layers + 2)
        sizes = (inputs, *(shape.hidden,) * shape.layers)
        self.input_norm = eqx.nn.LayerNorm(inputs) if shape.input_norm else None
        self.layers = tuple(
            _linear(size, shape.hidden, key, gain=2**0.5 if shape.orthogonal else None)
            for size, key in zip(sizes[:-1], keys, strict=True)
        )
        self.norms = tuple(eqx.nn.LayerNorm(shape.hidden) for _ in self.layers) if shape.layer_norm else ()
        self.gru = _gru(sizes[-1], shape.hidden, key_gru, orthogonal=shape.orthogonal) if shape.memory else None
        self.gru_norm = eqx.nn.LayerNorm(shape.hidden) if shape.memory and shape.layer_norm else None
        self.head = _linear(shape.hidden, outputs, key_head, gain=shape.gain if shape.orthogonal else None)

    def initial(self, rows: int) -> Carry:
        if self.gru is None:
            return ()
        return jnp.zeros((rows, self.gru.weight_hn.shape[-1]), self.gru.weight_hn.dtype)

    def __call__(
        self, carry: Carry, x: Float[Array, "T R I"], first: Bool[Array, "T R"]
    ) -> tuple[Float[Array, "T R O"], Float[Array, "T R H"], Carry]:
        """What the head says, what it was read from, and the memory after each step, with the axes `T R`."""
        x = x.astype(self.head.weight.dtype)
        if self.input_norm is not None:
            x = _normalised(self.input_norm, x)
        for index, layer in enumerate(self.layers):
            x = jax.nn.relu(_apply(layer, x))
            if self.norms:
                x = _normalised(self.norms[index], x)
        states: Carry = ()
        if self.gru is not None:
            states = self.gru(carry, x, first)
            x = states if self.gru_norm is None else _normalised(self.gru_norm, states)
        return _apply(self.head, x), x, states


def _apply(layer: eqx.nn.Linear, x: Float[Array, "T R I"]) -> Float[Array, "T R J"]:
    assert layer.bias is not None
    return affine(x, layer.weight, layer.bias)


def _normalised(norm: eqx.nn.LayerNorm, x: Float[Array, "T R H"]) -> Float[Array, "T R H"]:
    return jax.vmap(jax.vmap(norm))(x)


def _linear(inputs: int, outputs: int, key: PRNGKeyArray, *, gain: float | None) -> eqx.nn.Linear:
    linear = eqx.nn.Linear(inputs, outputs, key=key)
    if gain is None:
        return linear
    weight = jax.nn.initializers.orthogonal(gain)(key, (outputs, inputs))
    return eqx.tree_at(lambda held: (held.weight, held.bias), linear, (weight, jnp.zeros(outputs)))


def _gru(inputs: int, hidden: int, key: PRNGKeyArray, *, orthogonal: bool) -> GRU:
    drawn = GRU.draw(inputs, hidden, key)
    if not orthogonal:
        return drawn
    draw = jax.nn.initializers.orthogonal()
    into, between = (
        draw(key, (3 * hidden, size)) for key, size in zip(jax.random.split(key), (inputs, hidden), strict=True)
    )
    return GRU(*jnp.split(into, 3), *jnp.split(between, 3), *(jnp.zeros(hidden) for _ in range(6)))
