"""The nearest table that keeps inequalities between its entries: projection onto a polyhedral cone.

The tables T with D T ≥ 0 are a convex cone, so the nearest one to a table Y is unique. By duality it is Y + Dᵀμ, where
μ ≥ 0 minimises ‖Y + Dᵀμ‖ (Moreau 1962): a non-negative least-squares problem, which an active-set method solves in
finitely many steps and exactly but for rounding (Lawson and Hanson 1974; `scipy.optimize.nnls`, and SciPy comes with
JAX). Rows of D are taken in when they are violated, since few of them matter.

Where rows of D depend on each other, as on tables of few different numbers, `nnls` may stop at a μ that is not the
best. So no T = Y + Dᵀμ is believed unproven: if D T ≥ 0, its squared error is above the least one by at most
2 (T − Y)·T, the gap between the problem and its dual. Where there is a gap, bounded least squares solve anew, more
slowly (Stark and Parker 1995; `scipy.optimize.lsq_linear`).

With monotonicity alone this is isotonic regression over a partial order of the joint actions.
"""

import contextlib
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import lsq_linear, nnls

from qohort.errors import QohortError

Relations = Sequence[Bool[np.ndarray, "_ _"]]
"""For each agent a partial order of its actions, transitively closed: `[a, b]` says that b is worth no less than a."""

SAME = 1e-9
"""Differences below this share of a table's greatest entry are rounding."""


def nearest(payoff: Float[np.ndarray, "..."], relations: Relations, *, supermodular: bool) -> Float[np.ndarray, "..."]:
    """The table nearest to a payoff that keeps the relations; all entries weigh the same.

    Args:
        payoff: `[A1, ..., AN]`.
        relations: what is known of each agent's order.
        supermodular: whether mixed second differences along the relations must not be negative either.
    """
    places, signs = constraints(payoff.shape, relations, supermodular=supermodular)
    values = payoff.ravel().astype(np.float64)
    found, slack = values, SAME * max(1.0, float(np.abs(values).max()))
    room = SAME * max(1.0, float(values @ values))
    taken, careful = np.zeros(len(places), bool), False
    while True:
        lacking = (found[places] * signs).sum(axis=1) < -slack
        if not lacking.any() and 2 * abs(float((found - values) @ found)) <= room:
            return found.reshape(payoff.shape)
        if not (lacking & ~taken).any():
            if careful:
                raise QohortError(
                    f"The table nearest to one of the shape {payoff.shape} could not be computed: rounding hides what "
                    "it has to keep. Round the payoffs, or scale them to numbers near 1."
                )
            careful = True
        taken |= lacking
        rows = np.zeros((int(taken.sum()), values.size))
        np.add.at(rows, (np.arange(len(rows))[:, None], places[taken]), signs[taken])
        found = values + rows.T @ _shares(rows, values, careful=careful)


def _shares(
    rows: Float[np.ndarray, "R C"], values: Float[np.ndarray, " C"], *, careful: bool
) -> Float[np.ndarray, " R"]:
    """μ ≥ 0 that makes ‖values + rowsᵀ μ‖ least."""
    steps = 100 * len(rows)
    if not careful:
        with contextlib.suppress(RuntimeError):  # steps ran out
            return nnls(rows.T, -values, maxiter=steps)[0]
    return lsq_linear(rows.T, -values, bounds=(0, np.inf), method="bvls", tol=1e-15, max_iter=steps).x


def constraints(
    shape: Sequence[int], relations: Relations, *, supermodular: bool
) -> tuple[Int[np.ndarray, "R 4"], Float[np.ndarray, "R 4"]]:
    """The rows of D, as four places in the table and the signs there; monotonicity needs two, the others count 0."""
    cells = np.arange(np.prod(shape)).reshape(tuple(shape))
    steps = [_covers(relation) for relation in relations]
    places: list[np.ndarray] = [np.zeros((0, 4), np.int64)]
    signs: list[np.ndarray] = [np.zeros((0, 4))]
    for agent, pairs in enumerate(steps):
        for low, high in pairs:
            below, above = (np.take(cells, action, axis=agent).ravel() for action in (low, high))
            places.append(np.stack([below, above, below, above], axis=1))
            signs.append(np.tile([-1.0, 1.0, 0.0, 0.0], (below.size, 1)))
    for one, other in itertools.combinations(range(len(steps)), 2) if supermodular else ():
        for (low, high), (left, right) in itertools.product(steps[one], steps[other]):
            corners = [
                np.take(np.take(cells, b, axis=other), a, axis=one).ravel()
                for a, b in ((low, left), (high, right), (low, right), (high, left))
            ]
            places.append(np.stack(corners, axis=1))
            signs.append(np.tile([1.0, 1.0, -1.0, -1.0], (corners[0].size, 1)))
    return np.concatenate(places), np.concatenate(signs)


def _covers(relation: Bool[np.ndarray, "A A"]) -> list[tuple[int, int]]:
    """Pairs of actions next to each other in the order; the others follow from these."""
    between = relation.astype(int) @ relation.astype(int) > 0
    return [(int(low), int(high)) for low, high in np.argwhere(relation & ~between)]
