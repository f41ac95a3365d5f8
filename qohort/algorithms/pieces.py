"""A stretch of time cut into pieces, so that gradients reach back a few steps only."""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

T = TypeVar("T")


def in_pieces(tree: T, length: int, pieces: int) -> T:
    """`T B ...` as `P L B ...`; rows that are missing at the end are zero."""

    def cut(leaf: Array) -> Array:
        missing = pieces * length - leaf.shape[0]
        padded = jnp.pad(leaf, ((0, missing), *((0, 0),) * (leaf.ndim - 1)))
        return padded.reshape(pieces, length, *leaf.shape[1:])

    return jax.tree.map(cut, tree)


def joined(leaf: Shaped[Array, "P L B ..."]) -> Shaped[Array, "T B ..."]:
    """The pieces one after the other."""
    return leaf.reshape(-1, *leaf.shape[2:])


def side_by_side(tree: T) -> T:
    """`P L B ...` as `L C ...`: pieces become columns, those of all environments after each other."""

    def turn(leaf: Array) -> Array:
        pieces, length, batch, *rest = leaf.shape
        return jnp.moveaxis(leaf, 0, 1).reshape(length, pieces * batch, *rest)

    return jax.tree.map(turn, tree)
