"""The joint critic and the unrestricted mixer: what they read, and what exchanging one action changes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.mixers import Central
from qohort.networks.joint_critic import QTRANCritic
from tests.references.moments import random_moment, spec_of

SPEC = spec_of(agents=3, actions=4, obs=2, state=5, units=1)
FEATURES = 6


def moment(seed: int = 0) -> tuple[jax.Array, jax.Array, jax.Array]:
    rng = np.random.default_rng(seed)
    return (
        jnp.asarray(rng.normal(size=(3, FEATURES)), jnp.float32),
        jnp.asarray(rng.normal(size=5), jnp.float32),
        jnp.array([2, 0, 3]),
    )


@pytest.mark.parametrize("form", ["paper", "pymarl", "pymarl-coma"])
def test_counterfactual_values_are_those_of_the_joint_actions(form: Any):
    critic = QTRANCritic(form=form, embed=8).build(SPEC, FEATURES, jax.random.key(0))
    features, state, actions = moment()
    found = critic.counterfactual(features, state, actions)
    each = [[critic(features, state, actions.at[i].set(a)) for a in range(4)] for i in range(3)]
    np.testing.assert_allclose(found, np.array(each), rtol=1e-4, atol=1e-5)
    assert len(np.unique(np.round(found, 5))) > 9, "the actions must matter"


@pytest.mark.parametrize(("form", "knows_state", "knows_features"), [("paper", 0, 1), ("pymarl", 1, 0)])
def test_what_the_value_of_the_state_is_made_of(form: Any, knows_state: bool, knows_features: bool):
    critic = QTRANCritic(form=form, embed=8).build(SPEC, FEATURES, jax.random.key(0))
    features, state, _ = moment()
    by_features, by_state = jax.grad(critic.value, argnums=(0, 1))(features, state)
    assert bool(jnp.any(by_state != 0)) == bool(knows_state)
    assert bool(jnp.any(by_features != 0)) == bool(knows_features)


def test_the_papers_critic_does_not_know_who_is_who():
    critic = QTRANCritic(embed=8).build(SPEC, FEATURES, jax.random.key(0))
    features, state, actions = moment()
    turned = jnp.array([1, 2, 0])
    here, there = critic(features, state, actions), critic(features[turned], state, actions[turned])
    assert float(here) == pytest.approx(float(there), rel=1e-5)
    assert float(here) != pytest.approx(float(critic(features, state, actions[turned])), rel=1e-5)


def test_no_action_is_nobodys_action():
    """Padding has no action; its one-hot is zero, and so what the critic reads of it is e(h, 0)."""
    critic = QTRANCritic(form="pymarl-coma", embed=8).build(SPEC, FEATURES, jax.random.key(0))
    features, state, _ = moment()
    alone = critic(features, state, jnp.full(3, -1))
    read = jnp.concatenate([state, jnp.zeros(12)])
    assert float(alone) == pytest.approx(float(critic.joint(read)[0]), rel=1e-6)


def test_attention_averages_the_utilities_for_each_head():
    mixer = Central(embed=2, hypernet_hidden=3, attention=True).build(SPEC, jax.random.key(1))
    assert mixer.attention is not None
    seen = random_moment(SPEC, np.random.default_rng(0))
    utilities = jnp.array([1.0, 2.0, 4.0])
    logits = np.asarray(mixer.attention(seen.state)).reshape(3, 2)
    shares = np.exp(logits) / np.exp(logits).sum(axis=0)
    wanted = mixer.joint(jnp.asarray(np.asarray(utilities) @ shares)) + mixer.value(seen.state)
    found = mixer(utilities, utilities, seen, jnp.zeros(3, int)).q_tot
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(QohortError, match=r"QTRANCritic\.embed is 0"):
        QTRANCritic(embed=0)
    with pytest.raises(QohortError, match=r"Central\.embed is 0"):
        Central(embed=0)
