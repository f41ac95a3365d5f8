"""A team Markov game as arrays: what the tabular worlds play and what the solver reads."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float

from qohort.errors import QohortError

ArrayLike = np.ndarray | Array | Sequence[Any]

ROUNDING = 1e-5
"""How far probabilities may be from adding up to 1: tables that a game has held in single precision are."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """A game in double precision. Made by `tables`, which checks them.

    Agents may have different numbers of actions: axis 1 + i of `transitions` is as long as agent i's list.
    """

    transitions: Float[np.ndarray, "S ... S"]
    """Probability of the next state, given the state and each agent's action."""
    rewards: Float[np.ndarray, "M S ..."]
    """Expected reward of a state and a joint action: one for the team, or one for each agent."""
    terminal: Bool[np.ndarray, " S"]
    """States in which the episode is over."""
    initial: Float[np.ndarray, " S"]
    """Probability of the first state."""
    observations: Float[np.ndarray, "S N O"]
    """What each agent sees of a state."""

    @property
    def n_states(self) -> int:
        """How many states there are."""
        return self.transitions.shape[0]

    @property
    def action_counts(self) -> tuple[int, ...]:
        """How many actions each agent has."""
        return self.transitions.shape[1:-1]

    @property
    def n_agents(self) -> int:
        """How many agents there are."""
        return len(self.action_counts)


def tables(
    transitions: ArrayLike,
    rewards: ArrayLike,
    *,
    terminal: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    observations: ArrayLike | None = None,
) -> Tables:
    """Check the arrays of a game and fill in what was left out.

    Args:
        transitions: `[S, A1, ..., AN, S]`, probabilities.
        rewards: `[S, A1, ..., AN]` for a team reward, `[N, S, A1, ..., AN]` for individual ones.
        terminal: `[S]`, states in which the episode is over; default: none.
        initial: `[S]`, probabilities of the first state; default: state 0.
        observations: `[S, N, O]`; default: every agent sees the state, one-hot.
    """
    moves = np.array(transitions, np.float64)
    if moves.ndim < 3 or moves.shape[0] != moves.shape[-1] or 0 in moves.shape:
        raise QohortError(
            f"`transitions` has the shape {moves.shape}, but it must be [S, A1, ..., AN, S]: a state, an action "
            "of each agent, and again a state."
        )
    n_states, n_agents = moves.shape[0], moves.ndim - 2
    over = np.zeros(n_states, bool) if terminal is None else np.array(terminal)
    if over.dtype != bool or over.shape != (n_states,):
        raise QohortError(
            f"`terminal` has the type {over.dtype} and the shape {over.shape}, but it must hold a bool for each of the "
            f"{n_states} states."
        )
    first = np.eye(n_states)[0] if initial is None else np.array(initial, np.float64)
    if first.shape != (n_states,):
        raise QohortError(f"`initial` has the shape {first.shape}, but there are {n_states} states: ({n_states},).")
    first = _distributions("initial", first)
    if first[over].sum() > 0:
        state = int(np.flatnonzero(over & (first > 0))[0])
        raise QohortError(
            f"`initial` gives the terminal state {state} the probability {first[state]:g}; an episode cannot begin "
            "where it is over: give it 0."
        )
    everyone_sees = np.repeat(np.eye(n_states)[:, None], n_agents, axis=1)
    seen = everyone_sees if observations is None else np.array(observations, np.float64)
    if seen.ndim != 3 or seen.shape[:2] != (n_states, n_agents) or not np.isfinite(seen).all():
        raise QohortError(
            f"`observations` has the shape {seen.shape}, but it must be [S, N, O] = ({n_states}, {n_agents}, any), "
            "all of it finite."
        )
    return Tables(
        transitions=_distributions("transitions", moves),
        rewards=_reward_tables(np.array(rewards, np.float64), moves.shape[:-1]),
        terminal=over,
        initial=first,
        observations=seen,
    )


def _distributions(field: str, probabilities: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(probabilities) | (probabilities < 0)
    if bad.any():
        at = np.argwhere(bad)[0].tolist()
        raise QohortError(
            f"`{field}` is {probabilities[tuple(at)]:g} at {at}, but a probability is at least 0 and finite."
        )
    total = probabilities.sum(-1, keepdims=True)
    wrong = np.abs(total - 1.0) > ROUNDING
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        raise QohortError(
            f"`{field}` adds up to {total[tuple(at)]:g} at {at[:-1]}, but the probabilities along the last axis must "
            "add up to 1."
        )
    return probabilities / total


def _reward_tables(rewards: np.ndarray, team: tuple[int, ...]) -> np.ndarray:
    individual = (len(team) - 1, *team)
    if rewards.shape not in (team, individual):
        raise QohortError(
            f"`rewards` has the shape {rewards.shape}, but `transitions` ask for {team} (one reward for the team) or "
            f"{individual} (one for each agent)."
        )
    if not np.isfinite(rewards).all():
        at = np.argwhere(~np.isfinite(rewards))[0].tolist()
        raise QohortError(f"`rewards` is {rewards[tuple(at)]} at {at}; every reward must be finite.")
    return rewards.reshape(-1, *team)
