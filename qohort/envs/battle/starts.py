"""What SMACv2 draws for an episode: teams by weights, and starts that are mirrored or surrounded.

Everything is a function of uniform numbers below 1, which are drawn all at once.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

GROUPS = 4
"""The most groups that surround the allies, one on each diagonal."""
NEAREST = 2.0
"""How far from the middle of the map, in both directions, a surrounding group is at least."""


class Points(NamedTuple):
    """Where units are created, before they make room for each other."""

    x: Float[Array, " n"]
    y: Float[Array, " n"]
    group: Int[Array, " n"]
    """Units of one group share a point."""


def drawn_team(
    uniform: Float[Array, " size"], first: Float[Array, ""], weights: Float[Array, " k"], alone: Bool[Array, " k"]
) -> Int[Array, " size"]:
    """Places in the table of kinds, independently drawn, under the condition that not all are of kinds `alone`.

    SMACv2 draws teams until one satisfies the condition. The same distribution without a loop: draw where the first
    unit of another kind stands, a geometric number below the size; before it stand units `alone`, after it any.

    Args:
        uniform: one number for each unit.
        first: one for the place of the first unit that may not be missing.
        weights: how probable each kind is; they need not add up to one.
        alone: the kinds of which a team cannot consist alone.
    """
    place = jnp.arange(len(uniform))
    part = jnp.sum(jnp.where(alone, weights, 0.0)) / jnp.sum(weights)
    other = _chosen(first[None], (part ** place.astype(jnp.float32))[None])[0]
    allowed = (place[:, None] > other) | ((place[:, None] < other) == alone[None, :])
    return _chosen(uniform, jnp.where(allowed, weights[None, :], 0.0))


def _chosen(uniform: Float[Array, " n"], weights: Float[Array, "n k"]) -> Int[Array, " n"]:
    """One of k with its row's weights."""
    upto = jnp.cumsum(weights, axis=1)
    return jnp.sum(uniform[:, None] >= upto[:, :-1] / upto[:, -1:], axis=1, dtype=jnp.int32)


def mirrored_points(uniform: Float[Array, "2 m"], allies: int, enemies: int, size: tuple[int, int]) -> Points:
    """Allies anywhere in the west, short of the middle by one cell; enemies opposite; more enemies anywhere east.

    Args:
        uniform: two numbers for each ally and for each of the enemies that are more.
        allies: how many.
        enemies: how many.
        size: of the map.
    """
    width, height = map(float, size)
    x, y = uniform[0] * (width / 2 - 1), uniform[1] * height
    opposite = jnp.concatenate([width - x[:allies], (1 + uniform[0, allies:]) * (width / 2)])
    return Points(
        x=jnp.concatenate([x[:allies], opposite[:enemies]]),
        y=jnp.concatenate([y[:allies], y[:enemies]]),
        group=jnp.arange(allies + enemies),
    )


def surrounded_points(
    groups: Float[Array, ""],
    members: Float[Array, " E"],
    diagonals: Float[Array, "4"],
    near: Float[Array, "4"],
    *,
    allies: int,
    size: tuple[int, int],
) -> Points:
    """All allies in the middle; one to four groups of enemies, each somewhere on its own diagonal.

    Args:
        groups: a uniform number for how many groups there are.
        members: one for each enemy; how many belong to each group is multinomial.
        diagonals: one for each diagonal; their order assigns the diagonals to the groups.
        near: one for each group, 1 for the nearest place.
        allies: how many.
        size: of the map.
    """
    number = jnp.floor(groups * GROUPS) + 1
    member = jnp.floor(members * number)
    until = jnp.sum(member[None, :] <= jnp.arange(GROUPS)[:, None], axis=1)
    group = jnp.sum(jnp.arange(len(members))[:, None] >= until[None, :], axis=1)  # members are consecutive
    diagonal = jnp.sum(diagonals[:, None] > diagonals[None, :], axis=1)
    east, north = 2.0 * (diagonal % 2) - 1, 2.0 * (diagonal // 2) - 1
    width, height = map(float, size)
    x = width / 2 + east * (near * NEAREST + (1 - near) * width / 2)
    y = height / 2 + north * (near * NEAREST + (1 - near) * height / 2)
    middle = jnp.ones(allies)
    return Points(
        x=jnp.concatenate([middle * width / 2, x[group]]),
        y=jnp.concatenate([middle * height / 2, y[group]]),
        group=jnp.concatenate([jnp.full(allies, GROUPS), group]),
    )
