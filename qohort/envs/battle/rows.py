"""Rows of units.

The mechanics are written for arrays whose first axis is the unit (or two units) and which may have further axes: many
battles side by side stand in the last one, where compiled loops run over them at full width (see `engine.advance`).
What is the same in all battles has length 1 there.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Shaped

Rows = TypeVar("Rows")

COMBINED = {"sum": jnp.add, "min": jnp.minimum, "max": jnp.maximum}
REDUCED = {"sum": jnp.sum, "min": jnp.min, "max": jnp.max}


def numbers(n: int, like: Shaped[Array, "..."]) -> Int[Array, "n ..."]:
    """The numbers of `n` units, with as many axes as another array."""
    return jnp.arange(n, dtype=jnp.int32).reshape(n, *(1,) * (like.ndim - 1))


def pick(rows: Shaped[Array, "m ..."], who: Int[Array, "n ..."]) -> Shaped[Array, "n ..."]:
    """The entries of the units with these numbers; of the first one where the number is negative."""
    return jnp.take_along_axis(rows, jnp.maximum(who, 0), axis=0, mode="promise_in_bounds")


def row(rows: Shaped[Array, "m ..."], number: Int[Array, ""]) -> Shaped[Array, "1 ..."]:
    """One unit's row, to stand beside all of another side."""
    return jax.lax.dynamic_slice_in_dim(rows, number, 1, axis=0)


def over(n: int, what: Callable[[Int[Array, ""]], tuple[Array, ...]], how: tuple[str, ...]) -> tuple[Array, ...]:
    """Sums, least or greatest values over `n` units, for each of others.

    On a CPU one unit after the other: a compiler that sees all pairs at once computes what belongs to single units
    again for each pair, several times slower. On other devices all at once.

    Args:
        n: how many units.
        what: for the number of a unit, what it contributes to each of the others.
        how: `sum`, `min` or `max`, for each result.
    """

    def in_turn() -> tuple[Array, ...]:
        def add(number: Int[Array, ""], so_far: tuple[Array, ...]) -> tuple[Array, ...]:
            pairs = zip(how, so_far, what(number), strict=True)
            return tuple(COMBINED[name](before, more) for name, before, more in pairs)

        shapes = jax.eval_shape(what, jnp.int32(0))
        start = tuple(jnp.full(each.shape, _neutral(name, each.dtype)) for name, each in zip(how, shapes, strict=True))
        return jax.lax.fori_loop(0, n, add, start)

    def at_once() -> tuple[Array, ...]:
        every = jax.vmap(what)(jnp.arange(n, dtype=jnp.int32))
        return tuple(REDUCED[name](all_of_them, axis=0) for name, all_of_them in zip(how, every, strict=True))

    return jax.lax.platform_dependent(cpu=in_turn, default=at_once)


def _neutral(how: str, dtype: np.dtype) -> float | int:
    """What changes nothing when it is combined with anything."""
    if how == "sum":
        return 0
    if np.issubdtype(dtype, np.floating):
        return float("inf") if how == "min" else float("-inf")
    limits = np.iinfo(dtype)
    return limits.max if how == "min" else limits.min


def part(rows: Rows, which: slice) -> Rows:
    """Some units' rows of what has one for each."""
    return jax.tree.map(lambda array: array[which], rows)
