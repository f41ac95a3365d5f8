"""TarMAC's agents, one moment, one listener and one speaker at a time."""

import dataclasses

import numpy as np

from tests.references.derivatives import Weights, relu, softmax
from tests.references.learner import gru


@dataclasses.dataclass(frozen=True)
class Sights:
    """What a team goes through, time first."""

    obs: np.ndarray
    last_action: np.ndarray
    alive: np.ndarray
    first: np.ndarray


def heard(weights: Weights, states: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """The messages of the living, weighed for each listener by how their signatures answer its query."""
    speakers = states[alive]
    if len(speakers) == 0:
        return np.zeros((len(states), len(weights["message.bias"])), complex)
    messages = np.array([weights["message.weight"] @ speaker + weights["message.bias"] for speaker in speakers])
    told = []
    for listener in states:
        query = weights["query.weight"] @ listener + weights["query.bias"]
        scores = np.array([sum(query * (weights["signature.weight"] @ speaker)) for speaker in speakers])
        told.append(softmax(scores / np.sqrt(len(query))) @ messages)
    return np.array(told)


def utilities(weights: Weights, seen: Sights, *, rounds: int) -> np.ndarray:
    """(T, B, N, A)."""
    steps, episodes, agents, _ = seen.obs.shape
    actions = len(weights["fc2.bias"])
    values = np.zeros((steps, episodes, agents, actions), complex)
    for b in range(episodes):
        states = said = np.zeros((agents, 0), complex)
        for t in range(steps):
            if seen.first[t, b]:
                states, said = (np.zeros((agents, len(weights[f"{of}.bias"])), complex) for of in ("fc1", "message"))
            remembered = []
            for i in range(agents):
                last = seen.last_action[t, b, i]
                x = np.concatenate([seen.obs[t, b, i], np.arange(actions) == last, np.arange(agents) == i])
                read = relu(weights["fc1.weight"] @ x + weights["fc1.bias"])
                remembered.append(gru(weights, np.concatenate([read, said[i]]), states[i]))
            states = np.array(remembered)
            said = heard(weights, states, seen.alive[t, b])
            for _ in range(rounds - 1):
                both = np.concatenate([said, states], axis=1)
                states = np.tanh(both @ weights["merge.weight"].T + weights["merge.bias"])
                said = heard(weights, states, seen.alive[t, b])
            values[t, b] = states @ weights["fc2.weight"].T + weights["fc2.bias"]
    return values
