"""The weights of QTRAN's critic and of weighted QMIX's unrestricted mixer: in, out, and what does not fit."""

import re
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.interop.critics import joint_critic_config_from_pymarl, joint_critic_from_pymarl
from qohort.interop.pymarl import mixer_config_from_pymarl, mixer_from_pymarl, to_pymarl
from qohort.mixers import Central
from qohort.networks.joint_critic import QTRANCritic
from tests.references.moments import spec_of

SPEC = spec_of(agents=3, actions=4, obs=5, state=6, units=2)
CRITIC = QTRANCritic(form="pymarl", embed=5)


@pytest.mark.parametrize("size", ["small", "big"])
@pytest.mark.parametrize("form", ["pymarl", "pymarl-coma"])
def test_a_joint_critic_goes_out_and_in_again(form: Any, size: Any) -> None:
    config = QTRANCritic(form=form, size=size, embed=5)
    critic = config.build(SPEC, 7, jax.random.key(1))
    arrays = to_pymarl(critic)
    unread = {f"action_encoding.{layer}.weight": np.zeros((11, 11)) for layer in (0, 2)} if form != "pymarl" else {}
    assert joint_critic_config_from_pymarl(arrays | unread, SPEC) == config
    assert eqx.tree_equal(joint_critic_from_pymarl(arrays | unread, SPEC), critic)


def test_names_and_shapes_are_pymarls() -> None:
    arrays = to_pymarl(CRITIC.build(SPEC, 7, jax.random.key(0)))
    assert {name: array.shape for name, array in arrays.items() if name.endswith("weight")} == {
        "action_encoding.0.weight": (11, 11),
        "action_encoding.2.weight": (11, 11),
        "Q.0.weight": (5, 6 + 11),
        "Q.2.weight": (5, 5),
        "Q.4.weight": (1, 5),
        "V.0.weight": (5, 6),
        "V.2.weight": (5, 5),
        "V.4.weight": (1, 5),
    }


@pytest.mark.parametrize("config", [Central(embed=5), Central(embed=5, attention=True, hypernet_hidden=4)], ids=repr)
def test_an_unrestricted_mixer_goes_out_and_in_again(config: Central) -> None:
    mixer = config.build(SPEC, jax.random.key(1))
    arrays = to_pymarl(mixer)
    assert ("atten_layer.0.weight" in arrays) == config.attention
    assert mixer_config_from_pymarl(arrays, SPEC) == config
    assert eqx.tree_equal(mixer_from_pymarl(arrays, SPEC), mixer)


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (
            lambda: joint_critic_from_pymarl(to_pymarl(CRITIC.build(SPEC, 7, jax.random.key(0))), spec_of(state=9)),
            "`Q.0.weight` reads 17 entries; in sizes, with 9 of state, 3 agents and 4 actions, it reads 20 or 21.",
        ),
        (lambda: joint_critic_from_pymarl({}, SPEC), "These weights lack `Q.0.weight`"),
        (
            lambda: to_pymarl(QTRANCritic().build(SPEC, 7, jax.random.key(0))),
            "PyMARL has no names for the weights of JointCritic with these settings",
        ),
        (
            lambda: mixer_from_pymarl(to_pymarl(Central(embed=5).build(SPEC, jax.random.key(0))), spec_of(state=9)),
            "has the shape (5, 9); in sizes, with 3 agents, 4 actions, 9 state and 2 unit features, it is (5, 12)",
        ),
    ],
)
def test_what_does_not_fit_is_said(load: Any, sentence: str) -> None:
    with pytest.raises(QohortError, match=re.escape(sentence)):
        load()
