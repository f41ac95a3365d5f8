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

from qohort.envs import make
from qohort.errors import QohortError
from qohort.mixers import QMIX, QPLEX, VDN, Importance, Independent, MixerConfig, Monotone, Qatten, Qlinear, QPLEXQatten
from qohort.mixers.base import AbstractMixer, MixerOutput
from qohort.mixers.qmix import Sign
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


@pytest.mark.parametrize(
    ("sign", "weights"),
    [
        ("quadratic", (2.0, 0.125)),
        ("softplus", (math.log1p(math.exp(-2)), math.log1p(math.exp(0.5)))),
        ("free", (-2.0, 0.5)),
    ],
)
def test_other_signs_of_qmix(sign: Sign, weights: tuple[float, float]) -> None:
    mixer = ones(QMIX(embed=1, hypernet_layers=1, linear=True, sign=sign))
    mixer = eqx.tree_at(lambda m: m.final_weights.layers[0].weight, mixer, jnp.array([[-2.0], [0.5]]))
    np.testing.assert_allclose(mix(mixer).q_tot, [4 * weights[0] + 8 * weights[1] + 1], rtol=1e-6)


def test_both_layers_of_qmix_have_the_sign() -> None:
    mixer = ones(QMIX(embed=1, hypernet_layers=1, sign="free"))
    mixer = eqx.tree_at(lambda m: m.hidden_weights.layers[0].weight, mixer, jnp.array([[-1.0], [1.0]]))
    mixer = eqx.tree_at(lambda m: m.final_weights.layers[0].weight, mixer, jnp.array([[-2.0]]))
    assert mix(mixer).q_tot == -2 * (-4 + 8 + 1) + 1


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


def test_qatten_takes_action_0_for_death_only_where_it_is() -> None:
    with pytest.raises(QohortError, match="in pursuit/stag-hunt that is 'right', which the living"):
        Qatten(dead="action-0").build(make("pursuit/stag-hunt").spec, jax.random.key(0))
    assert Qatten(dead="action-0").build(make("battle/3m").spec, jax.random.key(0)).config.dead == "action-0"


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


def two_importances(mixer: Any) -> Any:
    """υ = 3; φ = ¾ and ½; λ_k = ¾ for agent 0 when agent 1 takes action 1, else ½ for both agents."""
    joint = jnp.zeros((1, 2, 5)).at[0, 0, 4].set(LN3)

    def layers(m: Any) -> list:
        parts = (m.importance.magnitudes, m.importance.agents, m.importance.actions)
        return [leaf for part in parts for leaf in (part.layers[0].weight, part.layers[0].bias)]

    agents = jnp.array([[LN3, 0.0]])
    arrays = [jnp.full((1, 1, 1), -3.0), jnp.zeros((1, 1)), jnp.zeros((1, 2, 1)), agents, joint, jnp.zeros((1, 2))]
    return eqx.tree_at(layers, mixer, arrays)


def duplex(**settings: Any) -> Any:
    """w = 2 and ½; b = 1 and 10."""
    mixer = two_importances(ones(QPLEX(hypernet_hidden=1, importance=Importance(kernels=1, layers=1, **settings))))
    mixer = eqx.tree_at(lambda m: m.weights.layers[1].weight, mixer, jnp.array([[-2.0], [0.5]]))
    return eqx.tree_at(lambda m: m.values.layers[1].weight, mixer, jnp.array([[1.0], [10.0]]))


BEST = jnp.array([5.0, 12.0])


def test_qplex_weighs_advantages_by_the_joint_action() -> None:
    # V = 2·4 + 1 + ½·8 + 10 = 23; A = 2·(4 − 5) and ½·(8 − 12), both −2; λ = 3·¾·¾ and 3·½·½.
    out = duplex()(CHOSEN, BEST, moment(), jnp.array([1, 1]))
    np.testing.assert_allclose(out.aux["importance"], [27 / 16, 3 / 4], rtol=1e-6)
    np.testing.assert_allclose(out.q_tot, [23 - 2 * 11 / 16 + 2 / 4], rtol=1e-6)
    # Another action of agent 1: λ = 3·¾·½ for agent 0.
    out = duplex()(CHOSEN, BEST, moment(), jnp.array([1, 0]))
    np.testing.assert_allclose(out.q_tot, [23 - 2 / 8 + 2 / 4], rtol=1e-6)
    out = duplex(minus_one=False)(CHOSEN, BEST, moment(), jnp.array([1, 1]))
    np.testing.assert_allclose(out.q_tot, [23 - 2 * 27 / 16 - 2 * 3 / 4], rtol=1e-6)


def test_qplex_of_best_actions_is_a_weighted_sum_whatever_the_importance() -> None:
    assert duplex()(CHOSEN, CHOSEN, moment(), jnp.array([1, 1])).q_tot == 23.0


