"""The scale on which values are learnt: running moments of their targets, as van Hasselt et al. (2016) keep them."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from qohort.estimators.moments import mean

BETA = 0.99999
"""How much of the moments is kept at each observation."""
LEAST_WEIGHT, LEAST_VARIANCE = 1e-5, 1e-2
"""Bounds of the published code: of what moments are divided by, and of the variance."""


class ValueScale(eqx.Module):
    """Running moments of value targets, which begin at zero: `weight` is how much of them has been filled."""

    mean: Float[Array, ""]
    square: Float[Array, ""]
    weight: Float[Array, ""]


def no_moments() -> ValueScale:
    """Before anything was observed."""
    # Separate arrays: a donated buffer must not be handed over twice.
    return ValueScale(*(jnp.zeros(()) for _ in range(3)))


def as_they_are() -> ValueScale:
    """Moments with mean 0 and deviation 1, for a critic that speaks on the reward's scale."""
    return ValueScale(jnp.zeros(()), jnp.ones(()), jnp.ones(()))


def observed(moments: ValueScale, values: Float[Array, "*rows"], counted: Bool[Array, "*rows"]) -> ValueScale:
    """Add one batch: each moment moves towards the mean over the rows that count, by 1 − β."""

    def toward(old: Float[Array, ""], new: Float[Array, ""]) -> Float[Array, ""]:
        return BETA * old + (1 - BETA) * new

    return ValueScale(
        mean=toward(moments.mean, mean(values, counted)),
        square=toward(moments.square, mean(values**2, counted)),
        weight=toward(moments.weight, jnp.ones_like(moments.weight)),
    )


def centre_and_scale(moments: ValueScale) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and standard deviation, freed of the zeros that the moments began with."""
    weight = jnp.maximum(moments.weight, LEAST_WEIGHT)
    centre = moments.mean / weight
    return centre, jnp.sqrt(jnp.maximum(moments.square / weight - centre**2, LEAST_VARIANCE))


def normalised(moments: ValueScale, values: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Values of the reward's scale on the scale that the critic speaks."""
    centre, scale = centre_and_scale(moments)
    return (values - centre) / scale


def denormalised(moments: ValueScale, values: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """What the critic says on the reward's scale."""
    centre, scale = centre_and_scale(moments)
    return values * scale + centre
