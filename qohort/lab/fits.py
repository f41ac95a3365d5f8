"""What each class of mixers can represent of a payoff table, exactly."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from qohort.envs.games.solve import additive_projection
from qohort.lab.orders import Search, search

Kind = Literal["additive", "supermodular", "monotone", "igm"]

KINDS: dict[Kind, str] = {
    "additive": "sums of one utility for each agent",
    "supermodular": "monotone, with mixed second differences that are never negative, in some order of actions",
    "monotone": "never falling along some order of each agent's actions",
    "igm": "a best joint action made of each agent's own best action",
}
"""From the narrowest class to the widest."""

_TIE = 1e-6
"""Entries this near to the greatest, as a share of it, are as good."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """The tables of one class that are nearest to a payoff."""

    kind: Kind
    tables: tuple[Float[np.ndarray, "..."], ...]
    """Several if they are equally near."""
    squared_error: float
    """Over all joint actions."""
    bound: float
    """What no table of the class falls below; less than `squared_error` if the search for orders was given up early."""
    ended: bool
    """Whether `tables` has all that are as near; the search for orders may be given up while it gathers them."""
    greedy: tuple[float, ...]
    """Every payoff that a best joint action of these tables may bring, from the least on."""

    @property
    def exact(self) -> bool:
        """Whether it is proven that no table of the class is nearer."""
        return self.bound >= self.squared_error


def fit(payoff: Float[np.ndarray, "..."], kind: Kind) -> Fit:
    """The nearest tables of a class.

    Every table has IGM with utilities that prefer one of its best joint actions strictly, so the nearest one is the
    payoff itself. If there are several best joint actions, no utilities can be indifferent between just these
    unless they are all combinations of some actions (`best_combine`).
    """
    if kind == "additive":
        found = _exactly(payoff, additive_projection(payoff))
    elif kind == "igm":
        found = _exactly(payoff, payoff)
    else:
        found = search(payoff, supermodular=kind == "supermodular")
    brought = np.concatenate([payoff[best_actions(table)] for table in found.tables])
    return Fit(
        kind=kind,
        tables=found.tables,
        squared_error=found.squared_error,
        bound=found.bound,
        ended=found.ended,
        greedy=tuple(np.unique(brought).tolist()),
    )


def best_actions(table: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    """Which joint actions are as good as the best."""
    return table >= table.max() - _TIE * max(1.0, float(np.abs(table).max()))


def best_combine(table: Float[np.ndarray, "..."]) -> bool:
    """Whether the best joint actions are all combinations of some actions of each agent."""
    best = best_actions(table)
    everyone = np.ones_like(best)
    for agent in range(best.ndim):
        others = tuple(axis for axis in range(best.ndim) if axis != agent)
        everyone &= best.any(axis=others, keepdims=True)
    return bool((best == everyone).all())


def _exactly(payoff: np.ndarray, table: np.ndarray) -> Search:
    error = float(((table - payoff) ** 2).sum())
    return Search(tables=(table,), squared_error=error, bound=error)
