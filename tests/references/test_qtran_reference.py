"""QTRAN's losses and every gradient against a plain NumPy version."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

from qohort.algorithms.qtran import QTRAN, Params
from qohort.interop.pymarl import to_pymarl
from qohort.networks.joint_critic import QTRANCritic
from qohort.networks.recurrent import Recurrent
from tests.references import learner as reference
from tests.references import qtran
from tests.references.derivatives import gradients
from tests.references.ours import by_name
from tests.references.test_learner_reference import SPEC, random_window

TEAM = Recurrent(hidden=2)
CONFIGS = {
    "base": QTRAN(team=TEAM, critic=QTRANCritic(embed=2)),
    "alt, PyMARL's critic, the authors' target": QTRAN(
        team=TEAM,
        variant="alt",
        critic=QTRANCritic(form="pymarl", size="big", embed=2),
        target="authors",
        lambda_opt=0.5,
        lambda_nopt=2.0,
    ),
    "base, actions only, single Q": QTRAN(
        team=TEAM, critic=QTRANCritic(form="pymarl-coma", embed=2), double_q=False, lambda_nopt=0.1
    ),
    "base, the authors' target": QTRAN(team=TEAM, critic=QTRANCritic(embed=2), target="authors"),
}


def names_of(params: Params) -> dict[str, np.ndarray]:
    named: dict[str, Any] = {f"agent.{name}": array for name, array in to_pymarl(params.team).items()}
    named |= {f"critic.{name}": array for name, array in by_name(params.critic).items()}
    return {name: np.asarray(array, float) for name, array in named.items()}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_losses_are_what_the_equations_say(name: str) -> None:
    with jax.enable_x64(True):
        config, window = CONFIGS[name], random_window(np.random.default_rng(5))
        params, target = (config.init(SPEC, jax.random.key(seed)).params for seed in (1, 2))
        seen = window.observations
        fields = [field.name for field in dataclasses.fields(reference.Batch) if field.name not in ("obs", "avail")]
        batch = reference.Batch(
            obs=np.asarray(seen.obs),
            avail=np.asarray(seen.avail),
            **{field: np.asarray(getattr(window, field)) for field in fields},
        )
        settings = qtran.Settings(
            form=config.critic.form,
            **{
                field.name: getattr(config, field.name)
                for field in dataclasses.fields(qtran.Settings)
                if field.name != "form"
            },
        )
        state, weights = np.asarray(seen.state), names_of(params)
        goal = qtran.targets(weights, names_of(target), batch, state, settings)

        def total(point: dict) -> complex:
            return qtran.loss(point, goal, batch, state, settings)

        found = eqx.filter_jit(jax.value_and_grad(lambda params: config.loss(params, target, window), has_aux=True))
        (loss, looked), gradient = found(params)
        np.testing.assert_allclose(looked["target"][..., 0], goal, rtol=1e-9)
        np.testing.assert_allclose(loss, np.real(total(weights)), rtol=1e-9)
        ours = names_of(gradient)
        for key, wanted in gradients(total, weights).items():
            np.testing.assert_allclose(ours[key], wanted, rtol=1e-9, atol=1e-9, err_msg=key)
