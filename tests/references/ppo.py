"""One learner step of PPO, one agent and one moment at a time: behaviour, advantages, epochs of clipped losses.

Weights are those of trunks, under the names of their fields. What is stopped for gradients is made of real numbers.
"""

import dataclasses
from typing import Any

import numpy as np

from tests.references.derivatives import Weights, gradients, relu
from tests.references.learner import adam, clipped, gru, part

Moments = tuple[float, float, float]
"""Mean, mean square, and how much of them has been filled."""


@dataclasses.dataclass(frozen=True)
class Settings:
    gamma: float
    gae_lambda: float
    bootstrap_time_limit: bool
    clip: float | None
    clip_values: bool
    entropy: float
    value_weight: float
    huber: float | None
    normalise_values: bool
    standardise: bool
    mask_values: bool
    reads: str
    mask_dead: bool
    backprop: int | None
    learning_rate: float
    eps: float
    norm: float


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Time first, `T + 1` frames of what is seen and `T` steps of what was done."""

    obs: np.ndarray
    state: np.ndarray
    avail: np.ndarray
    alive: np.ndarray
    last_action: np.ndarray
    first: np.ndarray
    actions: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """What was done and said before the first step: by frame, column and agent."""

    log_prob: np.ndarray
    value: np.ndarray
    advantage: np.ndarray
    target: np.ndarray
    acting: np.ndarray
    counted: np.ndarray
    memories: dict[str, np.ndarray]
    """What actors and critics remembered before each frame."""
    after: np.ndarray
    """What the critics remember behind the last step that was played."""


def layer_norm(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    if f"{name}.weight" not in weights:
        return x
    centred = x - x.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gates(weights: Weights) -> Weights:
    """PyTorch's arrays, which have the gates one above the other."""
    return {
        f"rnn.{kind}_{side}h": np.concatenate([weights[f"gru.{kind}_{side}{gate}"] for gate in "rzn"])
        for kind in ("weight", "bias")
        for side in "ih"
    }


