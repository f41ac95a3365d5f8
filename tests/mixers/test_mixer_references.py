"""Mixers against plain NumPy versions of their equations: values and every gradient."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.mixers import (
    QMIX,
    QPLEX,
    VDN,
    AbstractMixer,
    Importance,
    Independent,
    MixerConfig,
    Monotone,
    Qatten,
    Qlinear,
    QPLEXQatten,
)
from tests.references.derivatives import gradients
from tests.references.moments import random_moment, spec_of
from tests.references.ours import by_name, expected, moment_of

SPEC = spec_of(agents=3, actions=4, obs=3, state=4, units=2)
SMALL: dict[str, Any] = {"embed": 3, "hypernet_hidden": 3}
QATTEN: dict[str, Any] = {"heads": 2, "regulariser": 0.1, **SMALL}

CONFIGS: list[MixerConfig] = [
    VDN(),
    VDN(state_bias=True, embed=3),
    VDN(state_bias=True, embed=3, feed="observations"),
    QMIX(**SMALL),
    QMIX(hypernet_layers=1, **SMALL),
    QMIX(state=False, **SMALL),
    QMIX(linear=True, **SMALL),
    QMIX(linear=True, state=False, **SMALL),
    QMIX(feed="observations", **SMALL),
    QMIX(norm=True, **SMALL),
    Qatten(**QATTEN),
    Qatten(hypernet_layers=1, weighted_head=True, **QATTEN),
    Qatten(weighted_head=True, biases=True, state_bias=False, **QATTEN),
    Qatten(nonlinear=True, **QATTEN),
    Qatten(dead="alive", regulariser_form="corrected", **QATTEN),
    Qatten(dead="action-0", **QATTEN),
    Qatten(feed="observations", keys="observations", nonlinear=True, **QATTEN),
    Qatten(weighted_head=True, norm=True, **QATTEN),
    Qlinear(**SMALL),
    Qlinear(hypernet_layers=1, state_bias=False, **SMALL),
    Qlinear(norm=True, **SMALL),
    Qlinear(norm=True, hypernet_layers=1, **SMALL),
    QPLEX(hypernet_hidden=3, importance=Importance(kernels=2, layers=1)),
    QPLEX(transformation=False, importance=Importance(kernels=1, layers=3, hidden=3)),
    QPLEX(hypernet_hidden=3, norm=True, importance=Importance(kernels=2, layers=2, hidden=3, norm=True)),
    QPLEXQatten(attention=Qatten(**QATTEN), importance=Importance(kernels=2, layers=2, hidden=2, minus_one=False)),
    QPLEXQatten(
        attention=Qatten(weighted_head=True, dead="alive", state_bias=False, **QATTEN),
        importance=Importance(kernels=1, layers=1),
    ),
    Monotone(groups=2, pieces=3, sharpness=2.0, **SMALL),
    Monotone(groups=2, pieces=2, norm=True, **SMALL),
    Monotone(groups=3, pieces=1, hypernet_layers=1, feed="observations", **SMALL),
]


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize(("x64", "tolerance"), [(False, 1e-5), (True, 1e-9)])
def test_values_and_gradients(config: MixerConfig, x64: bool, tolerance: float) -> None:
    with jax.enable_x64(x64):
        rng = np.random.default_rng(7)
        observation = random_moment(SPEC, rng)
        observation = eqx.tree_at(lambda o: o.alive, observation, jnp.array([True, False, True]))
        chosen, actions = jnp.array(rng.normal(size=3)), jnp.array([1, 0, 2])
        best = chosen + jnp.array([0.5, 0.0, 2.0])
        mixer = config.build(SPEC, jax.random.key(3))

        def loss(mixer: AbstractMixer, chosen: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            out = mixer(chosen, best, observation, actions)
            return out.q_tot[0] + 2 * out.regulariser, (out.q_tot[0], out.regulariser)

        (weight_grad, chosen_grad), (q_tot, regulariser) = grads_of(loss, mixer, chosen)
        weights, moment = by_name(mixer), moment_of(observation, actions, best)
        assert all(array.dtype == (np.float64 if x64 else np.float32) for array in weights.values())
        wanted = expected(config, weights, np.asarray(chosen, float), moment)
        np.testing.assert_allclose(q_tot, wanted[0], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(regulariser, wanted[1], rtol=tolerance, atol=tolerance)

        def total(point: dict) -> complex:
            point = dict(point)
            value, penalty = expected(config, point, point.pop("chosen"), moment)
            return value + 2 * penalty

        found = {**by_name(weight_grad), "chosen": np.asarray(chosen_grad)}
        exact = gradients(total, {**weights, "chosen": np.asarray(chosen)})
        assert set(found) == set(exact)
        for name, gradient in exact.items():
            np.testing.assert_allclose(found[name], gradient, rtol=tolerance, atol=tolerance, err_msg=name)


def grads_of(loss: Any, mixer: AbstractMixer, chosen: jax.Array) -> Any:
    arrays, rest = eqx.partition(mixer, eqx.is_inexact_array)
    return jax.grad(lambda a, q: loss(eqx.combine(a, rest), q), argnums=(0, 1), has_aux=True)(arrays, chosen)


def test_independent_hands_on() -> None:
    observation = random_moment(SPEC, np.random.default_rng(0))
    chosen = jnp.array([1.0, -2.0, 3.0])
    mixer = Independent().build(SPEC, jax.random.key(0))
    np.testing.assert_array_equal(mixer(chosen, chosen, observation, jnp.zeros(3, int)).q_tot, chosen)
