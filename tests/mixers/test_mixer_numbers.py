"""Mixers against numbers worked out by hand, and settings that are refused."""

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tyro

from qohort.errors import QohortError
from qohort.mixers import QMIX, VDN, Independent, MixerConfig, Qatten, Qlinear
from qohort.mixers.base import AbstractMixer, MixerOutput
from qohort.mixers.qatten import Dead
from qohort.networks.hyper import require_choice
from qohort.spec import Observation
from tests.references.moments import spec_of

SPEC = spec_of(agents=2, actions=2, obs=1, state=1, units=1)
CHOSEN = jnp.array([4.0, 8.0])
LN3 = math.log(3)


def moment(alive: tuple[bool, bool] = (True, True)) -> Observation:
    """State 1; the agents' own parts are 0 and ln 3."""
    return Observation(
        obs=jnp.array([[5.0], [6.0]]),
        state=jnp.array([1.0]),
        units=jnp.array([[0.0], [LN3]]),
        avail=jnp.ones((2, 2), bool),
        alive=jnp.array(alive),
    )


def ones(config: MixerConfig) -> Any:
    """A mixer whose every weight is 1 and every bias 0."""
    mixer = config.build(SPEC, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.ones_like(leaf) if leaf.ndim > 1 else jnp.zeros_like(leaf), mixer)


def mix(mixer: AbstractMixer, actions: tuple[int, int] = (1, 1), **more: Any) -> MixerOutput:
    return mixer(CHOSEN, CHOSEN, moment(**more), jnp.array(actions))


def attentive(**settings: Any) -> Any:
    """One head of length 4, all ones: logits 4x, divided by √4. Own parts are halved to make the weights 1/4, 3/4."""
    mixer = ones(Qatten(heads=1, embed=4, hypernet_layers=1, state_bias=False, **settings))
    return eqx.tree_at(lambda m: m.key.weight, mixer, replace_fn=lambda weight: weight / 2)


def test_vdn_adds() -> None:
    assert mix(ones(VDN())).q_tot == 12.0


def test_vdn_adds_the_value_of_the_state() -> None:
    assert mix(ones(VDN(state_bias=True, embed=3))).q_tot == 12.0 + 3.0


def test_qmix() -> None:
    mixer = ones(QMIX(embed=1, hypernet_layers=1))
    mixer = eqx.tree_at(lambda m: m.hidden_weights.layers[0].weight, mixer, jnp.array([[-1.0], [0.5]]))
    mixer = eqx.tree_at(lambda m: m.hidden_bias.layers[0].weight, mixer, jnp.array([[-9.0]]))
    mixer = eqx.tree_at(lambda m: m.final_weights.layers[0].weight, mixer, jnp.array([[-2.0]]))
    # |−1|·4 + |½|·8 − 9 = −1; ELU(−1) = 1/e − 1; times |−2|, plus V = 1.
    np.testing.assert_allclose(mix(mixer).q_tot, [2 * (math.exp(-1) - 1) + 1], rtol=1e-6)


def test_qmix_linear_weighs_without_a_hidden_layer() -> None:
    mixer = ones(QMIX(embed=1, hypernet_layers=1, linear=True))
    mixer = eqx.tree_at(lambda m: m.final_weights.layers[0].weight, mixer, jnp.array([[-2.0], [0.5]]))
    assert mix(mixer).q_tot == 8.0 + 4.0 + 1.0


def test_qmix_without_state_does_not_look_at_it() -> None:
    mixer = QMIX(state=False).build(SPEC, jax.random.key(0))
    moved = eqx.tree_at(lambda o: o.state, moment(), jnp.array([77.0]))
    actions = jnp.array([1, 1])
    assert mixer(CHOSEN, CHOSEN, moved, actions).q_tot == mix(mixer).q_tot


