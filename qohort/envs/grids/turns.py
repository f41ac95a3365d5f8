"""Moving one after the other, computed all at once.

Whoever acts in turn depends only on those before it, so what a loop over turns gives is the one fixed point of a
map that treats everyone at once. Iterating the map finds it after as many rounds as the longest chain of people who
wait for each other, which is short however many there are; a round costs as much as there are people and cells.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

ALWAYS = jnp.iinfo(jnp.int32).max
NEVER = -1


def settled(round_: Callable[[Int[Array, "..."]], Int[Array, "..."]], start: Int[Array, "..."]) -> Int[Array, "..."]:
    """Apply a map until it changes nothing."""

    def changed(pair: tuple[Array, Array]) -> Bool[Array, ""]:
        return jnp.any(pair[0] != pair[1])

    def again(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        return pair[1], round_(pair[1])

    return jax.lax.while_loop(changed, again, (start, round_(start)))[1]


def in_turn(
    places: Int[Array, " n"],
    wishes: Int[Array, "n k"],
    turn: Int[Array, " n"],
    until: Int[Array, " P"],
    *,
    moving: Bool[Array, " n"],
    follow: bool = False,
) -> Int[Array, " n"]:
    """Where everyone is after each, in turn, has gone to the first of its wishes that is free.

    Args:
        places: where they are; no two of those moving in one cell.
        wishes: cells, the most wanted first; who finds none of them free stays.
        turn: when each acts, counted from 0; no two at once.
        until: for each cell, the turn at the end of which it gets free (`NEVER` is free already, `ALWAYS` stays
            taken). It speaks of all that is not moving here.
        moving: who takes part; the others are not on the board.
        follow: whether one who wants a cell lets the one there act first. Then a queue advances together; two
            that want to swap stay, and so does every ring.
    """
    cells, mine = until.shape[0], turn[:, None]
    here = jnp.where(moving, places, cells)
    first = jnp.full(cells, NEVER).at[here].set(turn, mode="drop")

    def round_(reached: Int[Array, " n"]) -> Int[Array, " n"]:
        stays = jnp.full(cells, NEVER).at[jnp.where(reached == places, here, cells)].set(turn, mode="drop")
        comes = jnp.full(cells, ALWAYS).at[jnp.where(moving, reached, cells)].min(turn, mode="drop")
        there = (stays[wishes] != NEVER) & (stays[wishes] != mine) if follow else first[wishes] > mine
        free = (until[wishes] < mine) & ~there & (comes[wishes] >= mine)
        chosen = jnp.take_along_axis(wishes, jnp.argmax(free, axis=1)[:, None], axis=1)[:, 0]
        return jnp.where(moving & free.any(axis=1), chosen, places)

    return settled(round_, places)
