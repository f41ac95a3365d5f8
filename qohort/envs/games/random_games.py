"""Random games whose optimal values are known before they are played, to compare learners with the truth.

The values are drawn first; `tabular_from_q` finds the rewards for which they are the optimal ones. Every
game has `n_states` states in which the team acts and one more in which it is over. Each step ends the
episode with the same chance, so that the time limit practically never does.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from qohort.envs.games.solve import additive_projection
from qohort.envs.games.tabular import TabularGame
from qohort.errors import QohortError

GAPS = (0.35, 0.8)
"""Each action of an agent is better than its next worse one by a draw from this range."""
ENDS = 0.2
"""Chance that a step is the last."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class KnownGame:
    """A game and its optimal values."""

    game: TabularGame
    """The game."""
    q: Float[np.ndarray, "S ..."]
    """Optimal values, as drawn; 0 in the last state, in which the game is over."""
    gamma: float
    """The discount for which `q` is optimal."""


def tabular_from_q(
    q: Float[np.ndarray, "S ..."], transitions: Float[np.ndarray, "S ... S"], gamma: float
) -> Float[np.ndarray, "S ..."]:
    """The rewards for which `q` is optimal: R(s, u) = Q*(s, u) - gamma * sum over s' of T(s' | s, u) max Q*(s', .).

    Args:
        q: `[S, A1, ..., AN]`, the wished optimal values; 0 in terminal states.
        transitions: `[S, A1, ..., AN, S]`.
        gamma: the discount.
    """
    if q.shape != transitions.shape[:-1]:
        raise QohortError(f"`q` has the shape {q.shape}, but `transitions` ask for {transitions.shape[:-1]}.")
    return q - gamma * (transitions @ q.reshape(len(q), -1).max(1))


def random_additive_game(
    seed: int, *, n_states: int = 4, n_agents: int = 2, n_actions: int = 3, gamma: float = 0.9
) -> KnownGame:
    """Q*(s, .) is a base value plus one utility for each agent: VDN can be exact."""
    rng = np.random.default_rng(seed)
    shape = (n_actions,) * n_agents
    tables = [rng.uniform(-1, 1) + _summed(_utilities(rng, shape)) for _ in range(n_states)]
    return _known(rng, np.stack(tables), gamma, "games/random-additive")


def random_monotone_supermodular_game(
    seed: int, *, n_states: int = 4, n_agents: int = 2, n_actions: int = 3, gamma: float = 0.9
) -> KnownGame:
    """Q*(s, .) is an increasing convex function of the sum of utilities: QMIX can represent it, VDN cannot.

    The function is x + x²/4 on the sum x, which is at least 0.
    """
    rng = np.random.default_rng(seed)
    shape = (n_actions,) * n_agents
    sums = [_summed(_utilities(rng, shape)) for _ in range(n_states)]
    tables = [rng.uniform(-1, 1) + x + 0.25 * x**2 for x in sums]
    return _known(rng, np.stack(tables), gamma, "games/random-supermodular")


def random_misleading_game(
    seed: int, *, n_states: int = 4, n_agents: int = 2, n_actions: int = 3, gamma: float = 0.9
) -> KnownGame:
    """In every state the additive projection of Q*(s, .) has its maximum at a wrong joint action.

    Q*(s, .) is additive but for one joint action: where everyone takes what else is worst, it is best.
    """
    rng = np.random.default_rng(seed)
    shape = (n_actions,) * n_agents
    tables = [rng.uniform(-1, 1) + _misleading(rng, shape) for _ in range(n_states)]
    return _known(rng, np.stack(tables), gamma, "games/random-misleading")


def _utilities(rng: np.random.Generator, shape: tuple[int, ...]) -> list[np.ndarray]:
    """For each agent, utilities from 0 upwards with gaps between them, in random order."""
    climbs = [np.concatenate([[0.0], np.cumsum(rng.uniform(*GAPS, size=count - 1))]) for count in shape]
    return [rng.permutation(climb) for climb in climbs]


def _summed(utilities: list[np.ndarray]) -> np.ndarray:
    total = np.zeros(())
    for utility in utilities:
        total = np.add.outer(total, utility)
    return total


def _misleading(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    for _ in range(100):
        table = _summed(_utilities(rng, shape))
        top, summit = table.max(), np.unravel_index(int(table.argmin()), shape)
        table[summit] = top + rng.uniform(*GAPS)
        projected = additive_projection(table)
        second, best = np.sort(projected.ravel())[-2:]
        if projected.argmax() != table.argmax() and best - second > 0.1:
            return table
    raise QohortError(
        f"No misleading table was found for {len(shape)} agents with {shape[0]} actions each; use at least 3 actions."
    )


def _known(rng: np.random.Generator, q: np.ndarray, gamma: float, name: str) -> KnownGame:
    n_states, joint = len(q), q.shape[1:]
    onward = rng.dirichlet(np.ones(n_states), size=(n_states, *joint))
    transitions = np.zeros((n_states + 1, *joint, n_states + 1))
    transitions[:-1, ..., :-1] = (1.0 - ENDS) * onward
    transitions[:-1, ..., -1] = ENDS
    transitions[-1, ..., -1] = 1.0
    values = np.concatenate([q, np.zeros((1, *joint))])
    over = np.arange(n_states + 1) == n_states
    game = TabularGame(
        transitions,
        tabular_from_q(values, transitions, gamma),
        terminal=over,
        initial=np.where(over, 0.0, 1.0 / n_states),
        limit=100,
        name=name,
    )
    return KnownGame(game=game, q=values, gamma=gamma)
