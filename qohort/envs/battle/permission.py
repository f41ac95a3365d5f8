"""SMACv2's hidden enemies: whoever sees an enemy first may see it; of the others only some may.

Ellis et al. 2023, section 5.2 ("extended partial observability").
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.battle.orders import NOBODY

WORD = 32


class Permission(eqx.Module):
    """Who may see which enemy. Snapshots hold `packed` only."""

    owner: Int[Array, " E"]
    """Who has seen an enemy first, or `NOBODY`."""
    packed: Int[Array, " W"]
    """The bits of a matrix A by E."""


def no_permission(n_allies: int, n_enemies: int) -> Permission:
    """Nobody has seen anybody."""
    words = -(-n_allies * n_enemies // WORD)
    return Permission(owner=jnp.full(n_enemies, NOBODY, jnp.int32), packed=jnp.zeros(words, jnp.int32))


def pack(may: Bool[Array, "A E"]) -> Int[Array, " W"]:
    """A matrix of bits as words, agents first."""
    bits = may.ravel()
    bits = jnp.pad(bits, (0, -bits.size % WORD)).reshape(-1, WORD)
    return jnp.sum(bits.astype(jnp.int32) << np.arange(WORD, dtype=np.int32)[None, :], axis=1, dtype=jnp.int32)


def unpack(packed: Int[Array, " W"], n_allies: int, n_enemies: int) -> Bool[Array, "A E"]:
    bits = (packed[:, None] >> np.arange(WORD, dtype=np.int32)[None, :]) & 1
    return bits.ravel()[: n_allies * n_enemies].reshape(n_allies, n_enemies) > 0


def permit(
    key: PRNGKeyArray,
    before: Permission,
    *,
    sees: Bool[Array, "A E"],
    alive: Bool[Array, " n"],
    probability: Float[Array, ""] | float,
) -> Permission:
    """Forget dead enemies and those whose owner is dead, then let those who see a forgotten or new one own it.

    Agents look in random order, so that the first to see an enemy is any of those who see it at once. Each of the
    others may see it too with the given probability, which is drawn when it gets its owner.

    Differences from SMACv2: all agents look before the first of them is shown anything. There, what an agent is shown
    in the very step in which an enemy is discovered depends on the order.

    Args:
        key: for the order and the draws.
        before: before this step.
        sees: whether agents look at enemies; also at dead ones, whose discovery matters with `unseen_enemy_blanks`.
        alive: of all units.
        probability: that another agent may see an enemy as well.
    """
    n_allies, n_enemies = sees.shape
    may = unpack(before.packed, n_allies, n_enemies)
    owner_lives = (before.owner != NOBODY) & alive[:n_allies][before.owner]
    kept = owner_lives & alive[n_allies:]

    order_key, draw_key = jax.random.split(key)
    turn = jax.random.permutation(order_key, n_allies)
    first = jnp.argmin(jnp.where(sees, turn[:, None], n_allies), axis=0).astype(jnp.int32)
    found = jnp.any(sees, axis=0) & ~kept
    allowed = jax.random.uniform(draw_key, sees.shape) < probability
    owns = np.arange(n_allies)[:, None] == first[None, :]
    may = jnp.where(found[None, :], owns | allowed, may & kept[None, :])
    owner = jnp.where(found, first, jnp.where(kept, before.owner, NOBODY))
    return Permission(owner=owner, packed=pack(may))
