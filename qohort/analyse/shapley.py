"""Exact credit from the values of all coalitions.

`values[C]` is what the team gets if exactly the agents of the coalition C act as they do; bit i of C is agent i.
Further axes are carried along.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from qohort.errors import QohortError

MOST_AGENTS = 12
"""There are 2 to the power of N coalitions."""


def coalitions(n_agents: int) -> Bool[np.ndarray, "C N"]:
    """Who is in which coalition."""
    if not 1 <= n_agents <= MOST_AGENTS:
        raise QohortError(
            f"There are {n_agents} agents; exact credit asks 2^N coalitions, so it is for at most {MOST_AGENTS}."
        )
    return (np.arange(2**n_agents)[:, None] >> np.arange(n_agents)[None] & 1).astype(bool)


def shapley(values: Float[np.ndarray, "C *rows"]) -> Float[np.ndarray, "N *rows"]:
    """Shapley 1953: the mean of what an agent adds over all orders in which the agents might join."""
    n_agents = len(values).bit_length() - 1
    members = coalitions(n_agents)
    credit = np.zeros((n_agents, *values.shape[1:]))
    for agent in range(n_agents):
        for without in np.flatnonzero(~members[:, agent]):
            size = int(members[without].sum())
            weight = math.factorial(size) * math.factorial(n_agents - size - 1) / math.factorial(n_agents)
            credit[agent] += weight * (values[without | 1 << agent] - values[without])
    return credit


def counterfactual(values: Float[np.ndarray, "C *rows"]) -> Float[np.ndarray, "N *rows"]:
    """What the team loses if one agent alone does not act as it does: COMA's advantage with a uniform policy."""
    n_agents = len(values).bit_length() - 1
    everyone = len(values) - 1
    return np.stack([values[everyone] - values[everyone & ~(1 << agent)] for agent in range(n_agents)])


def coalition_values(
    table: Float[np.ndarray, "..."], actions: Int[np.ndarray, " N"], avail: Bool[np.ndarray, "N A"]
) -> Float[np.ndarray, " C"]:
    """The values of all coalitions from the value of every joint action.

    Those in the coalition take their action, the others any available one with equal chances.

    Args:
        table: `[A1, ..., AN]`.
        actions: what each agent does.
        avail: what it could do; entries beyond an agent's axis are not looked at.
    """
    found = []
    for members in coalitions(table.ndim):
        value = table
        for agent, inside in enumerate(members):
            rows = [int(actions[agent])] if inside else np.flatnonzero(avail[agent][: table.shape[agent]])
            value = np.take(value, rows, axis=agent).mean(axis=agent, keepdims=True)
        found.append(float(value.reshape(())))
    return np.array(found)
