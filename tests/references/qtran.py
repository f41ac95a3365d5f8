"""QTRAN's losses, one moment and one agent at a time.

A stop-gradient is the real part: derivatives are taken by the complex step.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

from tests.references.derivatives import Weights, relu
from tests.references.learner import Batch, gru, part

ACTIONS = 3
"""How many actions each agent has in the tests' world."""


@dataclasses.dataclass(frozen=True)
class Settings:
    variant: str
    form: str
    target: str
    double_q: bool
    gamma: float
    lambda_opt: float
    lambda_nopt: float


def network(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    layer = 0
    while f"{name}.{layer}.weight" in weights:
        x = weights[f"{name}.{layer}.weight"] @ (relu(x) if layer else x) + weights[f"{name}.{layer}.bias"]
        layer += 1
    return x


def unrolled(weights: Weights, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """What each agent remembers after every frame, and its utilities."""
    frames, episodes, agents, actions = batch.avail.shape
    size = len(weights["fc1.bias"])
    memory = np.zeros((frames, episodes, agents, size), complex)
    for b in range(episodes):
        for i in range(agents):
            h = np.zeros(size, complex)
            for t in range(frames):
                seen = [batch.obs[t, b, i], np.arange(actions) == batch.last_action[t, b, i], np.arange(agents) == i]
                x = relu(weights["fc1.weight"] @ np.concatenate(seen) + weights["fc1.bias"])
                h = gru(weights, x, np.zeros(size, complex) if batch.first[t, b] else h)
                memory[t, b, i] = h
    return memory, memory @ weights["fc2.weight"].T + weights["fc2.bias"]


def joint_value(weights: Weights, form: str, memory: np.ndarray, state: np.ndarray, actions: np.ndarray) -> complex:
    """Q(τ, u)."""
    rows = [np.arange(ACTIONS) == u for u in actions]
    if form == "pymarl-coma":
        return network(weights, "joint", np.concatenate([state, *rows]))[0]
    encoded = [network(weights, "encoder", np.concatenate([h, row])) for h, row in zip(memory, rows, strict=True)]
    summed = np.sum(encoded, axis=0)
    return network(weights, "joint", summed if form == "paper" else np.concatenate([state, summed]))[0]


def state_value(weights: Weights, form: str, memory: np.ndarray, state: np.ndarray) -> complex:
    """V(τ)."""
    read = np.sum([network(weights, "value_encoder", h) for h in memory], axis=0) if form == "paper" else state
    return network(weights, "state_value", read)[0]


def best(values: np.ndarray, avail: np.ndarray) -> np.ndarray:
    return np.array([np.flatnonzero(free)[np.real(q)[free].argmax()] for q, free in zip(values, avail, strict=True)])


def exchanges(actions: np.ndarray, avail: np.ndarray) -> list[np.ndarray]:
    """(a, u_−i) of every agent i and each of its available actions a."""
    return [np.where(np.arange(len(actions)) == i, a, actions) for i, a in np.argwhere(avail)]


def targets(live: Weights, target: Weights, batch: Batch, state: np.ndarray, settings: Settings) -> np.ndarray:
    """One-step targets; what hit the time limit counts as the end."""
    steps, episodes = batch.valid.shape
    memory, values = unrolled(part(target, "agent"), batch)
    chooser = unrolled(part(live, "agent"), batch)[1] if settings.double_q else values
    goal = np.zeros((steps, episodes))
    for t in range(steps):
        for b in range(episodes):
            seen = t + 1, b
            joint = functools.partial(joint_value, part(target, "critic"), settings.form, memory[seen], state[seen])
            own = best(values[seen], batch.avail[seen])
            match settings.target, settings.variant:
                case "authors", "base":
                    following = sum(q[a] for q, a in zip(values[seen], own, strict=True))
                case "authors", "alt":
                    following = max(np.real(joint(actions)) for actions in exchanges(own, batch.avail[seen]))
                case _:
                    following = joint(best(chooser[seen], batch.avail[seen]))
            ends = batch.terminated[t, b] or batch.truncated[t, b]
            goal[t, b] = batch.reward[t, b, 0] + (0 if ends else settings.gamma * np.real(following))
    return goal


def loss(weights: Weights, goal: np.ndarray, batch: Batch, state: np.ndarray, settings: Settings) -> complex:
    memory, values = unrolled(part(weights, "agent"), batch)
    critic = part(weights, "critic")
    total = 0j
    for t, b in zip(*np.nonzero(batch.valid), strict=True):
        seen = memory[t, b], state[t, b]
        joint = functools.partial(joint_value, critic, settings.form, *seen)
        q, avail, taken = values[t, b], batch.avail[t, b], batch.actions[t, b]
        value = state_value(critic, settings.form, *seen)

        def gap(actions: np.ndarray, q: Any = q, joint: Any = joint, value: complex = value) -> complex:
            """D(τ, u)."""
            summed = sum(q[i, a] for i, a in enumerate(actions))
            return summed - np.real(joint(actions)) + value

        td = (joint(taken) - goal[t, b]) ** 2
        opt = gap(best(q, avail)) ** 2
        if settings.variant == "base":
            d = gap(taken)
            nopt = d**2 if np.real(d) < 0 else 0
        else:
            nopt, choosing = 0j, [i for i, free in enumerate(avail) if free.sum() > 1]
            for i in choosing:
                instead = [np.where(np.arange(len(taken)) == i, a, taken) for a in np.flatnonzero(avail[i])]
                nopt += min((gap(actions) for actions in instead), key=np.real) ** 2 / len(choosing)
        total += td + settings.lambda_opt * opt + settings.lambda_nopt * nopt
    return total / batch.valid.sum()
