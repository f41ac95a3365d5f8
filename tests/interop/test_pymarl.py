"""PyMARL's weights: in, out, and what is said when they do not fit."""

import re
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.interop.pymarl import (
    Dialect,
    agent_config_from_pymarl,
    agent_from_pymarl,
    mixer_config_from_pymarl,
    mixer_from_pymarl,
    to_pymarl,
)
from qohort.interop.th_file import read_th
from qohort.mixers import QMIX, QPLEX, VDN, Importance, MixerConfig, Qatten, Qlinear, QPLEXQatten
from qohort.networks.base import View
from qohort.networks.recurrent import Recurrent
from tests.references.moments import random_moment, spec_of

SPEC = spec_of(agents=3, actions=4, obs=5, state=6, units=2)
SMALL: dict[str, Any] = {"embed": 3, "hypernet_hidden": 7}


@pytest.mark.parametrize("dialect", ["pymarl", "pymarl2"])
@pytest.mark.parametrize(
    "config",
    [
        VDN(),
        QMIX(**SMALL),
        QMIX(embed=3, hypernet_layers=1),
        Qatten(heads=2, **SMALL),
        Qatten(heads=1, embed=3, hypernet_layers=1, weighted_head=True, state_bias=False),
        Qatten(heads=2, nonlinear=True, weighted_head=True, biases=True, **SMALL),
        Qlinear(**SMALL),
        Qlinear(embed=3, hypernet_layers=1),
        QPLEX(hypernet_hidden=7, importance=Importance(kernels=2, layers=3, hidden=5)),
        QPLEX(transformation=False, importance=Importance(kernels=3, layers=1)),
        QPLEXQatten(
            attention=Qatten(heads=2, weighted_head=True, state_bias=False, **SMALL),
            importance=Importance(kernels=2, layers=2, hidden=5),
        ),
    ],
    ids=repr,
)
def test_out_and_in_again(config: MixerConfig, dialect: Dialect) -> None:
    mixer = config.build(SPEC, jax.random.key(1))
    arrays = to_pymarl(mixer, dialect)
    settings = {"regulariser": 0.01} if isinstance(config, Qatten | QPLEXQatten) else {}
    assert mixer_config_from_pymarl(arrays, SPEC, **settings) == config
    again = mixer_from_pymarl(arrays, SPEC, **settings)
    assert eqx.tree_equal(mixer, again)


def test_names_and_shapes_are_pytorchs() -> None:
    arrays = to_pymarl(Qatten(heads=2, weighted_head=True, **SMALL).build(SPEC, jax.random.key(0)))
    assert {name: array.shape for name, array in arrays.items()} == {
        "selector_extractors.0.0.weight": (7, 6),
        "selector_extractors.0.0.bias": (7,),
        "selector_extractors.0.2.weight": (3, 7),
        "selector_extractors.1.0.weight": (7, 6),
        "selector_extractors.1.0.bias": (7,),
        "selector_extractors.1.2.weight": (3, 7),
        "key_extractors.0.weight": (3, 2),
        "key_extractors.1.weight": (3, 2),
        "hyper_w_head.0.weight": (7, 6),
        "hyper_w_head.0.bias": (7,),
        "hyper_w_head.2.weight": (2, 7),
        "hyper_w_head.2.bias": (2,),
        "V.0.weight": (3, 6),
        "V.0.bias": (3,),
        "V.2.weight": (1, 3),
        "V.2.bias": (1,),
    }


def test_qplex_has_a_module_for_each_kernel() -> None:
    arrays = to_pymarl(
        QPLEX(hypernet_hidden=7, importance=Importance(kernels=1, layers=2, hidden=5)).build(SPEC, jax.random.key(0))
    )
    assert {name: array.shape for name, array in arrays.items() if name.endswith("weight")} == {
        "hyper_w_final.0.weight": (7, 6),
        "hyper_w_final.2.weight": (3, 7),
        "V.0.weight": (7, 6),
        "V.2.weight": (3, 7),
        "si_weight.key_extractors.0.0.weight": (5, 6),
        "si_weight.key_extractors.0.2.weight": (1, 5),
        "si_weight.agents_extractors.0.0.weight": (5, 6),
        "si_weight.agents_extractors.0.2.weight": (3, 5),
        "si_weight.action_extractors.0.0.weight": (5, 6 + 3 * 4),
        "si_weight.action_extractors.0.2.weight": (3, 5),
    }


