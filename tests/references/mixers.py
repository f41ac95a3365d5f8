"""Mixers, one moment at a time and one agent at a time.

Weights are in a dict: `query.1.weight` is the second layer of the query's network, (out, in), and for Qatten
begins with an axis of heads; `query.0.norm.weight` is the scale of the layer normalisation behind the first.
"""

import dataclasses
from typing import Any

import numpy as np

from tests.references.derivatives import Weights, elu, magnitude, relu, sigmoid, softmax


@dataclasses.dataclass(frozen=True)
class Moment:
    """What mixers read."""

    obs: np.ndarray
    state: np.ndarray
    units: np.ndarray
    alive: np.ndarray
    actions: np.ndarray
    best: np.ndarray
    """Each agent's greatest utility."""

    def feed(self, feed: str) -> np.ndarray:
        return self.state if feed == "state" else np.concatenate(list(self.obs))


def network(weights: Weights, name: str, x: np.ndarray, head: int | None = None) -> np.ndarray:
    """Linear layers with rectified units between them, normalised in front of that where there are weights for it."""
    layer = 0
    while f"{name}.{layer}.weight" in weights:
        if layer > 0:
            x = relu(normalised(weights, f"{name}.{layer - 1}.norm", x, head))
        x = linear(weights, f"{name}.{layer}", x, head)
        layer += 1
    assert layer > 0, name
    return x


def normalised(weights: Weights, name: str, x: np.ndarray, head: int | None = None) -> np.ndarray:
    """Ba et al. 2016; no weights, no normalisation."""
    if f"{name}.weight" not in weights:
        return x
    scale, shift = (weights[f"{name}.{kind}"] for kind in ("weight", "bias"))
    if head is not None:
        scale, shift = scale[head], shift[head]
    off = x - sum(x) / len(x)
    return scale * off / np.sqrt(sum(off**2) / len(x) + 1e-5) + shift


def linear(weights: Weights, name: str, x: np.ndarray, head: int | None = None) -> np.ndarray:
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
    if head is not None:
        weight, bias = weight[head], None if bias is None else bias[head]
    out = np.array([sum(w * v for w, v in zip(row, x, strict=True)) for row in weight])
    return out if bias is None else out + bias


def state_value(weights: Weights, x: np.ndarray) -> complex:
    return network(weights, "value", x)[0] if "value.0.weight" in weights else 0.0


def vdn(weights: Weights, chosen: np.ndarray, moment: Moment, *, feed: str = "state") -> complex:
    return sum(chosen) + state_value(weights, moment.feed(feed))


def qmix(weights: Weights, chosen: np.ndarray, moment: Moment, *, feed: str = "state") -> complex:
    """Where a `.constant` is given, it takes the place of a hypernetwork's output."""
    x = moment.feed(feed)

    def produce(name: str) -> np.ndarray:
        constant = weights.get(f"{name}.constant")
        return network(weights, name, x) if constant is None else constant

    mixed = chosen
    if "hidden_weights.0.weight" in weights or "hidden_weights.constant" in weights:
        signed, bias = produce("hidden_weights"), produce("hidden_bias")
        embed = len(bias)
        mixed = np.array(
            [
                elu(sum(q * magnitude(signed[i * embed + e]) for i, q in enumerate(chosen)) + bias[e])
                for e in range(embed)
            ]
        )
    final = produce("final_weights")
    return sum(m * magnitude(w) for m, w in zip(mixed, final, strict=True)) + produce("value")[0]


def qatten(
    weights: Weights,
    chosen: np.ndarray,
    moment: Moment,
    *,
    nonlinear: bool = False,
    dead: str = "keep",
    regulariser: float = 0.0,
    regulariser_form: str = "authors",
    feed: str = "state",
    keys: str = "units",
) -> tuple[Any, Any]:
    """Q_tot, and this moment's penalty."""
    x = moment.feed(feed)
    seen = moment.units if keys == "units" else moment.obs
    living = {"keep": np.ones(len(chosen), bool), "alive": moment.alive, "action-0": moment.actions != 0}[dead]
    heads = weights["key.weight"].shape[0]
    head_weights = magnitude(network(weights, "head_weights", x)) if "head_weights.0.weight" in weights else [1] * heads
    q_tot, penalty = state_value(weights, x), 0.0
    for head in range(heads):
        query = network(weights, "query", x, head)
        logits = []
        for i, utility in enumerate(chosen):
            reads = np.append(seen[i], utility) if nonlinear else seen[i]
            logits.append(sum(query * linear(weights, "key", reads, head)))
        logits = np.array(logits)
        scaled = logits / np.sqrt(len(query))
        share = softmax(np.where(living, scaled, -1e8) if living.any() else np.zeros(len(chosen)))
        q_tot = q_tot + head_weights[head] * sum(share * chosen)
        if regulariser_form == "authors":
            penalty = penalty + np.mean(logits**2)
        elif moment.alive.any():
            penalty = penalty + np.mean(scaled[moment.alive] ** 2)
    return q_tot, regulariser * penalty


