"""The gated recurrent unit in PyTorch's form, with one array per gate.

    r = σ(W_ir x + b_ir + W_hr h + b_hr)
    z = σ(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
    h' = (1 − z) ⊙ n + z ⊙ h

Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder" (2014), with PyTorch's place for r and its two
bias vectors. Both biases are kept because an optimiser moves b_ir + b_hr twice as far as it would move their sum.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.networks.agent import affine


class GRU(eqx.Module):
    weight_ir: Float[Array, "H I"]
    weight_iz: Float[Array, "H I"]
    weight_in: Float[Array, "H I"]
    weight_hr: Float[Array, "H H"]
    weight_hz: Float[Array, "H H"]
    weight_hn: Float[Array, "H H"]
    bias_ir: Float[Array, " H"]
    bias_iz: Float[Array, " H"]
    bias_in: Float[Array, " H"]
    bias_hr: Float[Array, " H"]
    bias_hz: Float[Array, " H"]
    bias_hn: Float[Array, " H"]

    def __init__(self, inputs: int, hidden: int, *, key: PRNGKeyArray) -> None:
        keys = iter(jax.random.split(key, 12))
        limit = hidden**-0.5

        def draw(*shape: int) -> Array:
            return jax.random.uniform(next(keys), shape, minval=-limit, maxval=limit)

        self.weight_ir, self.weight_iz, self.weight_in = (draw(hidden, inputs) for _ in range(3))
        self.weight_hr, self.weight_hz, self.weight_hn = (draw(hidden, hidden) for _ in range(3))
        self.bias_ir, self.bias_iz, self.bias_in = (draw(hidden) for _ in range(3))
        self.bias_hr, self.bias_hz, self.bias_hn = (draw(hidden) for _ in range(3))

    def __call__(
        self, h: Float[Array, "R H"], x: Float[Array, "T R I"], first: Bool[Array, "T R"]
    ) -> Float[Array, "T R H"]:
        """The states after each step; the state is zero before a step that is `first`."""
        inputs = (
            affine(x, self.weight_ir, self.bias_ir + self.bias_hr),
            affine(x, self.weight_iz, self.bias_iz + self.bias_hz),
            affine(x, self.weight_in, self.bias_in),
        )
        weights = (self.weight_hr, self.weight_hz, self.weight_hn, self.bias_hn)
        return _unroll(weights, inputs, first, h)


def _sigmoid(x: Array) -> Array:
    """Exactly the logistic function, in the form that compiles to fewer instructions."""
    return 0.5 + 0.5 * jnp.tanh(0.5 * x)


def _unroll(weights: Any, inputs: Any, first: Array, h: Array) -> Array:
    weight_r, weight_z, weight_n, bias_n = weights

    def step(h: Array, now: Any) -> tuple[Array, Array]:
        in_r, in_z, in_n, reset = now
        h = jnp.where(reset[:, None], 0, h)
        r = _sigmoid(in_r + h @ weight_r.T)
        z = _sigmoid(in_z + h @ weight_z.T)
        n = jnp.tanh(in_n + r * (h @ weight_n.T + bias_n[None, :]))
        h = n + z * (h - n)
        return h, h

    return jax.lax.scan(step, h, (*inputs, first))[1]
