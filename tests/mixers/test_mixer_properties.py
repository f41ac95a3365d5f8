"""What mixers promise: monotone, IGM, agents in any order, weights that share out a whole."""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qohort.mixers import (
    QMIX,
    QPLEX,
    VDN,
    AbstractMixer,
    Importance,
    MixerConfig,
    Monotone,
    Qatten,
    Qlinear,
    QPLEXQatten,
)
from qohort.spec import Observation
from tests.references.moments import random_moment, spec_of

SMALL: dict[str, Any] = {"embed": 4, "hypernet_hidden": 5}
MONOTONE: list[MixerConfig] = [
    VDN(state_bias=True, embed=4),
    QMIX(**SMALL),
    QMIX(state=False, **SMALL),
    QMIX(linear=True, **SMALL),
    Qatten(heads=2, **SMALL),
    Qatten(heads=2, weighted_head=True, dead="alive", regulariser_form="corrected", **SMALL),
    Qlinear(**SMALL),
    Monotone(groups=3, pieces=2, **SMALL),
    Monotone(groups=3, pieces=2, sharpness=50.0, **SMALL),
]
DUPLEX: list[QPLEX | QPLEXQatten] = [
    QPLEX(hypernet_hidden=5, importance=Importance(kernels=3, layers=1)),
    QPLEX(transformation=False, importance=Importance(kernels=2, layers=3, hidden=5)),
    QPLEXQatten(attention=Qatten(heads=2, **SMALL), importance=Importance(kernels=2, layers=1)),
]
"""IGM without being monotone."""
SEEDS = st.integers(0, 2**31 - 1)
AGENTS, ACTIONS = 3, 4
SPEC = spec_of(agents=AGENTS, actions=ACTIONS)


@eqx.filter_jit
def joint_values(mixer: AbstractMixer, utilities: jax.Array, observation: Observation, joint: jax.Array) -> jax.Array:
    """Q_tot of every joint action."""
    best = jnp.max(jnp.where(observation.avail, utilities, -jnp.inf), axis=-1)

    def value(actions: jax.Array) -> jax.Array:
        chosen = jnp.take_along_axis(utilities, actions[:, None], axis=1)[:, 0]
        return mixer(chosen, best, observation, actions).q_tot[0]

    return jax.vmap(value)(joint)


@eqx.filter_jit
def slopes(mixer: AbstractMixer, chosen: jax.Array, observation: Observation) -> jax.Array:
    actions = jnp.ones(chosen.shape, int)
    return jax.grad(lambda q: mixer(q, q, observation, actions).q_tot[0])(chosen)


def igm_gap(config: MixerConfig, seed: int, scale: float, agents: int = AGENTS, actions: int = ACTIONS) -> float:
    """By how much the best joint action beats the one that agents choose by themselves."""
    spec = spec_of(agents=agents, actions=actions)
    rng = np.random.default_rng(seed)
    observation = random_moment(spec, rng)
    utilities = jnp.array(scale * rng.normal(size=(agents, actions)))
    mixer = config.build(spec, jax.random.key(seed))
    joint = np.array(list(itertools.product(range(actions), repeat=agents)))
    possible = np.asarray(observation.avail)[np.arange(agents), joint].all(axis=1)
    values = np.asarray(joint_values(mixer, utilities, observation, jnp.array(joint)))
    alone = np.where(observation.avail, utilities, -np.inf).argmax(axis=1)
    chosen = values[(joint == alone).all(axis=1)][0]
    return float(values[possible].max() - chosen) / max(1.0, float(np.abs(values).max()))


