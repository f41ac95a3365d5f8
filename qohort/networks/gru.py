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


Recurrence = tuple[Array, Array, Array, Array]
Gates = tuple[Array, Array, Array]


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


@jax.custom_vjp
def _unroll(weights: Recurrence, inputs: Gates, first: Array, h: Array) -> Array:
    return _forward(weights, inputs, first, h)[0]


def _forward(weights, inputs, first, h):
    weight_r, weight_z, weight_n, bias_n = weights

    def step(h: Array, now: Any) -> tuple[Array, Any]:
        (in_r, in_z, in_n), reset = now
        p = jnp.where(reset[:, None], 0, h)
        r = _sigmoid(in_r + p @ weight_r.T)
        z = _sigmoid(in_z + p @ weight_z.T)
        a = p @ weight_n.T + bias_n[None]
        n = jnp.tanh(in_n + r * a)
        h = n + z * (p - n)
        return h, (h, r, z, a, n)

    states, *gates = jax.lax.scan(step, h, (inputs, first))[1]
    return states, (weights, first, h, states, gates)


def _backward(kept, g):
    weights, first, h, states, (r, z, a, n) = kept
    weight_r, weight_z, weight_n, _ = weights
    before = jnp.where(first[..., None], 0, jnp.concatenate([h[None], states[:-1]]))

    def step(dh, now):
        g, reset, p, r, z, a, n = now
        d = g + dh
        dn = d * (1 - z) * (1 - n * n)
        dz = d * (p - n) * z * (1 - z)
        dr = dn * a * r * (1 - r)
        dp = d * z + dr @ weight_r + dz @ weight_z + (dn * r) @ weight_n
        return jnp.where(reset[:, None], 0, dp), (dr, dz, dn)

    dh, (dr, dz, dn) = jax.lax.scan(step, jnp.zeros_like(h), (g, first, before, r, z, a, n), reverse=True)
    da = dn * r
    dot = lambda d: jnp.einsum("trh,tri->hi", d, before)
    return (dot(dr), dot(dz), dot(da), da.sum((0, 1))), (dr, dz, dn), None, dh


_unroll.defvjp(_forward, _backward)
