"""A stretch of time cut into pieces, so that gradients reach back a few steps only."""

from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from qohort.networks.base import AbstractTeam, Carry, View
from qohort.networks.critic import Values
from qohort.spec import Observation

T = TypeVar("T")


class Batch(eqx.Module):
    """Pieces of a stretch next to each other: `L C ...`, where `C` counts pieces and environments."""

    seen: Observation
    last_action: Int[Array, "L C N"]
    first: Bool[Array, "L C"]
    actions: Int[Array, "L C N"]
    log_prob: Float[Array, "L C N"]
    """Of the actions, when they were chosen."""
    value: Float[Array, "L C N"]
    """What the critic said then, on its own scale."""
    advantage: Float[Array, "L C N"]
    target: Float[Array, "L C N"]
    """What it should have said, on the reward's scale."""
    acting: Bool[Array, "L C N"]
    """Where a living agent decided."""
    counted: Bool[Array, "L C N"]
    """Where the critic is taught."""
    memory: tuple[Carry, Carry]
    """What team and critic remembered before; an axis of length 1 stands for `L`."""


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


def unrolled(
    team: AbstractTeam,
    critic: Values,
    start: tuple[Carry, Carry],
    known: tuple[Observation, View, Bool[Array, "P L B"]],
) -> tuple[Any, Any]:
    """What team and critic remembered before each piece, and their logits, values and states, in pieces."""

    def read(memory: tuple[Carry, Carry], piece: tuple[Observation, View, Array]) -> tuple[Any, Any]:
        seen, view, first = piece
        out, team_memory = team(memory[0], view, first)
        values, states = critic(memory[1], seen, first)
        after = (team_memory, jax.tree.map(lambda leaf: leaf[-1], states))
        return after, (memory, (out.values, values, states))

    return jax.lax.scan(read, start, known)[1]