def qlinear(weights: Weights, chosen: np.ndarray, moment: Moment) -> complex:
    q_tot = state_value(weights, moment.state)
    for i, utility in enumerate(chosen):
        weight = network(weights, "weight", np.concatenate([moment.units[i], moment.state]))[0]
        q_tot = q_tot + magnitude(weight) * utility
    return q_tot


def importance(weights: Weights, moment: Moment) -> np.ndarray:
    """QPLEX's λ, one kernel and one agent at a time."""
    agents = len(moment.actions)
    columns = weights["importance.actions.0.weight"].shape[-1]
    choices = (columns - len(moment.state)) // agents
    rows = [np.arange(choices) == action for action in moment.actions]
    joint = np.concatenate([moment.state, *rows])
    total = np.zeros(agents, dtype=complex)
    for kernel in range(weights["importance.magnitudes.0.weight"].shape[0]):
        size = magnitude(network(weights, "importance.magnitudes", moment.state, kernel))[0] + 1e-10
        agent = sigmoid(network(weights, "importance.agents", moment.state, kernel))
        action = sigmoid(network(weights, "importance.actions", joint, kernel))
        for i in range(agents):
            total[i] += size * agent[i] * action[i]
    return total


def dueling(weights: Weights, advantages: np.ndarray, moment: Moment, *, minus_one: bool) -> complex:
    """The last sum of QPLEX; the real part of an advantage carries no derivative."""
    total = importance(weights, moment)
    return sum((share - minus_one) * held for share, held in zip(total, np.real(advantages), strict=True))


def qplex(weights: Weights, chosen: np.ndarray, moment: Moment, *, minus_one: bool = True) -> complex:
    size, value = np.ones(len(chosen)), np.zeros(len(chosen))
    if "weights.0.weight" in weights:
        size = magnitude(network(weights, "weights", moment.state)) + 1e-10
        value = network(weights, "values", moment.state)
    utilities = size * chosen + value
    most = size * moment.best + value
    return sum(utilities) + dueling(weights, utilities - most, moment, minus_one=minus_one)


def qplex_qatten(
    weights: Weights, chosen: np.ndarray, moment: Moment, *, minus_one: bool, attention: dict[str, Any]
) -> tuple[Any, Any]:
    """Qatten's part is linear in the utilities: what weighs agent i is the difference that 1 more of it makes."""
    inner = {name.removeprefix("attention."): a for name, a in weights.items() if name.startswith("attention.")}
    v_tot, penalty = qatten(inner, chosen, moment, **attention)
    steps = np.eye(len(chosen))
    size = np.array([qatten(inner, chosen + step, moment, **attention)[0] - v_tot for step in steps])
    return v_tot + dueling(weights, size * (chosen - moment.best), moment, minus_one=minus_one), penalty


def monotone(weights: Weights, chosen: np.ndarray, moment: Moment, *, groups: int, feed: str = "state") -> complex:
    x = moment.feed(feed)
    signed, bias = network(weights, "weights", x), network(weights, "bias", x)
    outer, inner = np.exp(weights["log_sharpness"])
    pieces, agents = len(bias) // groups, len(chosen)
    least = []
    for k in range(groups):
        sums = []
        for j in range(k * pieces, (k + 1) * pieces):
            sums.append(sum(magnitude(signed[j * agents + i]) * q for i, q in enumerate(chosen)) + bias[j])
        least.append(-np.log(np.mean(np.exp(-inner * np.array(sums)))) / inner)
    return np.log(np.mean(np.exp(outer * np.array(least)))) / outer + state_value(weights, x)
