"""Mean 0 and variance 1: over a batch, and over all that was ever drawn."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

SLOWEST = 1e-3
"""With what rate a running mean follows in the long run."""


class Moments(eqx.Module):
    """Running means of values and of their squares."""

    mean: Float[Array, " M"]
    square: Float[Array, " M"]

    @property
    def variance(self) -> Float[Array, " M"]:
        """The mean square less the square of the mean."""
        return jnp.maximum(self.square - self.mean**2, 0.0)

    def normalised(self, values: Float[Array, "T B M"]) -> Float[Array, "T B M"]:
        """Less the mean, divided by the standard deviation."""
        return (values - self.mean[None, None]) / jnp.sqrt(self.variance + 1e-6)[None, None]


def followed(
    moments: Moments,
    values: Float[Array, "T B M"],
    valid: Bool[Array, "T B"],
    *,
    updates: Int[Array, ""],
    slowest: float = SLOWEST,
) -> Moments:
    """The moments after one more batch: a plain mean over the first 1 / `slowest` batches, then one that forgets."""
    share = _shares(valid, values.dtype)[..., None]
    values = jnp.where(valid[..., None], values, 0.0)
    now = Moments(jnp.sum(values * share, axis=(0, 1)), jnp.sum(values**2 * share, axis=(0, 1)))
    rate = jnp.maximum(1 / (updates + 1), slowest).astype(values.dtype)
    return jax.tree.map(lambda old, new: old + rate * (new - old), moments, now)


def mean(values: Float[Array, "*rows"], counted: Bool[Array, "*rows"]) -> Float[Array, ""]:
    """The mean over the rows that count; what stands in the others does not matter."""
    return jnp.sum(jnp.where(counted, values, 0.0)) / jnp.maximum(jnp.sum(counted), 1)


def standardised(rows: Float[Array, "T B N F"], valid: Bool[Array, "T B"]) -> Float[Array, "T B N F"]:
    """Each feature of each agent with mean 0 and variance 1 over the valid rows.

    It is the batch normalisation of Ioffe and Szegedy (2015), without scale and shift of its own.
    """
    share = _shares(valid, rows.dtype)[..., None, None]
    mean = jnp.sum(rows * share, axis=(0, 1), keepdims=True)
    variance = jnp.sum((rows - mean) ** 2 * share, axis=(0, 1), keepdims=True)
    return (rows - mean) / jnp.sqrt(variance + 1e-5)


def _shares(valid: Bool[Array, "T B"], dtype: jax.typing.DTypeLike) -> Float[Array, "T B"]:
    return valid.astype(dtype) / jnp.maximum(jnp.sum(valid), 1).astype(dtype)
