"""One update of value decomposition, one agent at a time, with PyTorch's names for the agent's weights."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.derivatives import Weights, relu, sigmoid

Mix = Callable[[Weights, np.ndarray, tuple[int, int], np.ndarray], tuple[np.ndarray, Any]]
"""From weights, all utilities, the place (t, b) and the joint action to the joint values and the penalty."""


@dataclasses.dataclass(frozen=True)
class Protocol:
    gamma: float
    double_q: bool
    lambda_: float
    """0 is the one-step target."""
    bootstrap_time_limit: bool
    loss_scale: float
    penalise_padding: bool


@dataclasses.dataclass(frozen=True)
class Batch:
    """Time first."""

    obs: np.ndarray
    avail: np.ndarray
    last_action: np.ndarray
    first: np.ndarray
    actions: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray


def gru(weights: Weights, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Gates in the order r, z, n; r multiplies the recurrent product, its bias included."""
    size = len(h)
    from_x = weights["rnn.weight_ih"] @ x + weights["rnn.bias_ih"]
    from_h = weights["rnn.weight_hh"] @ h + weights["rnn.bias_hh"]
    r = sigmoid(from_x[:size] + from_h[:size])
    z = sigmoid(from_x[size : 2 * size] + from_h[size : 2 * size])
    n = np.tanh(from_x[2 * size :] + r * from_h[2 * size :])
    return (1 - z) * n + z * h


def utilities(weights: Weights, batch: Batch) -> np.ndarray:
    """(T+1, B, N, A)."""
    frames, episodes, agents, actions = batch.avail.shape
    values = np.zeros(batch.avail.shape, dtype=complex)
    for b in range(episodes):
        for i in range(agents):
            h = np.zeros(len(weights["fc1.bias"]), dtype=complex)
            for t in range(frames):
                if batch.first[t, b]:
                    h = 0 * h
                last = batch.last_action[t, b, i]
                x = np.concatenate([batch.obs[t, b, i], np.arange(actions) == last, np.arange(agents) == i])
                h = gru(weights, relu(weights["fc1.weight"] @ x + weights["fc1.bias"]), h)
                values[t, b, i] = weights["fc2.weight"] @ h + weights["fc2.bias"]
    return values


def part(weights: Weights, name: str) -> Weights:
    return {key.removeprefix(f"{name}."): array for key, array in weights.items() if key.startswith(f"{name}.")}


def targets(live: Weights, target: Weights, batch: Batch, mix: Mix, protocol: Protocol) -> np.ndarray:
    """(T, B, M)."""
    steps, episodes = batch.valid.shape
    values = np.real(utilities(part(target, "agent"), batch))
    chooser = np.real(utilities(part(live, "agent"), batch)) if protocol.double_q else values
    wide = []
    for t in reversed(range(steps)):
        row = []
        for b in range(episodes):
            best = np.array(
                [
                    max((a for a in range(len(free)) if free[a]), key=lambda a, q=q: q[a])
                    for q, free in zip(chooser[t + 1, b], batch.avail[t + 1, b], strict=True)
                ]
            )
            following = np.real(mix(part(target, "mixer"), values[t + 1, b], (t + 1, b), best)[0])
            if t + 1 < steps and batch.valid[t + 1, b] and not batch.first[t + 1, b]:
                following = (1 - protocol.lambda_) * following + protocol.lambda_ * wide[-1][b]
            ends = batch.terminated[t, b] or (batch.truncated[t, b] and not protocol.bootstrap_time_limit)
            row.append(batch.reward[t, b] + (0.0 if ends else protocol.gamma) * following)
        wide.append(row)
    return np.array(wide[::-1])


def loss(weights: Weights, goal: np.ndarray, batch: Batch, mix: Mix, protocol: Protocol) -> complex:
    steps, episodes = batch.valid.shape
    values = utilities(part(weights, "agent"), batch)
    squared, penalty, rows = 0.0, 0.0, 0
    last = max(t for t in range(steps) if batch.valid[t].any())
    for t in range(steps):
        for b in range(episodes):
            q_tot, size = mix(part(weights, "mixer"), values[t, b], (t, b), batch.actions[t, b])
            if batch.valid[t, b]:
                squared = squared + np.mean((q_tot - goal[t, b]) ** 2)
            if batch.valid[t, b] or (protocol.penalise_padding and t <= last):
                penalty, rows = penalty + size, rows + 1
    return protocol.loss_scale * squared / batch.valid.sum() + penalty / rows


def clipped(gradient: Weights, limit: float) -> tuple[Weights, float]:
    norm = float(np.sqrt(sum((array**2).sum() for array in gradient.values())))
    scale = min(1.0, limit / (norm + 1e-6))
    return {name: array * scale for name, array in gradient.items()}, norm


def rmsprop(weights: Weights, steps: list[Weights], rate: float, eps: float) -> Weights:
    """The weights after these gradients, one after another."""
    for name in weights:
        v, w = 0.0, weights[name]
        for gradient in steps:
            v = 0.99 * v + 0.01 * gradient[name] ** 2
            w = w - rate * gradient[name] / (np.sqrt(v) + eps)
        weights = {**weights, name: w}
    return weights


def adam(weights: Weights, steps: list[Weights], rate: float, eps: float) -> Weights:
    for name in weights:
        m, v, w = 0.0, 0.0, weights[name]
        for i, gradient in enumerate(steps, start=1):
            m = 0.9 * m + 0.1 * gradient[name]
            v = 0.999 * v + 0.001 * gradient[name] ** 2
            w = w - rate * (m / (1 - 0.9**i)) / (np.sqrt(v / (1 - 0.999**i)) + eps)
        weights = {**weights, name: w}
    return weights
