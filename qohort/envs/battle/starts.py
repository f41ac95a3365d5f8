"""What SMACv2 draws for an episode: teams by weights, and starts that are mirrored or surrounded."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

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
    key: PRNGKeyArray, weights: Float[Array, " k"], alone: Bool[Array, " k"], size: int
) -> Int[Array, " size"]:
    """Places in the table of kinds, independently drawn, under the condition that not all are of kinds `alone`.

    SMACv2 draws teams until one satisfies the condition. The same distribution without a loop: draw where the first
    unit of another kind stands, which is a geometric number that must be less than `size`; before it stand units
    `alone`, after it any.
    """
    key_alone, key_other, key_mixed, key_first = jax.random.split(key, 4)
    weights = weights / jnp.sum(weights)
    part = jnp.sum(jnp.where(alone, weights, 0.0))
    first = _first_other(key_first, part, size)
    place = jnp.arange(size)
    is_alone = (place < first) | ((place > first) & jax.random.bernoulli(key_mixed, part, (size,)))
    of_alone = jax.random.categorical(key_alone, jnp.log(jnp.where(alone, weights, 0.0)), shape=(size,))
    of_others = jax.random.categorical(key_other, jnp.log(jnp.where(alone, 0.0, weights)), shape=(size,))
    return jnp.where(is_alone, of_alone, of_others)


def _first_other(key: PRNGKeyArray, part: Float[Array, ""], size: int) -> Int[Array, ""]:
    """A number below `size`, with probabilities that fall by the factor `part`."""
    chances = part ** jnp.arange(size, dtype=jnp.float32)
    return jax.random.categorical(key, jnp.log(chances))


def mirrored_points(key: PRNGKeyArray, allies: int, enemies: int, size: tuple[int, int]) -> Points:
    """Allies anywhere in the west, short of the middle by one cell; enemies opposite; more enemies anywhere east."""
    width, height = map(float, size)
    extra = max(enemies - allies, 0)
    at = jax.random.uniform(key, (2, allies + extra))
    x, y = at[0] * (width / 2 - 1), at[1] * height
    opposite = jnp.concatenate([width - x[:allies], width / 2 + at[0, allies:] * (width / 2)])
    return Points(
        x=jnp.concatenate([x[:allies], opposite[:enemies]]),
        y=jnp.concatenate([y[:allies], y[:enemies]]),
        group=jnp.arange(allies + enemies),
    )


def surrounded_points(key: PRNGKeyArray, allies: int, enemies: int, size: tuple[int, int]) -> Points:
    """All allies in the middle; one to four groups of enemies, each somewhere on its own diagonal."""
    key_groups, key_members, key_diagonals, key_far = jax.random.split(key, 4)
    groups = jax.random.randint(key_groups, (), 1, GROUPS + 1)
    member = jax.random.randint(key_members, (enemies,), 0, groups)
    until = jnp.sum(member[None, :] <= jnp.arange(GROUPS)[:, None], axis=1)
    group = jnp.sum(jnp.arange(enemies)[:, None] >= until[None, :], axis=1)  # members of a group are consecutive
    diagonal = jax.random.permutation(key_diagonals, GROUPS)
    east, north = 2.0 * (diagonal % 2) - 1, 2.0 * (diagonal // 2) - 1
    near = jax.random.uniform(key_far, (GROUPS,))
    width, height = map(float, size)
    x = width / 2 + east * (near * NEAREST + (1 - near) * width / 2)
    y = height / 2 + north * (near * NEAREST + (1 - near) * height / 2)
    middle = jnp.ones(allies)
    return Points(
        x=jnp.concatenate([middle * width / 2, x[group]]),
        y=jnp.concatenate([middle * height / 2, y[group]]),
        group=jnp.concatenate([jnp.full(allies, GROUPS), group]),
    )