def test_settings_reach_the_part_that_has_them_and_unused_networks_are_left_out() -> None:
    config = QPLEXQatten(attention=Qatten(heads=2, **SMALL), importance=Importance(kernels=1, layers=1))
    arrays = to_pymarl(config.build(SPEC, jax.random.key(0)))
    settings = {"dead": "alive", "regulariser": 0.5, "state_bias": False, "minus_one": False}
    mixer: Any = mixer_from_pymarl(arrays, SPEC, **settings)
    assert mixer.attention.config == Qatten(heads=2, dead="alive", regulariser=0.5, state_bias=False, **SMALL)
    assert not mixer.importance.minus_one

    arrays = to_pymarl(QPLEX().build(SPEC, jax.random.key(0)))
    plain: Any = mixer_from_pymarl(arrays, SPEC, transformation=False)
    assert plain.weights is None
    assert plain.values is None


def test_qlinear_reads_the_own_part_first() -> None:
    mixer = Qlinear(embed=3, hypernet_layers=1).build(SPEC, jax.random.key(0))
    weight = to_pymarl(mixer)["weight_nn.weight"]
    np.testing.assert_array_equal(weight, np.concatenate([mixer.unit_weights, mixer.state_weights], axis=1))


def test_gradients_go_out_under_the_same_names() -> None:
    mixer = QMIX(**SMALL).build(SPEC, jax.random.key(0))
    seen = random_moment(SPEC, np.random.default_rng(0))
    chosen = jnp.array([1.0, 2.0, 3.0])
    gradient = jax.grad(lambda m: m(chosen, chosen, seen, jnp.zeros(3, int)).q_tot[0])(mixer)
    arrays = to_pymarl(gradient)
    assert set(arrays) == set(to_pymarl(mixer))
    np.testing.assert_array_equal(arrays["V.2.bias"], [1.0])


def test_pymarl2_may_have_a_width_for_each_network_and_unused_head_weights() -> None:
    arrays = to_pymarl(
        Qatten(heads=2, weighted_head=True, biases=True, **SMALL).build(SPEC, jax.random.key(0)), "pymarl2"
    )
    rng = np.random.default_rng(0)
    arrays["constrant_value_layer.0.weight"] = rng.normal(size=(9, 6))
    arrays["constrant_value_layer.0.bias"] = rng.normal(size=9)
    arrays["constrant_value_layer.2.weight"] = rng.normal(size=(1, 9))
    mixer: Any = mixer_from_pymarl(arrays, SPEC, weighted_head=False)
    assert mixer.head_weights is None
    assert mixer.config.regulariser == 0
    seen = random_moment(SPEC, rng)
    out = mixer(jnp.ones(3), jnp.ones(3), seen, jnp.zeros(3, int))
    hidden = np.maximum(
        arrays["constrant_value_layer.0.weight"] @ seen.state + arrays["constrant_value_layer.0.bias"], 0
    )
    value = arrays["constrant_value_layer.2.weight"] @ hidden + arrays["constrant_value_layer.2.bias"]
    np.testing.assert_allclose(out.q_tot, 2 + value, rtol=1e-5)


@pytest.mark.parametrize("seen", [(True, True), (True, False), (False, True), (False, False)])
def test_the_agent_knows_from_its_columns_what_it_reads(seen: tuple[bool, bool]) -> None:
    config = Recurrent(hidden=8, last_action=seen[0], agent_id=seen[1])
    arrays = to_pymarl(config.build(SPEC, jax.random.key(0)))
    assert agent_config_from_pymarl(arrays, SPEC) == config
    again = to_pymarl(agent_from_pymarl(arrays, SPEC))
    assert all(np.array_equal(again[name], array) for name, array in arrays.items())


