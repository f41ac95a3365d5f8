"""MAAC's critics and losses, one row, one agent and one head at a time."""

import dataclasses
from typing import Any

import numpy as np

from tests.references.derivatives import Weights


@dataclasses.dataclass(frozen=True)
class Batch:
    """Rows of transitions that count: axes row, agent, feature."""

    obs: np.ndarray
    actions: np.ndarray
    reward: np.ndarray
    discount: np.ndarray


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(np.real(x) > 0, x, 0.01 * x)


def each(weights: Weights, name: str, agent: int, x: np.ndarray) -> np.ndarray:
    """An agent's own layer; the only one there is, if all share it."""
    which = agent if len(weights[f"{name}.weight"]) > 1 else 0
    return weights[f"{name}.weight"][which] @ x + weights[f"{name}.bias"][which]


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - np.max(np.real(x)))
    return powers / powers.sum()


def critics(weights: Weights, obs: np.ndarray, actions: np.ndarray, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (N, A) of a moment with one-hot actions, and the undivided logits (heads, N, N - 1)."""
    agents, shared = len(obs), len(weights["encode_own.weight"]) == 1
    ids = np.eye(agents) if shared else np.zeros((agents, 0))
    own = [leaky(each(weights, "encode_own", i, np.concatenate([obs[i], ids[i]]))) for i in range(agents)]
    pairs = [
        leaky(each(weights, "encode_pair", i, np.concatenate([obs[i], actions[i], ids[i]]))) for i in range(agents)
    ]
    width = len(own[0]) // heads
    values, logits = [], np.zeros((heads, agents, agents - 1), complex)
    for i in range(agents):
        others = [j for j in range(agents) if j != i]
        told = []
        for k in range(heads):
            of = slice(k * width, (k + 1) * width)
            seen = [leaky((weights["value.weight"] @ pairs[j] + weights["value.bias"])[of]) for j in others]
            share = np.full(len(others), 1 / len(others))
            if "query.weight" in weights:
                query = (weights["query.weight"] @ own[i])[of]
                logits[k, i] = [sum(query * (weights["key.weight"] @ pairs[j])[of]) for j in others]
                share = softmax(logits[k, i] / np.sqrt(width))
            told.append(sum(a * v for a, v in zip(share, seen, strict=True)))
        hidden = leaky(each(weights, "hidden", i, np.concatenate([own[i], *told])))
        values.append(each(weights, "out", i, hidden))
    return np.array(values), logits


def standardised(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-5)


def asked(
    weights: Weights, obs: np.ndarray, actions: np.ndarray, heads: int, *, standardise: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The critics on every row: values (rows, N, A) and logits."""
    size = weights["out.bias"].shape[1]
    taken = (actions[..., None] == np.arange(size)).astype(float)
    if standardise:
        obs, taken = standardised(obs), standardised(taken)
    rows = [critics(weights, o, u, heads) for o, u in zip(obs, taken, strict=True)]
    return np.array([values for values, _ in rows]), np.array([logits for _, logits in rows])


def goals(batch: Batch, value: np.ndarray, log_pi: np.ndarray, *, scale: float, inside: bool) -> np.ndarray:
    """y, from the target critics' values of the next actions and the target policies' log-probabilities of them."""
    if inside:
        return batch.reward + batch.discount * (value - log_pi / scale)
    return batch.reward + batch.discount * value - log_pi / scale


def critic_loss(
    weights: Weights, batch: Batch, goal: np.ndarray, *, heads: int, standardise: bool, regulariser: float
) -> Any:
    values, logits = asked(weights, batch.obs, batch.actions, heads, standardise=standardise)
    total = 0.0
    for i in range(values.shape[1]):
        taken = np.array([row[i, u[i]] for row, u in zip(values, batch.actions, strict=True)])
        total = total + np.mean((taken - goal[:, i]) ** 2)
        for k in range(heads):
            total = total + regulariser * np.mean(logits[:, k, i] ** 2)
    return total


def policy_loss(
    logits: np.ndarray, avail: np.ndarray, values: np.ndarray, actions: np.ndarray, *, scale: float, regulariser: float
) -> Any:
    """Axes row, agent, action. What is stopped for gradients is taken of the real parts."""
    total = 0.0
    for i in range(logits.shape[1]):
        terms, sizes = [], []
        for x, free, q, u in zip(logits[:, i], avail[:, i], values[:, i], actions[:, i], strict=True):
            powers = np.where(free, np.exp(x), 0)
            pi = powers / powers.sum()
            log_pi = np.log(pi[u])
            advantage = np.real(q[u] - sum(pi * q))
            terms.append(log_pi * (np.real(log_pi) / scale - advantage))
            sizes.append(np.mean(x**2))
        total = total + np.mean(terms) + regulariser * np.mean(sizes)
    return total
