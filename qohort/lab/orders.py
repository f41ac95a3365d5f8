"""The nearest monotone table when nobody says in which order the actions are: branch and bound over partial orders.

A table is monotone if each agent's actions can be put in an order along which it never falls. For known orders the
nearest one is a projection (`cones`); there are A! orders for each agent. A partial order asks for less than each of
its completions, so its projection is a lower bound for all of them. The search begins without any relation, takes the
node with the lowest bound, and where its table contradicts itself (of two actions neither is worth less everywhere)
tries both relations. A node whose table already fits some completion is exact for it: projections are unique, so no
other nearest table hides below. What the search returns is exact, ties included, unless its budget ends first.
Nodes come with growing bounds, so if it ends among ties the error is exact and only some of the tables are missing.
"""

import dataclasses
import heapq
import itertools
import time

import numpy as np
from jaxtyping import Float

from qohort.lab.cones import SAME, Relations, nearest

NODES, SECONDS = 20_000, 60.0
"""The budget of one search."""

_EQUAL = 1e-6
"""Tables that differ by less than this share of the greatest entry are one."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """What was found."""

    tables: tuple[Float[np.ndarray, "..."], ...]
    """The nearest tables; several if they are equally near."""
    squared_error: float
    """Of each of them, over all entries."""
    bound: float
    """No table of this kind comes nearer than this; equal to `squared_error` if that is proven."""
    ended: bool = True
    """Whether the search came to its end; if not, there may be more tables that are as near."""


def search(
    payoff: Float[np.ndarray, "..."], *, supermodular: bool, nodes: int = NODES, seconds: float = SECONDS
) -> Search:
    """The nearest tables that are monotone for some order of each agent's actions.

    Args:
        payoff: `[A1, ..., AN]`.
        supermodular: whether mixed second differences along these orders must not be negative either.
        nodes: after so many partial orders the search gives up.
        seconds: after so long, too.
    """
    until, numbers = time.monotonic() + seconds, itertools.count()
    scale = max(1.0, float(np.abs(payoff).max()))
    slack = SAME * max(1.0, float((payoff**2).sum()))
    nothing = [np.zeros((count, count), bool) for count in payoff.shape]
    heap = [(0.0, next(numbers), nothing, payoff.astype(np.float64))]
    best, incumbent, ties, seen = np.inf, payoff, [], 0
    while heap and heap[0][0] <= best + slack:
        if seen >= nodes or time.monotonic() > until:
            bound = heap[0][0] if heap[0][0] < best - slack else best
            return Search(tables=tuple(ties) or (incumbent,), squared_error=best, bound=bound, ended=False)
        bound, _, relations, table = heapq.heappop(heap)
        seen += 1
        orders = [_completed(relation, table, agent) for agent, relation in enumerate(relations)]
        pair = _contradiction(table, relations, orders, supermodular=supermodular, slack=SAME * scale)
        if pair is None:
            if bound < best:
                best, incumbent = bound, table
            if not any(np.abs(table - other).max() < _EQUAL * scale for other in ties):
                ties.append(table)
            continue
        complete = nearest(payoff, [_chain(order) for order in orders], supermodular=supermodular)
        error = float(((complete - payoff) ** 2).sum())
        if error < best:
            best, incumbent = error, complete
        for low, high in (pair[1:], pair[:0:-1]):
            further = [_joined(r, low, high) if agent == pair[0] else r for agent, r in enumerate(relations)]
            nearer = nearest(payoff, further, supermodular=supermodular)
            bound = float(((nearer - payoff) ** 2).sum())
            if bound <= best + slack:
                heapq.heappush(heap, (bound, next(numbers), further, nearer))
    return Search(tables=tuple(ties) or (incumbent,), squared_error=best, bound=best)


def _contradiction(
    table: np.ndarray, relations: Relations, orders: list[list[int]], *, supermodular: bool, slack: float
) -> tuple[int, int, int] | None:
    """An agent and two of its actions without a relation, between which the table cannot decide; None if it can."""
    worst, found = slack**2, None
    for agent, relation in enumerate(relations):
        rows = np.moveaxis(table, agent, 0).reshape(table.shape[agent], -1)
        for one, other in itertools.combinations(range(len(rows)), 2):
            if not (relation[one, other] or relation[other, one]):
                rise = rows[other] - rows[one]
                both = min(float((np.minimum(rise, 0) ** 2).sum()), float((np.maximum(rise, 0) ** 2).sum()))
                if both > worst:
                    worst, found = both, (agent, one, other)
    if found is not None or not supermodular:
        return found
    ordered, least = table[np.ix_(*orders)], -slack
    for one, other in itertools.combinations(range(table.ndim), 2):
        mixed = np.diff(np.diff(ordered, axis=one), axis=other)
        if mixed.size and mixed.min() < least:
            at = np.unravel_index(int(mixed.argmin()), mixed.shape)
            pairs = [(agent, *orders[agent][int(at[agent]) : int(at[agent]) + 2]) for agent in (one, other)]
            undecided = [(agent, a, b) for agent, a, b in pairs if not relations[agent][a, b]]
            if undecided:
                least, found = float(mixed.min()), undecided[0]
    return found


def _completed(relation: np.ndarray, table: np.ndarray, agent: int) -> list[int]:
    """An order that keeps the relations and otherwise follows the mean of what an action brings."""
    others = tuple(axis for axis in range(table.ndim) if axis != agent)
    means = table.mean(axis=others)
    order: list[int] = []
    left = list(range(len(means)))
    while left:
        free = [action for action in left if not any(relation[other, action] for other in left)]
        order.append(min(free, key=lambda action: means[action]))
        left.remove(order[-1])
    return order


def _chain(order: list[int]) -> np.ndarray:
    """The relations of a complete order."""
    place = np.argsort(order)
    return place[:, None] < place[None, :]


def _joined(relation: np.ndarray, low: int, high: int) -> np.ndarray:
    """One relation more, and what follows from it."""
    below = relation[:, low] | (np.arange(len(relation)) == low)
    above = relation[high] | (np.arange(len(relation)) == high)
    return relation | (below[:, None] & above[None, :])