@pytest.mark.parametrize("config", MONOTONE, ids=repr)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_monotone(config: MixerConfig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixer = config.build(SPEC, jax.random.key(seed))
    chosen = jnp.array(5 * rng.normal(size=AGENTS))
    assert np.all(np.asarray(slopes(mixer, chosen, random_moment(SPEC, rng))) >= 0)


@pytest.mark.parametrize("config", [*MONOTONE, *DUPLEX], ids=repr)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_igm(config: MixerConfig, seed: int) -> None:
    assert igm_gap(config, seed, scale=5.0) <= 1e-5


@pytest.mark.parametrize("config", [*MONOTONE, *DUPLEX], ids=repr)
@pytest.mark.parametrize(("agents", "actions"), [(2, 5), (4, 5), (1, 3)])
def test_igm_at_other_sizes(config: MixerConfig, agents: int, actions: int) -> None:
    assert igm_gap(config, 11, scale=5.0, agents=agents, actions=actions) <= 1e-5


def test_keys_that_read_utilities_lose_igm() -> None:
    """A negative control: the authors' `nonlinear` keys make some joint action beat the agents' own choices."""
    config = Qatten(heads=1, nonlinear=True, **SMALL)
    gaps = [igm_gap(config, seed, scale=5.0) for seed in range(20)]
    assert max(gaps) > 0.01


@pytest.mark.parametrize(
    "config",
    [
        Qatten(heads=2, weighted_head=True, **SMALL),
        Qatten(heads=2, dead="alive", regulariser_form="corrected", **SMALL),
        Qatten(heads=2, dead="action-0", nonlinear=True, **SMALL),
        Qlinear(**SMALL),
    ],
    ids=repr,
)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, order=st.permutations(range(AGENTS)))
def test_the_order_of_agents_does_not_matter(config: MixerConfig, seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    mixer = config.build(SPEC, jax.random.key(seed))
    seen = random_moment(SPEC, rng)
    chosen, actions = jnp.array(rng.normal(size=AGENTS)), jnp.array(rng.integers(ACTIONS, size=AGENTS))
    turn = jnp.array(order)
    turned = Observation(
        obs=seen.obs[turn],
        state=seen.state,
        units=seen.units[turn],
        avail=seen.avail[turn],
        alive=seen.alive[turn],
    )
    plain = mixer(chosen, chosen, seen, actions)
    other = mixer(chosen[turn], chosen[turn], turned, actions[turn])
    np.testing.assert_allclose(other.q_tot, plain.q_tot, atol=1e-5)
    np.testing.assert_allclose(other.regulariser, plain.regulariser, atol=1e-5)
    credit = "attention" if isinstance(config, Qatten) else "weights"
    np.testing.assert_allclose(other.aux[credit], plain.aux[credit][..., turn], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_attention_is_shared_out_among_the_living(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = random_moment(SPEC, rng)
    mixer = Qatten(heads=2, dead="alive", **SMALL).build(SPEC, jax.random.key(seed))
    chosen = jnp.array(rng.normal(size=AGENTS))
    attention = np.asarray(mixer(chosen, chosen, seen, jnp.zeros(AGENTS, int)).aux["attention"])
    np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=1e-5)
    if seen.alive.any():
        assert np.all(attention[:, ~np.asarray(seen.alive)] == 0)
    else:
        np.testing.assert_allclose(attention, 1 / AGENTS, atol=1e-6)


@pytest.mark.parametrize("config", DUPLEX, ids=repr)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_importance_is_never_negative_and_advantages_never_positive(config: QPLEX | QPLEXQatten, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = random_moment(SPEC, rng)
    mixer = config.build(SPEC, jax.random.key(seed))
    chosen = jnp.array(5 * rng.normal(size=AGENTS))
    best = chosen + jnp.array(np.abs(rng.normal(size=AGENTS)))
    out = mixer(chosen, best, seen, jnp.array(rng.integers(ACTIONS, size=AGENTS)))
    assert np.all(np.asarray(out.aux["importance"]) > 0)
    a_tot = (out.aux["importance"] * out.aux["weights"] * (chosen - best)).sum()
    greedy = out.aux["v_tot"] + (out.aux["weights"] * (best - chosen)).sum()
    assert a_tot <= 0
    np.testing.assert_allclose(out.q_tot[0], greedy + a_tot, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (2, 3, 2)])
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_every_monotone_table_is_within_reach_of_the_monotone_mixer(shape: tuple[int, ...], seed: int) -> None:
    """The construction of the proof: a group for each joint action p, with T(p) and T(p) + β (Q_i − r_i(p_i))."""
    table = np.random.default_rng(seed).integers(-5, 6, size=shape).astype(float)
    for axis in range(len(shape)):
        table = np.maximum.accumulate(table, axis=axis)
    joint, values = np.array(list(np.ndindex(shape))), table.ravel()
    agents, cells, beta = len(shape), len(values), max(1.0, np.ptp(values))
    weights = np.zeros((cells, agents + 1, agents))
    weights[:, 1:] = beta * np.eye(agents)
    bias = np.repeat(values[:, None], agents + 1, axis=1)
    bias[:, 1:] -= beta * joint

    spec = spec_of(agents=agents, actions=max(shape))
    config = Monotone(groups=cells, pieces=agents + 1, hypernet_layers=1, sharpness=1000.0)
    mixer = jax.tree.map(jnp.zeros_like, config.build(spec, jax.random.key(0)))
    mixer = eqx.tree_at(
        lambda m: (m.weights.layers[0].bias, m.bias.layers[0].bias, m.log_sharpness),
        mixer,
        (jnp.array(weights.ravel()), jnp.array(bias.ravel()), jnp.full(2, jnp.log(1000.0))),
    )
    utilities = jnp.broadcast_to(jnp.arange(max(shape), dtype=float), (agents, max(shape)))
    moment = random_moment(spec, np.random.default_rng(seed))
    made = np.asarray(joint_values(mixer, utilities, moment, jnp.array(joint)))
    np.testing.assert_allclose(made, values, atol=0.02)
