"""Our mixers as the references see them."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from qohort.mixers import QMIX, QPLEX, VDN, MixerConfig, Monotone, Qatten, Qlinear, QPLEXQatten
from tests.references import mixers as reference


def by_name(mixer: Any) -> dict[str, np.ndarray]:
    """The arrays of a mixer, or of its gradient, under the references' names."""
    named: dict[str, Any] = {}
    for field in dataclasses.fields(mixer):
        part = getattr(mixer, field.name)
        if field.name in ("importance", "attention"):
            named |= {f"{field.name}.{name}": array for name, array in by_name(part).items()}
        elif hasattr(part, "layers"):
            for i, (layer, norm) in enumerate(zip(part.layers, [*part.norms, None], strict=True)):
                named |= weights_of(f"{field.name}.{i}", layer) | weights_of(f"{field.name}.{i}.norm", norm)
        elif hasattr(part, "value"):
            named[f"{field.name}.constant"] = part.value
        elif hasattr(part, "weight"):
            named |= weights_of(field.name, part)
    if hasattr(mixer, "log_sharpness"):
        named["log_sharpness"] = mixer.log_sharpness
    if hasattr(mixer, "unit_weights"):
        named["weight.0.weight"] = jnp.concatenate([mixer.unit_weights, mixer.state_weights], axis=1)
        named["weight.0.bias"] = mixer.bias
        if mixer.last is not None:
            named["weight.1.weight"] = named.pop("last.weight")
        if mixer.norm is not None:
            named |= {f"weight.0.norm.{kind}": named.pop(f"norm.{kind}") for kind in ("weight", "bias")}
    return {name: np.asarray(array) for name, array in named.items() if array is not None}


def weights_of(name: str, layer: Any) -> dict[str, Any]:
    """Of a linear layer, of a normalisation, or of none."""
    return {} if layer is None else {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}


def expected(config: MixerConfig, weights: dict, chosen: np.ndarray, moment: reference.Moment) -> tuple[Any, Any]:
    """Q_tot, and this moment's penalty."""
    match config:
        case Qatten():
            return reference.qatten(weights, chosen, moment, **qatten_options(config))
        case QPLEXQatten():
            attention, minus_one = qatten_options(config.attention), config.importance.minus_one
            return reference.qplex_qatten(weights, chosen, moment, minus_one=minus_one, attention=attention)
        case VDN():
            value = reference.vdn(weights, chosen, moment, feed=config.feed)
        case QMIX():
            value = reference.qmix(weights, chosen, moment, feed=config.feed)
        case Qlinear():
            value = reference.qlinear(weights, chosen, moment)
        case QPLEX():
            value = reference.qplex(weights, chosen, moment, minus_one=config.importance.minus_one)
        case Monotone():
            value = reference.monotone(weights, chosen, moment, groups=config.groups, feed=config.feed)
        case _:
            raise AssertionError(config)
    return value, 0.0


def qatten_options(config: Qatten) -> dict[str, Any]:
    names = ("nonlinear", "dead", "regulariser", "regulariser_form", "feed", "keys")
    return {name: getattr(config, name) for name in names}


def moment_of(observation: Any, actions: Any, best: Any) -> reference.Moment:
    names = ("obs", "state", "units", "alive")
    fields = {name: np.asarray(getattr(observation, name)) for name in names}
    return reference.Moment(**fields, actions=np.asarray(actions), best=np.asarray(best))