def test_a_torch_agent_computes_the_same(tmp_path: Any) -> None:
    torch: Any = pytest.importorskip("torch")
    steps, batch, hidden = 4, 2, 8
    torch.manual_seed(0)
    layers = torch.nn.ModuleDict(
        {
            "fc1": torch.nn.Linear(5 + 4 + 3, hidden),
            "rnn": torch.nn.GRUCell(hidden, hidden),
            "fc2": torch.nn.Linear(hidden, 4),
        }
    )
    torch.save(layers.state_dict(), tmp_path / "agent.th")
    team = agent_from_pymarl(read_th(tmp_path / "agent.th"), SPEC)

    rng = np.random.default_rng(0)
    seen = random_moment(SPEC, rng, rows=(steps, batch))
    last = rng.integers(4, size=(steps, batch, 3))
    last[0] = -1
    view = View(obs=seen.obs, avail=seen.avail, alive=seen.alive, last_action=jnp.array(last))
    first = jnp.zeros((steps, batch), bool).at[0].set(values=True)
    values = team(team.initial(batch), view, first)[0].values

    state = torch.zeros(batch * 3, hidden)
    for t in range(steps):
        inputs = np.concatenate(
            [np.asarray(seen.obs[t]), np.eye(5)[last[t]][..., :4], np.tile(np.eye(3), (batch, 1, 1))], axis=-1
        )
        with torch.no_grad():
            x = torch.relu(layers["fc1"](torch.tensor(inputs, dtype=torch.float32).reshape(batch * 3, -1)))
            state = layers["rnn"](x, state)
            expected = layers["fc2"](state).reshape(batch, 3, 4).numpy()
        np.testing.assert_allclose(values[t], expected, atol=1e-5)


def renamed(arrays: dict, old: str, new: str | None) -> dict:
    return {new if name == old else name: array for name, array in arrays.items() if name != old or new is not None}


QATTEN = to_pymarl(Qatten(heads=2, **SMALL).build(SPEC, jax.random.key(0)))
AGENT = to_pymarl(Recurrent(hidden=8).build(SPEC, jax.random.key(0)))


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (lambda: mixer_from_pymarl({"net.weight": np.zeros(3)}, SPEC), "No mixer known here has weights named `net.we"),
        (lambda: mixer_from_pymarl(renamed(QATTEN, "V.2.bias", None), SPEC), "These weights lack `V.2.bias`; a Qatten"),
        (lambda: mixer_from_pymarl({**QATTEN, "extra": np.zeros(1)}, SPEC), "QattenMixer has no weights named `extra`"),
        (
            lambda: mixer_from_pymarl(QATTEN, spec_of(state=7)),
            "has the shape (7, 6); in sizes, with 3 agents, 4 actions",
        ),
        (
            lambda: mixer_from_pymarl(QATTEN, spec_of(state=6, units=5)),
            "`key_extractors.0.weight` has the shape (3, 2)",
        ),
        (
            lambda: agent_from_pymarl(AGENT, spec_of(obs=20)),
            "`fc1.weight` reads 12 entries; in sizes an agent has 20 of",
        ),
        (lambda: agent_from_pymarl({}, SPEC), "These weights lack `fc1.weight`; they have none."),
        (lambda: agent_from_pymarl({"fc1.weight": np.zeros(3)}, SPEC), "`fc1.weight` has the shape (3,)"),
        (lambda: mixer_from_pymarl(QATTEN, SPEC, foo=3), "Qatten has no setting 'foo'; it has heads"),
        (lambda: mixer_from_pymarl({}, SPEC, heads=3), "VDN has no setting 'heads'; it has"),
        (lambda: to_pymarl(QMIX(linear=True).build(SPEC, jax.random.key(0))), "PyMARL has no names for the weights of"),
        (
            lambda: to_pymarl(Qatten(norm=True).build(SPEC, jax.random.key(0))),
            "no names for the normalisation of Q",
        ),
        (
            lambda: to_pymarl(Qlinear(norm=True, state_bias=False).build(SPEC, jax.random.key(0))),
            "PyMARL has no names for the weights of Q",
        ),
        (lambda: to_pymarl(Recurrent(norm=True).build(SPEC, jax.random.key(0))), "PyMARL has no names for the weights"),
        (lambda: read_th("nowhere/agent.th"), "nowhere/agent.th: there is no such file"),
    ],
)
def test_what_does_not_fit_is_said(load: Any, sentence: str) -> None:
    if "nowhere" in sentence:
        pytest.importorskip("torch")
    with pytest.raises(QohortError, match=re.escape(sentence)):
        load()


def test_without_torch_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(QohortError, match=re.escape("pip install -e '.[pymarl]'")):
        read_th("agent.th")
