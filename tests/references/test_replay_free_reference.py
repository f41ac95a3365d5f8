"""Replay-free learning against a plain NumPy version: minibatch after minibatch, one optimiser step each."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.replay_free import ReplayFree
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.mixers import QMIX, QPLEX, VDN, Importance, Independent, Qatten
from qohort.networks.recurrent import Recurrent
from qohort.replay.fresh import Fresh
from tests.references import learner as reference
from tests.references.derivatives import Weights, gradients
from tests.references.test_learner_reference import EPISODES, SMALL, SPEC, names_of, random_window, reference_of

TEAM = Recurrent(hidden=2)
OPTIMISER = Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8, clip=0.5)
MIXERS = {
    "iql": Independent(),
    "vdn": VDN(),
    "qmix": QMIX(embed=2, hypernet_hidden=3, norm=True),
    "qatten": Qatten(heads=2, regulariser=0.5, regulariser_form="corrected", **SMALL),
    "qplex": QPLEX(hypernet_hidden=3, norm=True, importance=Importance(kernels=1, layers=2, hidden=3, norm=True)),
}


def one_by_one(start: Weights, parts: list, like: ValueDecomposition) -> tuple[Weights, list[float]]:
    """The weights after learning from these parts of a stretch in turn, and the losses before each step."""
    weights, grads, losses = start, [], []
    for part in parts:
        batch, mix, protocol = reference_of(like, part)
        goal = reference.targets(weights, weights, batch, mix, protocol)

        def total(point: dict, goal=goal, batch=batch, mix=mix, protocol=protocol) -> complex:
            return reference.loss(point, goal, batch, mix, protocol)

        losses.append(float(np.real(total(weights))))
        grads.append(reference.clipped(gradients(total, weights), OPTIMISER.clip)[0])
        weights = reference.adam(start, grads, OPTIMISER.learning_rate, OPTIMISER.eps)
    return weights, losses


@pytest.mark.parametrize("name", MIXERS)
def test_an_update_is_a_step_for_every_minibatch(name: str) -> None:
    """Two epochs in three minibatches of one environment: six steps, each with targets of the newest weights."""
    mixer = MIXERS[name]
    with jax.enable_x64(True):
        algorithm = ReplayFree(
            mixer=mixer,
            team=TEAM,
            feed=Fresh(length=4, epochs=2, minibatches=EPISODES),
            optimiser=OPTIMISER,
            environments=EPISODES,
            td_lambda=0.7,
        )
        like = ValueDecomposition(mixer=mixer, team=TEAM, estimator="td-lambda", td_lambda=0.7, double_q=False)
        window, key = random_window(np.random.default_rng(5)), jax.random.key(6)
        learner = algorithm.init(SPEC, jax.random.key(1))
        order = [int(env) for half in jax.random.split(key) for env in jax.random.permutation(half, EPISODES)]
        assert order[:EPISODES] != order[EPISODES:]
        parts = [window.columns(jnp.array([env])) for env in order]

        wanted, losses = one_by_one(names_of(learner.params), parts, like)
        after, told = eqx.filter_jit(algorithm.update)(learner, window, key)
        for part, weights in names_of(after.params).items():
            np.testing.assert_allclose(weights, wanted[part], rtol=1e-8, atol=1e-9, err_msg=part)
        np.testing.assert_allclose(told["loss"], np.mean(losses), rtol=1e-8)


def test_what_was_remembered_is_read_on() -> None:
    """The second half of a stretch, with the memory after the first, has the values that it has in the whole."""
    window = random_window(np.random.default_rng(5))
    whole = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if leaf.dtype == float else leaf, window)
    cut = 2
    half = jax.tree.map(lambda leaf: leaf[cut:], whole)
    algorithm = ReplayFree(mixer=VDN(), team=TEAM, td_lambda=0.7)
    params = algorithm.init(SPEC, jax.random.key(1)).params
    seen = jax.tree.map(lambda leaf: leaf[:cut], (whole.view, whole.first))
    carry = params.team(params.team.initial(EPISODES), *seen)[1]
    counted = dataclasses.replace(whole, valid=whole.valid.at[:cut].set(False))
    loss = eqx.filter_jit(algorithm.loss)
    want = loss(params, counted)[0]
    np.testing.assert_allclose(loss(params, dataclasses.replace(half, carry=carry))[0], want, rtol=1e-5)
    assert not np.isclose(loss(params, half)[0], want, rtol=1e-3)


def test_radam_is_adam_with_a_rectified_step() -> None:
    """Liu et al. 2020, algorithm 2: the first steps, while ρ is small, follow the mean of the gradients alone."""
    rng, rate, count = np.random.default_rng(0), 0.01, 9
    optimiser = Optimiser(kind="radam", learning_rate=rate, eps=1e-8, clip=1e9)
    weights = wanted = rng.normal(size=5)
    m, v, rho, limit = np.zeros(5), np.zeros(5), 0.0, 2 / (1 - 0.999) - 1
    with jax.enable_x64(True):
        state, found = optimiser.init(jnp.asarray(weights)), jnp.asarray(weights)
        for t in range(1, count + 1):
            g = rng.normal(size=5)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            rho = limit - 2 * t * 0.999**t / (1 - 0.999**t)
            step = m / (1 - 0.9**t)
            if rho >= 5:
                rectified = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
                step = math.sqrt(rectified) * step / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            wanted = wanted - rate * step
            found, state, _ = optimiser.step(found, jnp.asarray(g), opt_state=state, learning_rate=jnp.asarray(rate))
            np.testing.assert_allclose(found, wanted, rtol=1e-9)
        assert rho >= 5
