"""Our mixers as the references see them."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from qohort.mixers import QMIX, VDN, MixerConfig, Qatten, Qlinear
from tests.references import mixers as reference


def by_name(mixer: Any) -> dict[str, np.ndarray]:
    """The arrays of a mixer, or of its gradient, under the references' names."""
    named: dict[str, Any] = {}
    for field in dataclasses.fields(mixer):
        part = getattr(mixer, field.name)
        if hasattr(part, "layers"):
            for i, layer in enumerate(part.layers):
                named |= {f"{field.name}.{i}.weight": layer.weight, f"{field.name}.{i}.bias": layer.bias}
        elif hasattr(part, "value"):
            named[f"{field.name}.constant"] = part.value
        elif hasattr(part, "weight"):
            named |= {f"{field.name}.weight": part.weight, f"{field.name}.bias": part.bias}
    if hasattr(mixer, "unit_weights"):
        named["weight.0.weight"] = jnp.concatenate([mixer.unit_weights, mixer.state_weights], axis=1)
        named["weight.0.bias"] = mixer.bias
        if mixer.last is not None:
            named["weight.1.weight"] = named.pop("last.weight")
    return {name: np.asarray(array) for name, array in named.items() if array is not None}


def expected(config: MixerConfig, weights: dict, chosen: np.ndarray, moment: reference.Moment) -> tuple[Any, Any]:
    match config:
        case VDN():
            return reference.vdn(weights, chosen, moment, feed=config.feed), 0.0
        case QMIX():
            return reference.qmix(weights, chosen, moment, feed=config.feed), 0.0
        case Qlinear():
            return reference.qlinear(weights, chosen, moment), 0.0
        case Qatten():
            names = ("nonlinear", "dead", "regulariser", "regulariser_form", "feed", "keys")
            options = {name: getattr(config, name) for name in names}
            return reference.qatten(weights, chosen, moment, **options)
        case _:
            raise AssertionError(config)


def moment_of(observation: Any, actions: Any) -> reference.Moment:
    names = ("obs", "state", "units", "alive")
    return reference.Moment(
        **{name: np.asarray(getattr(observation, name)) for name in names}, actions=np.asarray(actions)
    )