def test_qatten_weighs_by_attention() -> None:
    out = mix(attentive())
    np.testing.assert_allclose(out.aux["attention"], [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(out.aux["logits"], [[0.0, 2 * LN3]], rtol=1e-6)
    np.testing.assert_allclose(out.q_tot, [0.25 * 4 + 0.75 * 8], rtol=1e-6)
    np.testing.assert_allclose(out.aux["entropies"], [-(0.25 * math.log(0.25) + 0.75 * math.log(0.75))], rtol=1e-5)


def test_qatten_weighs_heads_and_adds_the_value_of_the_state() -> None:
    mixer = ones(Qatten(heads=2, embed=1, hypernet_layers=1, weighted_head=True))
    mixer = eqx.tree_at(lambda m: m.head_weights.layers[0].weight, mixer, jnp.array([[-2.0], [3.0]]))
    mixer = eqx.tree_at(lambda m: m.key.weight, mixer, jnp.array([[[1.0]], [[0.0]]]))
    # Heads: ¼·4 + ¾·8 = 7 and (4 + 8)/2 = 6; 2·7 + 3·6 + 1.
    np.testing.assert_allclose(mix(mixer).q_tot, [33.0], rtol=1e-6)
    np.testing.assert_allclose(mix(mixer).aux["head_values"], [7.0, 6.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("dead", "alive", "actions", "value"),
    [
        ("keep", (True, False), (1, 0), 7.0),
        ("alive", (True, False), (1, 1), 4.0),
        ("alive", (False, True), (1, 1), 8.0),
        ("alive", (False, False), (1, 1), 6.0),
        ("action-0", (True, True), (1, 0), 4.0),
        ("action-0", (True, True), (0, 0), 6.0),
        ("action-0", (False, False), (1, 1), 7.0),
    ],
)
def test_qatten_leaves_dead_agents_out(dead: Any, alive: tuple, actions: tuple, value: float) -> None:
    np.testing.assert_allclose(mix(attentive(dead=dead), actions, alive=alive).q_tot, [value], rtol=1e-6)


def test_regulariser_of_the_authors_and_the_corrected_one() -> None:
    # Undivided logits 0 and 2 ln 3 of both agents; divided 0 and ln 3 of those alive.
    authors = attentive(regulariser=0.5, dead="alive")
    corrected = attentive(regulariser=0.5, dead="alive", regulariser_form="corrected")
    for alive, mean in {(True, True): LN3**2 / 2, (False, True): LN3**2, (True, False): 0, (False, False): 0}.items():
        np.testing.assert_allclose(mix(authors, alive=alive).regulariser, 0.5 * (2 * LN3) ** 2 / 2, rtol=1e-6)
        np.testing.assert_allclose(mix(corrected, alive=alive).regulariser, 0.5 * mean, rtol=1e-6)
    assert authors.regularise_padding
    assert not corrected.regularise_padding


def test_a_moment_without_living_agents_has_finite_gradients() -> None:
    config = Qatten(heads=2, embed=2, hypernet_hidden=2, dead="alive", regulariser_form="corrected")
    mixer = config.build(SPEC, jax.random.key(1))

    def loss(mixer: AbstractMixer) -> jax.Array:
        out = mix(mixer, alive=(False, False))
        return out.q_tot[0] + out.regulariser

    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.grad(loss)(mixer)))


def test_qlinear() -> None:
    mixer = ones(Qlinear(embed=2, hypernet_layers=1))
    mixer = eqx.tree_at(lambda m: m.state_weights, mixer, jnp.array([[-2.0]]))
    # |0 − 2|·4 + |ln 3 − 2|·8 + V = 2.
    np.testing.assert_allclose(mix(mixer).q_tot, [8 + 8 * (2 - LN3) + 2], rtol=1e-6)


def test_one_network_of_two_layers_serves_every_feed() -> None:
    mixer = QMIX(feed="observations").build(SPEC, jax.random.key(0))
    moved = eqx.tree_at(lambda o: o.state, moment(), jnp.array([77.0]))
    assert mixer(CHOSEN, CHOSEN, moved, jnp.array([1, 1])).q_tot == mix(mixer).q_tot


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Qatten(heads=0), "Qatten: `heads` is 0; it is at least 1. Set `heads=1` or more."),
        (lambda: Qatten(embed=-3), "Qatten: `embed` is -3; it is at least 1."),
        (lambda: Qatten(regulariser=-0.5), "Qatten: `regulariser` is -0.5; it is at least 0."),
        (
            lambda: require_choice("Qatten", Dead, dead="sometimes"),
            "Qatten: `dead` is 'sometimes'; choose one of 'keep', 'alive', 'action-0'.",
        ),
        (lambda: QMIX(hypernet_hidden=0), "QMIX: `hypernet_hidden` is 0; it is at least 1."),
        (lambda: VDN(embed=0), "VDN: `embed` is 0; it is at least 1."),
        (lambda: Qlinear(embed=0), "Qlinear: `embed` is 0; it is at least 1."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(make: Callable, sentence: str) -> None:
    with pytest.raises(QohortError, match=re.escape(sentence)):
        make()


@pytest.mark.parametrize("kind", [Independent, VDN, QMIX, Qatten, Qlinear])
def test_the_command_line_explains_every_setting(kind: type, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(kind, args=["--help"])
    page = " ".join(capsys.readouterr().out.split())
    for field in dataclasses.fields(kind):
        assert f"--{field.name.replace('_', '-')}" in page


def test_the_command_line_makes_the_same_settings() -> None:
    made = tyro.cli(Qatten, args=["--heads", "8", "--weighted-head", "--dead", "alive", "--hypernet-layers", "1"])
    assert made == Qatten(heads=8, weighted_head=True, dead="alive", hypernet_layers=1)