def test_qplex_teaches_utilities_by_the_sum_and_importance_by_the_advantages() -> None:
    mixer, actions = duplex(), jnp.array([1, 1])
    value = lambda mixer, chosen, best: mixer(chosen, best, moment(), actions).q_tot[0]  # noqa: E731
    by_mixer, by_chosen, by_best = jax.grad(value, argnums=(0, 1, 2))(mixer, CHOSEN, BEST)
    np.testing.assert_allclose(by_chosen, [2.0, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(by_best, [0.0, 0.0])
    # dQ/dw_i = Q_i, with the sign of the undone magnitude; nothing comes through the advantages.
    np.testing.assert_allclose(by_mixer.weights.layers[1].bias, [-4.0, 8.0], rtol=1e-6)
    # dQ/dυ = Σ A_i φ_i λ_i = −2·9/16 − 2·¼.
    np.testing.assert_allclose(by_mixer.importance.magnitudes.layers[0].bias, [[26 / 16]], rtol=1e-6)


def test_qplex_on_qatten_weighs_advantages_by_attention() -> None:
    config = Qatten(heads=1, embed=4, hypernet_layers=1, state_bias=False)
    mixer = two_importances(ones(QPLEXQatten(attention=config, importance=Importance(kernels=1, layers=1))))
    mixer = eqx.tree_at(lambda m: m.attention.key.weight, mixer, replace_fn=lambda weight: weight / 2)
    # Attention ¼ and ¾: Qatten's 7, A = ¼·(4 − 5) and ¾·(8 − 12).
    out = mixer(CHOSEN, BEST, moment(), jnp.array([1, 1]))
    np.testing.assert_allclose(out.q_tot, [7 - 1 / 4 * 11 / 16 + 3 / 4], rtol=1e-6)


@pytest.mark.parametrize(("groups", "value"), [(2, (9 + 27) / 2), (1, 2 / (1 / 9 + 1 / 27))])
def test_the_monotone_mixer_takes_a_smooth_maximum_of_smooth_minima(groups: int, value: float) -> None:
    """Two sums, ln 9 and ln 27: as two groups the mean of 9 and 27 counts, as two pieces the harmonic mean."""
    mixer = ones(Monotone(groups=groups, pieces=2 // groups, hypernet_layers=1, embed=3))
    mixer = eqx.tree_at(
        lambda m: m.weights.layers[0].weight, mixer, jnp.array([[LN3 / 4], [LN3 / -8], [0], [3 * LN3 / 8]])
    )
    mixer = eqx.tree_at(lambda m: m.bias.layers[0].weight, mixer, jnp.zeros((2, 1)))
    np.testing.assert_allclose(mix(mixer).q_tot, [math.log(value) + 3], rtol=1e-6)


def test_one_network_of_two_layers_serves_every_feed() -> None:
    mixer = QMIX(feed="observations").build(SPEC, jax.random.key(0))
    moved = eqx.tree_at(lambda o: o.state, moment(), jnp.array([77.0]))
    assert mixer(CHOSEN, CHOSEN, moved, jnp.array([1, 1])).q_tot == mix(mixer).q_tot


@pytest.mark.parametrize("kind", [QMIX, QPLEX, Qatten, Qlinear])
def test_normalised_hypernetworks_do_not_know_how_large_the_state_is(kind: Any) -> None:
    """Without biases in front, a state a thousand times as large gives the same weights; the linear b_1 is left out."""
    config = kind(norm=True, hypernet_hidden=8, **({"linear": True} if kind is QMIX else {}))
    mixer = config.build(dataclasses.replace(SPEC, state_features=("a", "b")), jax.random.key(0))
    large = eqx.tree_at(lambda o: o.state, moment(), jnp.array([1e3, -2e3]))
    larger = eqx.tree_at(lambda o: o.state, moment(), jnp.array([1e6, -2e6]))
    q_tot, same = (mixer(CHOSEN, CHOSEN, seen, jnp.array([1, 1])).q_tot for seen in (large, larger))
    np.testing.assert_allclose(q_tot, same, rtol=1e-2)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Qatten(heads=0), "Qatten.heads is 0; it must be at least 1."),
        (lambda: Qatten(embed=-3), "Qatten.embed is -3; it must be at least 1."),
        (lambda: Qatten(regulariser=-0.5), "Qatten.regulariser is -0.5; it must be at least 0."),
        (lambda: QMIX(hypernet_hidden=0), "QMIX.hypernet_hidden is 0; it must be at least 1."),
        (lambda: VDN(embed=0), "VDN.embed is 0; it must be at least 1."),
        (lambda: Qlinear(embed=0), "Qlinear.embed is 0; it must be at least 1."),
        (lambda: QPLEX(hypernet_hidden=0), "QPLEX.hypernet_hidden is 0; it must be at least 1."),
        (lambda: Importance(kernels=0), "Importance.kernels is 0; it must be at least 1."),
        (lambda: Monotone(groups=0), "Monotone.groups is 0; it must be at least 1."),
        (lambda: Monotone(sharpness=0.0), "Monotone.sharpness is 0.0; it must be at least 0.001."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(make: Callable, sentence: str) -> None:
    with pytest.raises(QohortError, match=re.escape(sentence)):
        make()


@pytest.mark.parametrize("kind", [Independent, VDN, QMIX, Qatten, Qlinear, QPLEX, QPLEXQatten, Monotone])
def test_the_command_line_explains_every_setting(kind: type, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(kind, args=["--help"])
    page = " ".join(capsys.readouterr().out.split())
    for field in dataclasses.fields(kind):
        assert f"--{field.name.replace('_', '-')}" in page


def test_the_command_line_makes_the_same_settings() -> None:
    made = tyro.cli(Qatten, args=["--heads", "8", "--weighted-head", "--dead", "alive", "--hypernet-layers", "1"])
    assert made == Qatten(heads=8, weighted_head=True, dead="alive", hypernet_layers=1)
