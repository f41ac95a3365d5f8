"""The gated recurrent unit in PyTorch's form, with one array per gate.

    r = σ(W_ir x + b_ir + W_hr h + b_hr)
    z = σ(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
    h' = (1 − z) ⊙ n + z ⊙ h

Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder" (2014), with PyTorch's place for r and its two
bias vectors. Both biases are kept because an optimiser moves b_ir + b_hr twice as far as it would move their sum.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.networks.agent import affine

Gates = tuple[Array, Array, Array]
"""Something for r, for z and for n."""
Recurrence = tuple[Array, Array, Array, Array]
"""W_hr, W_hz, W_hn and b_hn."""


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


def _sigmoid(x: Float[Array, "R H"]) -> Float[Array, "R H"]:
    """Exactly the logistic function, in the form that compiles to fewer instructions."""
    return 0.5 + 0.5 * jnp.tanh(0.5 * x)


@jax.custom_vjp
def _unroll(weights: Recurrence, inputs: Gates, first: Bool[Array, "T R"], h: Float[Array, "R H"]) -> Array:
    """The recurrence; `inputs` are what the gates get from outside, all biases but b_hn included.

    Its gradient is written by hand, because the one that JAX derives adds to the weights' gradients at every step:
    small products, each with a round trip through memory. Here the steps only store what the gates received, and each
    weight's gradient is one large product afterwards. Separate arrays for the gates matter for the same reason: slices
    of a joint product would keep the element-wise work from being fused.
    """
    return _forward(weights, inputs, first, h)[0]


def _forward(
    weights: Recurrence, inputs: Gates, first: Bool[Array, "T R"], h: Float[Array, "R H"]
) -> tuple[Array, tuple]:
    weight_r, weight_z, weight_n, bias_n = weights

    def step(h: Array, now: tuple[Gates, Array]) -> tuple[Array, tuple[Array, ...]]:
        (in_r, in_z, in_n), reset = now
        before = jnp.where(reset[:, None], 0, h)
        r = _sigmoid(in_r + before @ weight_r.T)
        z = _sigmoid(in_z + before @ weight_z.T)
        m = before @ weight_n.T + bias_n[None]
        n = jnp.tanh(in_n + r * m)
        h = n + z * (before - n)
        return h, (h, r, z, m, n)

    states, *gates = jax.lax.scan(step, h, (inputs, first))[1]
    return states, (weights, first, h, states, tuple(gates))


def _backward(kept: tuple, grad_states: Float[Array, "T R H"]) -> tuple[Recurrence, Gates, None, Array]:
    """Gradients d of the loss: d_r, d_z, d_n with respect to what r's σ, z's σ and n's tanh received."""
    (weight_r, weight_z, weight_n, _), first, h, states, gates = kept
    before = jnp.where(first[..., None], 0, jnp.concatenate([h[None], states[:-1]]))

    def step(grad_h: Array, now: tuple) -> tuple[Array, Gates]:
        grad_state, reset, before, (r, z, m, n) = now
        grad_h = grad_h + grad_state
        d_n = grad_h * (1 - z) * (1 - n * n)
        d_z = grad_h * (before - n) * z * (1 - z)
        d_r = d_n * m * r * (1 - r)
        grad_h = grad_h * z + d_r @ weight_r + d_z @ weight_z + (d_n * r) @ weight_n
        return jnp.where(reset[:, None], 0, grad_h), (d_r, d_z, d_n)

    backwards = (grad_states, first, before, gates)
    grad_h, (d_r, d_z, d_n) = jax.lax.scan(step, jnp.zeros_like(h), backwards, reverse=True)
    d_m = d_n * gates[0]
    grad_r, grad_z, grad_n = (jnp.einsum("trh,tri->hi", d, before) for d in (d_r, d_z, d_m))
    return (grad_r, grad_z, grad_n, jnp.sum(d_m, axis=(0, 1))), (d_r, d_z, d_n), None, grad_h


_unroll.defvjp(_forward, _backward)
