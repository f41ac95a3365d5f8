"""COMA's weights: out, in again, and what is said when they do not fit."""

import re

import equinox as eqx
import jax
import numpy as np
import pytest

from qohort.algorithms.coma import COMA
from qohort.errors import QohortError
from qohort.interop.pymarl import to_pymarl
from qohort.interop.pymarl_coma import coma_from_pymarl, critic_config_from_pymarl, critic_to_pymarl
from qohort.networks.counterfactual import CounterfactualCritic
from qohort.networks.recurrent import Recurrent
from tests.references.moments import spec_of

SPEC = spec_of(agents=3, actions=4, obs=5, state=6, units=2)


@pytest.mark.parametrize("last_action", [True, False])
def test_out_and_in_again(last_action: bool) -> None:
    config = CounterfactualCritic(hidden=7, last_action=last_action)
    params = COMA(team=Recurrent(hidden=8), critic=config).init(SPEC, jax.random.key(0)).params
    agent, critic = to_pymarl(params.team), critic_to_pymarl(params.critic)
    columns = 6 + 5 + 12 + 12 * last_action + 3
    assert critic["fc1.weight"].shape == (7, columns)
    assert critic_config_from_pymarl(critic, SPEC) == config
    assert eqx.tree_equal(coma_from_pymarl(agent, critic, SPEC), params)


def test_what_does_not_fit_is_said() -> None:
    critic = critic_to_pymarl(CounterfactualCritic(hidden=7).build(SPEC, jax.random.key(0)))
    with pytest.raises(QohortError, match=re.escape("`fc1.weight` reads 38 entries; in sizes COMA's critic reads 28")):
        critic_config_from_pymarl(critic, spec_of(agents=3, actions=4, obs=5, state=8, units=2))
    lacking = {name: array for name, array in critic.items() if name != "fc3.bias"}
    with pytest.raises(QohortError, match=r"These weights lack fc3\.bias"):
        critic_config_from_pymarl(lacking, SPEC)
    with pytest.raises(QohortError, match=re.escape("`fc3.bias` has the shape (9,)")):
        coma_from_pymarl(
            to_pymarl(Recurrent(hidden=8).build(SPEC, jax.random.key(0))), {**critic, "fc3.bias": np.zeros(9)}, SPEC
        )
