"""The exact truth about a tabular game: values, policies, and what kind of tables they are.

NumPy in double precision and independent of JAX: what learners are compared with should not share their
mistakes.
"""

import dataclasses
import itertools

import numpy as np
from jaxtyping import Bool, Float, Int

from qohort.envs.games.matrix import MatrixGame
from qohort.envs.games.tables import Tables
from qohort.envs.games.tabular import TabularGame
from qohort.errors import QohortError

TOLERANCE = 1e-10
SAME = 1e-6
"""Differences below this are rounding when a table is classified: games play in single precision."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """What the best team attains. Individual rewards are added up: the team is one."""

    q: Float[np.ndarray, "S ..."]
    """Value of a joint action under the best continuation; 0 in terminal states."""
    v: Float[np.ndarray, " S"]
    """Value of a state: the greatest of its `q`."""
    policy: Int[np.ndarray, "S N"]
    """A best joint action of each state, the first among equals."""
    additive: Bool[np.ndarray, " S"]
    """Whether `q` of a state is a sum of one utility for each agent."""
    monotone: Bool[np.ndarray, " S"]
    """Whether `q` of a state is monotone for some ordering of each agent's actions."""
    supermodular: Bool[np.ndarray, " S"]
    """Whether it is moreover supermodular in that ordering, as a QMIX mixer with one hidden layer demands."""
    igm: bool
    """Whether the team can be decentralised without loss: whether each agent has a function from what it
    sees to an action such that the joint action is a best one in every reachable state. Memory is not
    counted. Where everyone sees the state this always holds."""


def solve(game: Tables | TabularGame | MatrixGame, gamma: float) -> Solution:
    """Solve a game by value iteration over joint actions. The time limit is not part of the game.

    Args:
        game: the game, or its tables.
        gamma: the discount, at most 1; with 1 every way of playing must end.
    """
    if not 0.0 <= gamma <= 1.0:
        raise QohortError(f"`gamma` is {gamma:g}, but a discount is between 0 and 1.")
    known = game if isinstance(game, Tables) else game.tabular()
    q = _optimal_values(known, gamma)
    v = q.reshape(len(q), -1).max(1)
    best = [np.unravel_index(int(table.argmax()), table.shape) for table in q]
    return Solution(
        q=q,
        v=v,
        policy=np.array(best),
        additive=np.array([is_additive(table) for table in q]),
        monotone=np.array([is_monotone(table) for table in q]),
        supermodular=np.array([is_supermodular(table) for table in q]),
        igm=_decentralisable(known, q),
    )


def additive_projection(table: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The sum of one utility for each agent that is nearest to a table, all entries weighing the same.

    It is the sum of the marginal means, less the mean counted too often.
    """
    axes = range(table.ndim)
    marginals = [table.mean(axis=tuple(a for a in axes if a != axis), keepdims=True) for axis in axes]
    total = np.zeros_like(table, dtype=np.float64)
    for marginal in marginals:
        total = total + marginal
    return total - (table.ndim - 1) * table.mean()


def is_additive(table: Float[np.ndarray, "..."], tolerance: float = SAME) -> bool:
    """Whether a table is a sum of one utility for each agent."""
    return bool(np.abs(table - additive_projection(table)).max() <= tolerance * _scale(table))


def is_monotone(table: Float[np.ndarray, "..."], tolerance: float = SAME) -> bool:
    """Whether there are orderings of each agent's actions for which a table never falls.

    There are if and only if, for each agent, the slices belonging to its actions form a chain: of any two,
    one is nowhere below the other.
    """
    slack = tolerance * _scale(table)
    ordered = _ordered(table)
    return all((np.diff(ordered, axis=axis) >= -slack).all() for axis in range(table.ndim))


def is_supermodular(table: Float[np.ndarray, "..."], tolerance: float = SAME) -> bool:
    """Whether a table is monotone and all its mixed second differences are at least 0 in that ordering."""
    slack = tolerance * _scale(table)
    ordered = _ordered(table)
    pairs = itertools.combinations(range(table.ndim), 2)
    return is_monotone(table, tolerance) and all(
        (np.diff(np.diff(ordered, axis=a), axis=b) >= -slack).all() for a, b in pairs
    )


def _ordered(table: np.ndarray) -> np.ndarray:
    """Sort each agent's actions by the mean of their slices: if the slices form a chain, this is its order."""
    for axis in range(table.ndim):
        others = tuple(a for a in range(table.ndim) if a != axis)
        table = np.take(table, np.argsort(table.mean(axis=others), kind="stable"), axis=axis)
    return table


def _scale(table: np.ndarray) -> float:
    return max(1.0, float(np.abs(table).max()))


def _optimal_values(known: Tables, gamma: float, iterations: int = 200_000) -> np.ndarray:
    rewards = known.rewards.sum(0)
    rewards[known.terminal] = 0.0
    onward = known.transitions * ~known.terminal  # nothing follows a terminal state
    onward[known.terminal] = 0.0
    q, change = rewards, np.inf
    enough = TOLERANCE * (1.0 if gamma == 1.0 else min(1.0, (1.0 - gamma) / max(gamma, TOLERANCE)))
    for _ in range(iterations):
        v = q.reshape(len(q), -1).max(1)
        better = rewards + gamma * (onward @ v)
        change = np.abs(better - q).max()
        q = better
        if change <= max(enough, 4 * np.finfo(np.float64).eps * np.abs(q).max()):
            return q
    raise QohortError(
        f"The values still change by {change:g} after {iterations} iterations at gamma {gamma:g}. With gamma 1 every "
        "way of playing must end; use a smaller gamma."
    )


def _decentralisable(known: Tables, q: np.ndarray) -> bool:
    states = [int(s) for s in np.flatnonzero(_reachable(known) & ~known.terminal)]
    seen: dict[int, list[tuple[int, bytes]]] = {
        s: [(i, known.observations[s, i].tobytes()) for i in range(known.n_agents)] for s in states
    }
    best = {s: np.argwhere(q[s] >= q[s].max() - SAME * _scale(q[s])).tolist() for s in states}
    states.sort(key=lambda s: len(best[s]))

    def assign(rest: list[int], chosen: dict[tuple[int, bytes], int]) -> bool:
        if not rest:
            return True
        for actions in best[rest[0]]:
            told = dict(zip(seen[rest[0]], actions, strict=True))
            if all(chosen.get(what, action) == action for what, action in told.items()) and assign(
                rest[1:], chosen | told
            ):
                return True
        return False

    return assign(states, {})


def _reachable(known: Tables) -> np.ndarray:
    n_states = known.n_states
    leads = known.transitions.reshape(n_states, -1, n_states).max(1) > 0
    leads[known.terminal] = False
    reached = known.initial > 0
    for _ in range(n_states):
        reached = reached | leads[reached].any(0)
    return reached
