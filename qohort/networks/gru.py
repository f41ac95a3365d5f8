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

    @classmethod
    def draw(cls, inputs: int, hidden: int, key: PRNGKeyArray) -> "GRU":
        """PyTorch's initial weights: all are uniform within ±1/√hidden."""
        limit = hidden**-0.5
        shapes = [(hidden, inputs)] * 3 + [(hidden, hidden)] * 3 + [(hidden,)] * 6
        keys = jax.random.split(key, len(shapes))
        return cls(*(jax.random.uniform(k, s, minval=-limit, maxval=limit) for k, s in zip(keys, shapes, strict=True)))

    def __call__(
        self, h: Float[Array, "R H"], x: Float[Array, "T R I"], first: Bool[Array, "T R"]
    ) -> Float[Array, "T R H"]:
        """The states after each step; the state is zero before a step that is `first`."""
        return _unroll(self, h, x, first)


def _sigmoid(x: Float[Array, "R H"]) -> Float[Array, "R H"]:
    """Exactly the logistic function, in the form that compiles to fewer instructions."""
    return 0.5 + 0.5 * jnp.tanh(0.5 * x)


@jax.custom_vjp
def _unroll(gru: GRU, h: Float[Array, "R H"], x: Float[Array, "T R I"], first: Bool[Array, "T R"]) -> Array:
    """The recurrence.

    Its gradient is written by hand, because the one that JAX derives adds to the weights' gradients at every step:
    small products, each with a round trip through memory. Here the steps store only what the gates were, and each
    weight's gradient is one large product afterwards.

    Separate arrays for the gates matter too: slices of a joint product would keep the element-wise work from being
    fused. And so does reading x inside the step: what W_i x + b_i of all steps would take in memory costs more to
    write and to read than the few larger products save.
    """
    return _forward(gru, h, x, first)[0]


def _forward(
    gru: GRU, h: Float[Array, "R H"], x: Float[Array, "T R I"], first: Bool[Array, "T R"]
) -> tuple[Array, tuple]:
    weight_r = jnp.concatenate([gru.weight_ir, gru.weight_hr], axis=1).T
    weight_z = jnp.concatenate([gru.weight_iz, gru.weight_hz], axis=1).T
    bias_r, bias_z = gru.bias_ir + gru.bias_hr, gru.bias_iz + gru.bias_hz

    def step(h: Array, now: tuple[Array, Array]) -> tuple[Array, tuple[Array, ...]]:
        x, reset = now
        before = jnp.where(reset[:, None], 0, h)
        both = jnp.concatenate([x, before], axis=1)
        r = _sigmoid(both @ weight_r + bias_r[None])
        z = _sigmoid(both @ weight_z + bias_z[None])
        m = before @ gru.weight_hn.T + gru.bias_hn[None]
        n = jnp.tanh(x @ gru.weight_in.T + gru.bias_in[None] + r * m)
        h = n + z * (before - n)
        return h, (h, r, z, m, n)

    states, *gates = jax.lax.scan(step, h, (x, first))[1]
    return states, (gru, h, x, first, states, tuple(gates))


def _backward(kept: tuple, grad_states: Float[Array, "T R H"]) -> tuple[GRU, Array, Array, None]:
    """d_r, d_z, d_n are gradients with respect to what r's σ, z's σ and n's tanh received; d_m, to W_hn h + b_hn."""
    gru, h, x, first, states, gates = kept
    before = jnp.where(first[..., None], 0, jnp.concatenate([h[None], states[:-1]]))

    def step(grad_h: Array, now: tuple) -> tuple[Array, tuple[Array, ...]]:
        grad_state, reset, before, (r, z, m, n) = now
        grad_h = grad_h + grad_state
        d_n = grad_h * (1 - z) * (1 - n * n)
        d_z = grad_h * (before - n) * z * (1 - z)
        d_r = d_n * m * r * (1 - r)
        grad_h = grad_h * z + d_r @ gru.weight_hr + d_z @ gru.weight_hz + (d_n * r) @ gru.weight_hn
        return jnp.where(reset[:, None], 0, grad_h), (d_r, d_z, d_n)

    backwards = (grad_states, first, before, gates)
    grad_h, (d_r, d_z, d_n) = jax.lax.scan(step, jnp.zeros_like(h), backwards, reverse=True)
    d_m = d_n * gates[0]
    bias_r, bias_z, bias_in, bias_hn = (jnp.sum(d, axis=(0, 1)) for d in (d_r, d_z, d_n, d_m))
    grad_gru = GRU(
        weight_ir=_outer(d_r, x),
        weight_iz=_outer(d_z, x),
        weight_in=_outer(d_n, x),
        weight_hr=_outer(d_r, before),
        weight_hz=_outer(d_z, before),
        weight_hn=_outer(d_m, before),
        bias_ir=bias_r,
        bias_iz=bias_z,
        bias_in=bias_in,
        bias_hr=bias_r,
        bias_hz=bias_z,
        bias_hn=bias_hn,
    )
    grad_x = d_r @ gru.weight_ir + d_z @ gru.weight_iz + d_n @ gru.weight_in
    return grad_gru, grad_h, grad_x, None


def _outer(d: Float[Array, "T R H"], of: Float[Array, "T R I"]) -> Float[Array, "H I"]:
    return jnp.einsum("trh,tri->hi", d, of)


_unroll.defvjp(_forward, _backward)
