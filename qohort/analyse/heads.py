"""Heads of different seeds that look at the same things: heads have no order of their own, so it has to be found."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int

ROUNDS = 10
"""Turns of matching to the mean and taking the mean again; it settles after two or three."""


_hungarian = jax.jit(optax.assignment.hungarian_algorithm)


def assignment(cost: Float[np.ndarray, "K K"]) -> Int[np.ndarray, " K"]:
    """The column that each row is given so that the sum of costs is least (Hungarian method)."""
    rows, columns = _hungarian(jnp.asarray(cost, jnp.float32))
    found = np.empty(len(cost), np.int64)
    found[np.asarray(rows)] = np.asarray(columns)
    return found


def match(profiles: Float[np.ndarray, "S K F"]) -> Int[np.ndarray, "S K"]:
    """For each seed, which of its heads stands in each place, so that heads in one place are alike.

    Each seed is matched to the mean of all by the squared distance of profiles, beginning with the first seed.
    """
    order = np.tile(np.arange(profiles.shape[1]), (len(profiles), 1))
    centre = profiles[0]
    for _ in range(ROUNDS):
        before = order.copy()
        for seed, own in enumerate(profiles):
            order[seed] = assignment(((centre[:, None] - own[None]) ** 2).sum(axis=-1))
        centre = np.take_along_axis(profiles, order[..., None], axis=1).mean(axis=0)
        if (order == before).all():
            break
    return order


def agreement(profiles: Float[np.ndarray, "S K F"]) -> float:
    """How alike the heads in one place are: the mean cosine of all pairs of seeds; unknown for one seed."""
    length = np.linalg.norm(profiles, axis=-1, keepdims=True)
    unit = np.divide(profiles, length, out=np.zeros_like(profiles), where=length > 0)
    cosines = np.einsum("skf,tkf->stk", unit, unit)
    pairs = np.triu_indices(len(profiles), 1)
    return float(cosines[pairs].mean()) if len(profiles) > 1 else float("nan")
