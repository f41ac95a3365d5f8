"""Stochastic policies over discrete actions, of which some are available: what actor-critics are made of.

Logits become probabilities by a softmax over the available actions. Rows in which nothing is available (padding) stay
finite, and so do their gradients.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray


def masked_logits(logits: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"]) -> Float[Array, "*rows A"]:
    """Logits with the unavailable ones at −1e10, whose exponential is 0 beside any other."""
    return jnp.where(avail, logits, -1e10)


def log_probabilities(logits: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"]) -> Float[Array, "*rows A"]:
    """log π(a); about −1e10 for unavailable actions."""
    return jax.nn.log_softmax(masked_logits(logits, avail), axis=-1)


def entropy(logits: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"]) -> Float[Array, "*rows"]:
    """−Σ π(a) log π(a) over the available actions."""
    log_pi = jnp.where(avail, log_probabilities(logits, avail), 0.0)
    return -jnp.sum(jnp.where(avail, jnp.exp(log_pi), 0.0) * log_pi, axis=-1)


def sample(key: PRNGKeyArray, logits: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"]) -> Int[Array, "*rows"]:
    """One available action for each row, each with its probability."""
    return jax.random.categorical(key, masked_logits(logits, avail), axis=-1)


def floored(
    probabilities: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"], epsilon: Float[Array, "..."]
) -> Float[Array, "*rows A"]:
    """(1 − ε) π + ε / n for the n available actions, 0 for the others (Foerster et al. 2018).

    Args:
        probabilities: of a policy that gives unavailable actions nothing; else the result does not add up to 1.
        avail: what may be done.
        epsilon: one for all rows, or with the axes of `probabilities`, some of them of length 1.
    """
    count = jnp.maximum(jnp.sum(avail, axis=-1, keepdims=True), 1)
    return jnp.where(avail, (1 - epsilon) * probabilities + epsilon / count.astype(probabilities.dtype), 0.0)
