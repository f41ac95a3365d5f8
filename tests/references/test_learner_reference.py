"""The value-decomposition learner against a plain NumPy version: loss, every gradient, norm and two steps."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.value_decomposition import Params, ValueDecomposition
from qohort.interop.pymarl import to_pymarl
from qohort.mixers import QMIX, QPLEX, VDN, Importance, Independent, Qatten
from qohort.networks.recurrent import Recurrent
from qohort.replay.window import Window
from tests.references import learner as reference
from tests.references.derivatives import gradients
from tests.references.moments import random_moment, spec_of
from tests.references.ours import by_name, expected, moment_of

SPEC = spec_of(agents=2, actions=3, obs=2, state=3, units=1)
STEPS, EPISODES = 4, 3
SMALL: dict[str, Any] = {"embed": 2, "hypernet_hidden": 2}
TEAM = Recurrent(hidden=2)

CONFIGS = {
    "vdn": ValueDecomposition(mixer=VDN(), team=TEAM),
    "iql": ValueDecomposition(mixer=Independent(), team=TEAM),
    "qmix, clipped": ValueDecomposition(mixer=QMIX(**SMALL), team=TEAM, optimiser=Optimiser(clip=0.1)),
    "qplex": ValueDecomposition(
        mixer=QPLEX(hypernet_hidden=2, importance=Importance(kernels=2, layers=2, hidden=2)), team=TEAM
    ),
    "qatten, single, padding in the penalty": ValueDecomposition(
        mixer=Qatten(heads=2, regulariser=0.5, dead="action-0", **SMALL), team=TEAM, double_q=False
    ),
    "qatten, TD(λ), Adam, beyond the time limit": ValueDecomposition(
        mixer=Qatten(heads=2, regulariser=0.5, regulariser_form="corrected", dead="alive", **SMALL),
        team=TEAM,
        estimator="td-lambda",
        optimiser=Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8),
        loss_scale=0.5,
        bootstrap_time_limit=True,
    ),
}


def random_window(rng: np.random.Generator) -> Window:
    """One episode runs through; one ends after two steps and another begins; one is cut after two and padded."""
    seen = random_moment(SPEC, rng, rows=(STEPS + 1, EPISODES))
    avail = np.asarray(seen.avail)
    agents = np.arange(SPEC.n_agents)
    actions = (avail[:-1] * rng.random(avail[:-1].shape)).argmax(axis=-1)
    last_action = np.concatenate([np.full((1, EPISODES, len(agents)), -1), actions])
    first, terminated, truncated = (np.zeros((STEPS + 1, EPISODES), bool) for _ in range(3))
    valid = np.ones((STEPS, EPISODES), bool)
    first[0] = True
    terminated[1, 1], first[2, 1], last_action[2, 1] = True, True, -1
    truncated[1, 2], valid[2:, 2] = True, False
    return Window(
        observations=seen,
        last_action=jnp.array(last_action),
        first=jnp.array(first),
        actions=jnp.array(actions),
        reward=jnp.array(rng.normal(size=(STEPS, EPISODES, 1))),
        terminated=jnp.array(terminated[:-1]),
        truncated=jnp.array(truncated[:-1]),
        valid=jnp.array(valid),
        exploration=jnp.zeros((STEPS, EPISODES)),
    )


def names_of(params: Params) -> dict[str, np.ndarray]:
    agent, mixer = to_pymarl(params.team), by_name(params.mixer)
    named = {f"agent.{name}": array for name, array in agent.items()}
    return {
        name: np.asarray(array, float) for name, array in (named | {f"mixer.{n}": a for n, a in mixer.items()}).items()
    }


def reference_of(
    config: ValueDecomposition, window: Window
) -> tuple[reference.Batch, reference.Mix, reference.Protocol]:
    fields = [field.name for field in dataclasses.fields(reference.Batch) if field.name not in ("obs", "avail")]
    batch = reference.Batch(
        obs=np.asarray(window.observations.obs),
        avail=np.asarray(window.observations.avail),
        **{name: np.asarray(getattr(window, name)) for name in fields},
    )

    def mix(weights: dict, values: np.ndarray, place: tuple[int, int], actions: np.ndarray) -> tuple[np.ndarray, Any]:
        chosen = values[np.arange(len(actions)), actions]
        best = np.where(batch.avail[place], np.real(values), -np.inf).max(axis=1)
        if isinstance(config.mixer, Independent):
            return chosen, 0.0
        moment = moment_of(jax.tree.map(lambda leaf: leaf[place], window.observations), actions, best)
        assert isinstance(config.mixer, VDN | QMIX | Qatten | QPLEX)
        value, penalty = expected(config.mixer, weights, chosen, moment)
        return np.array([value]), penalty

    protocol = reference.Protocol(
        gamma=config.gamma,
        double_q=config.double_q,
        lambda_=config.td_lambda if config.estimator == "td-lambda" else 0.0,
        bootstrap_time_limit=config.bootstrap_time_limit,
        loss_scale=config.loss_scale,
        penalise_padding=isinstance(config.mixer, Qatten) and config.mixer.regulariser_form == "authors",
    )
    return batch, mix, protocol


@pytest.mark.parametrize("name", CONFIGS)
def test_an_update_is_what_the_equations_say(name: str) -> None:
    with jax.enable_x64(True):
        config, window = CONFIGS[name], random_window(np.random.default_rng(5))
        learner = config.init(SPEC, jax.random.key(1))
        learner = eqx.tree_at(lambda learner: learner.target, learner, config.init(SPEC, jax.random.key(2)).params)
        batch, mix, protocol = reference_of(config, window)
        update = eqx.filter_jit(config.update)

        gradient_of = eqx.filter_jit(jax.grad(lambda params, target: config.loss(params, target, window)[0]))

        grads = []
        start, target = names_of(learner.params), names_of(learner.target)
        stepped = reference.adam if config.optimiser.kind == "adam" else reference.rmsprop
        for _ in range(2):
            weights = names_of(learner.params)
            goal = reference.targets(weights, target, batch, mix, protocol)

            def total(point: dict, goal: np.ndarray = goal) -> complex:
                return reference.loss(point, goal, batch, mix, protocol)

            exact = gradients(total, weights)
            found = names_of(gradient_of(learner.params, learner.target))
            for key, gradient in exact.items():
                np.testing.assert_allclose(found[key], gradient, rtol=1e-9, atol=1e-9, err_msg=key)
            clipped, norm = reference.clipped(exact, config.optimiser.clip)
            grads.append(clipped)

            learner, metrics = update(learner, window, jax.random.key(0))
            np.testing.assert_allclose(metrics["loss"], np.real(total(weights)), rtol=1e-9)
            np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-9)
            assert ("clipped" in name) == (norm > config.optimiser.clip)
            after = stepped(start, grads, config.optimiser.learning_rate, config.optimiser.eps)
            for key, wanted in after.items():
                np.testing.assert_allclose(names_of(learner.params)[key], wanted, rtol=1e-9, atol=1e-9, err_msg=key)