def trunk(weights: Weights, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the head says, and the memory afterwards."""
    x, layer = layer_norm(x, weights, "input_norm"), 0
    while f"layers.{layer}.weight" in weights:
        x = relu(weights[f"layers.{layer}.weight"] @ x + weights[f"layers.{layer}.bias"])
        x = layer_norm(x, weights, f"norms.{layer}")
        layer += 1
    if "gru.weight_ir" in weights:
        h = gru(gates(weights), x, h)
        x = layer_norm(h, weights, "gru_norm")
    return weights["head.weight"] @ x + weights["head.bias"], h


def seen_by(play: Stretch, who: str, at: tuple[int, int, int], settings: Settings) -> np.ndarray:
    """What an agent's actor or critic reads."""
    t, b, i = at
    agents, actions = play.avail.shape[2:]
    own = np.arange(agents) == i
    if who == "actor":
        return np.concatenate([play.obs[t, b, i], np.arange(actions) == play.last_action[t, b, i], own])
    if settings.reads == "state":
        return play.state[t, b]
    known = play.obs[t, b, i]
    if settings.reads == "agent-state":
        known = np.concatenate([play.state[t, b], known])
    return np.concatenate([known * (play.alive[t, b, i] or not settings.mask_dead), own])


def unrolled(
    weights: Weights, play: Stretch, who: str, settings: Settings, *, start: Any, frames: range, columns: Any
) -> tuple[dict, np.ndarray]:
    """What is said at (t, b, i), and the memory before every frame; `start` has it before the first of the frames."""
    agents, said = play.avail.shape[2], {}
    before = np.zeros((len(frames) + 1, *start.shape), complex)
    for b in columns:
        for i in range(agents):
            h = start[b, i]
            for k, t in enumerate(frames):
                before[k, b, i] = h
                said[t, b, i], h = trunk(
                    weights, seen_by(play, who, (t, b, i), settings), 0 * h if play.first[t, b] else h
                )
            before[len(frames), b, i] = h
    return said, before


def policy(logits: np.ndarray, avail: np.ndarray) -> np.ndarray:
    powers = np.where(avail, np.exp(logits - np.real(logits)[avail].max()), 0)
    return powers / powers.sum()


def scale_of(moments: Moments) -> tuple[float, float]:
    mean, square, weight = moments
    weight = max(weight, 1e-5)
    return mean / weight, np.sqrt(max(square / weight - (mean / weight) ** 2, 1e-2))


def behaviour(
    actor: Weights,
    critic: Weights,
    play: Stretch,
    moments: Moments,
    *,
    start: dict[str, np.ndarray],
    settings: Settings,
) -> Behaviour:
    steps, columns, agents = play.actions.shape
    frames, shape = range(steps + 1), (steps + 1, columns, agents)
    whole = {"settings": settings, "frames": frames, "columns": range(columns)}
    logits, of_actor = unrolled(actor, play, "actor", start=start["actor"], **whole)
    values, of_critic = unrolled(critic, play, "critic", start=start["critic"], **whole)
    value = np.array([np.real(values[at][0]) for at in np.ndindex(shape)]).reshape(shape)
    mean, scale = scale_of(moments)
    worth = value * scale + mean

    log_prob, advantage, target = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for b, i in np.ndindex(columns, agents):
        following = 0.0
        for t in reversed(range(steps)):
            log_prob[t, b, i] = np.log(np.real(policy(logits[t, b, i], play.avail[t, b, i])[play.actions[t, b, i]]))
            ends = play.terminated[t, b] or (play.truncated[t, b] and not settings.bootstrap_time_limit)
            gamma = 0.0 if ends else settings.gamma
            reward = play.reward[t, b, i if play.reward.shape[-1] > 1 else 0]
            goes_on = t + 1 < steps and play.valid[t + 1, b] and not play.first[t + 1, b]
            delta = reward + gamma * worth[t + 1, b, i] - worth[t, b, i]
            following = delta + (gamma * settings.gae_lambda * following if goes_on else 0.0)
            advantage[t, b, i], target[t, b, i] = following, following + worth[t, b, i]

    acting, counted = np.zeros(shape, bool), np.zeros(shape, bool)
    acting[:-1] = play.valid[..., None] & play.alive[:-1]
    counted[:-1] = acting[:-1] if settings.mask_values else play.valid[..., None]
    if settings.standardise:
        centred = np.where(acting, advantage - advantage[acting].mean(), 0)
        advantage = centred / (np.sqrt((centred[acting] ** 2).mean()) + 1e-5)
    last = [int(np.flatnonzero(play.valid[:, b])[-1]) for b in range(columns)]
    after = np.array([np.real(of_critic[t + 1, b]) for b, t in enumerate(last)])
    memories = {"actor": np.real(of_actor), "critic": np.real(of_critic)}
    return Behaviour(log_prob, value, advantage, target, acting, counted, memories, after)


Pieces = list[tuple[int, int]]
"""Where pieces begin: frame and column."""


def rows(play: Stretch, pieces: Pieces, length: int) -> list[tuple[int, int, int]]:
    frames, _, agents = play.alive.shape
    return [(t, b, i) for s, b in pieces for t in range(s, min(s + length, frames)) for i in range(agents)]


def losses(
    weights: Weights, done: Behaviour, play: Stretch, moments: Moments, *, pieces: Pieces, settings: Settings
) -> tuple[complex, complex, complex]:
    """L_π without the bonus, L_V, and the mean entropy, of some pieces."""
    frames = len(play.first)
    length = min(settings.backprop or frames, frames)
    said: dict[str, dict] = {}
    for who in ("actor", "critic"):
        said[who], own = {}, part(weights, who)
        for s, b in pieces:
            span, start = range(s, min(s + length, frames)), done.memories[who][s]
            said[who] |= unrolled(own, play, who, settings, start=start, frames=span, columns=[b])[0]
    centre, scale = scale_of(moments)
    gains, entropies, errors = [], [], []
    for at in rows(play, pieces, length):
        if done.acting[at]:
            pi = policy(said["actor"][at], play.avail[at])
            ratio = np.exp(np.log(pi[play.actions[at]]) - done.log_prob[at])
            gain = ratio * done.advantage[at]
            if settings.clip is not None:
                near = within(ratio, 1 - settings.clip, 1 + settings.clip) * done.advantage[at]
                gain = min(gain, near, key=np.real)
            gains.append(gain)
            entropies.append(-sum(p * np.log(p) for p in pi[play.avail[at]]))
        if done.counted[at]:
            value, goal = said["critic"][at][0], (done.target[at] - centre) / scale
            error = cost(value - goal, settings.huber)
            if settings.clip is not None and settings.clip_values:
                near = done.value[at] + within(value - done.value[at], -settings.clip, settings.clip)
                error = max(error, cost(near - goal, settings.huber), key=np.real)
            errors.append(error)
    return -mean(gains), mean(errors), mean(entropies)


def mean(values: list) -> complex:
    return sum(values) / max(len(values), 1)


def within(x: complex, low: float, high: float) -> complex:
    return x if low < np.real(x) < high else min(max(np.real(x), low), high)


def cost(error: complex, huber: float | None) -> complex:
    if huber is None or abs(np.real(error)) <= huber:
        return 0.5 * error**2
    return huber * (error * np.sign(np.real(error)) - 0.5 * huber)


def update(
    weights: Weights,
    play: Stretch,
    moments: Moments,
    *,
    start: dict[str, np.ndarray],
    order: list[Pieces],
    settings: Settings,
) -> tuple[Weights, Moments, Behaviour, list[tuple[float, ...]]]:
    """Weights, moments, and the losses of each minibatch on the way; `order` has the pieces of every minibatch."""
    done = behaviour(part(weights, "actor"), part(weights, "critic"), play, moments, start=start, settings=settings)
    begun, steps, looked = weights, {"actor": [], "critic": []}, []
    length = min(settings.backprop or len(play.first), len(play.first))
    for pieces in order:
        if settings.normalise_values:
            goals = np.array([done.target[at] for at in rows(play, pieces, length) if done.counted[at]])
            moved = [
                0.99999 * old + 0.00001 * new
                for old, new in zip(moments, (goals.mean(), (goals**2).mean(), 1.0), strict=True)
            ]
            moments = (moved[0], moved[1], moved[2])

        def total(point: Weights, moments: Moments = moments, pieces: Pieces = pieces) -> complex:
            of_policy, of_values, entropy = losses(point, done, play, moments, pieces=pieces, settings=settings)
            return of_policy - settings.entropy * entropy + settings.value_weight * of_values

        looked.append(tuple(np.real(losses(weights, done, play, moments, pieces=pieces, settings=settings))))
        gradient = gradients(total, weights)
        for who, known in steps.items():
            known.append(clipped(part(gradient, who), settings.norm)[0])
        weights = {
            f"{who}.{name}": array
            for who, known in steps.items()
            for name, array in adam(part(begun, who), known, settings.learning_rate, settings.eps).items()
        }
    return weights, moments, done, looked
