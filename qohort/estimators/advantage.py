"""Advantages of what was done, and the scale on which values are learnt.

Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation" (2016). The conventions
are those of `qohort.estimators.returns`.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from qohort.estimators.returns import outlook, td_lambda

BETA = 0.99999
"""How much of the moments is kept at each observation."""
LEAST_WEIGHT, LEAST_VARIANCE = 1e-5, 1e-2
"""Bounds of the published code: of what moments are divided by, and of the variance."""


def advantages(
    reward: Float[Array, "T B N"],
    values: Float[Array, "T1 B N"],
    *,
    first: Bool[Array, "T1 B"],
    terminated: Bool[Array, "T B"],
    truncated: Bool[Array, "T B"],
    valid: Bool[Array, "T B"],
    gamma: float,
    lambda_: float,
    bootstrap_time_limit: bool,
) -> tuple[Float[Array, "T B N"], Float[Array, "T B N"]]:
    """Generalised advantages A_t = Σ_l (γλ)^l δ_{t+l}, δ_t = r_t + γ V(s_{t+1}) − V(s_t), and their targets A_t + V.

    The sum ends with the episode and with the window; there the last δ looks ahead by its own value alone. After a time
    limit the frame that holds the state reached gives that value, and decides nothing itself. By eq. (16) of the paper
    A_t + V(s_t) is the λ-return, and that is how it is computed. Rows that are not valid are finite and meaningless.
    """
    discount, connected = outlook(
        first, terminated, truncated, valid, gamma=gamma, bootstrap_time_limit=bootstrap_time_limit
    )
    each = values[:-1]
    targets = td_lambda(
        reward,
        jnp.broadcast_to(discount[..., None], each.shape).astype(each.dtype),
        values[1:],
        connected=jnp.broadcast_to(connected[..., None], each.shape),
        lambda_=lambda_,
    )
    return targets - each, targets


class Moments(eqx.Module):
    """Running moments of value targets, which begin at zero: `weight` is how much of them has been filled."""

    mean: Float[Array, ""]
    square: Float[Array, ""]
    weight: Float[Array, ""]


def no_moments() -> Moments:
    """Before anything was observed."""
    # Separate arrays: a donated buffer must not be handed over twice.
    return Moments(*(jnp.zeros(()) for _ in range(3)))


def as_they_are() -> Moments:
    """Moments with mean 0 and deviation 1, for a critic that speaks on the reward's scale."""
    return Moments(jnp.zeros(()), jnp.ones(()), jnp.ones(()))


def observed(moments: Moments, values: Float[Array, "*rows"], counted: Bool[Array, "*rows"]) -> Moments:
    """Add one batch: each moment moves towards the mean over the rows that count, by 1 − β."""
    count = jnp.maximum(jnp.sum(counted), 1)
    known = jnp.where(counted, values, 0.0)

    def toward(old: Float[Array, ""], new: Float[Array, ""]) -> Float[Array, ""]:
        return BETA * old + (1 - BETA) * new

    return Moments(
        mean=toward(moments.mean, jnp.sum(known) / count),
        square=toward(moments.square, jnp.sum(known**2) / count),
        weight=toward(moments.weight, jnp.ones_like(moments.weight)),
    )


def centre_and_scale(moments: Moments) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and standard deviation, freed of the zeros that the moments began with."""
    weight = jnp.maximum(moments.weight, LEAST_WEIGHT)
    mean = moments.mean / weight
    return mean, jnp.sqrt(jnp.maximum(moments.square / weight - mean**2, LEAST_VARIANCE))


def normalised(moments: Moments, values: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Values of the reward's scale on the scale that the critic speaks."""
    mean, scale = centre_and_scale(moments)
    return (values - mean) / scale


def denormalised(moments: Moments, values: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """What the critic says on the reward's scale."""
    mean, scale = centre_and_scale(moments)
    return values * scale + mean


def standardised(values: Float[Array, "*rows"], counted: Bool[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Mean 0 and deviation 1 over the rows that count; the others are 0."""
    count = jnp.maximum(jnp.sum(counted), 1)
    mean = jnp.sum(jnp.where(counted, values, 0.0)) / count
    centred = jnp.where(counted, values - mean, 0.0)
    return centred / (jnp.sqrt(jnp.sum(centred**2) / count) + 1e-5)
