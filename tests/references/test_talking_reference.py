"""Agents that talk against a plain NumPy version of TarMAC's equations: utilities and every gradient."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.networks.base import View
from qohort.networks.talking import Talking
from tests.references import talking as reference
from tests.references.derivatives import Weights, gradients
from tests.references.moments import random_moment, spec_of

SPEC = spec_of(agents=3, actions=2, obs=2)
STEPS, EPISODES = 4, 2


def names_of(team: Any) -> Weights:
    """The arrays of a team, or of its gradient, under the reference's names; those of a GRU as PyTorch has them."""
    channel = team.channel
    layers = {"fc1": team.fc1, "fc2": team.fc2, "message": channel.message, "query": channel.query}
    layers |= {"merge": team.merge} if team.merge is not None else {}
    named = {f"{name}.{kind}": getattr(layer, kind) for name, layer in layers.items() for kind in ("weight", "bias")}
    named["signature.weight"] = channel.signature.weight
    for kind in ("weight", "bias"):
        for side in "ih":
            gates = [getattr(team.gru, f"{kind}_{side}{gate}") for gate in "rzn"]
            named[f"rnn.{kind}_{side}h"] = jnp.concatenate(gates)
    return {name: np.asarray(array, float) for name, array in named.items()}


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_talk_is_what_the_equations_say(rounds: int) -> None:
    """Some agents are dead, once all of them; another episode begins in the middle of a stretch."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(3)
        seen = random_moment(SPEC, rng, rows=(STEPS, EPISODES))
        alive = np.array(seen.alive)
        alive[1, 0] = False
        first = np.zeros((STEPS, EPISODES), bool)
        first[0] = first[2, 1] = True
        last_action = rng.integers(-1, SPEC.n_actions, size=alive.shape)
        sights = reference.Sights(np.asarray(seen.obs), last_action, alive, first)
        view = View(seen.obs, seen.avail, jnp.asarray(alive), jnp.asarray(last_action))
        team = Talking(hidden=3, signature=2, message=2, rounds=rounds).build(SPEC, jax.random.key(0))
        weights, counted = names_of(team), rng.normal(size=(STEPS, EPISODES, SPEC.n_agents, SPEC.n_actions))

        @eqx.filter_jit
        @eqx.filter_value_and_grad(has_aux=True)
        def found(team: Any) -> tuple[jax.Array, jax.Array]:
            values = team(team.initial(EPISODES), view, jnp.asarray(first))[0].values
            return jnp.sum(counted * values), values

        (_, values), slope = found(team)
        np.testing.assert_allclose(values, np.real(reference.utilities(weights, sights, rounds=rounds)), rtol=1e-9)
        exact = gradients(lambda point: np.sum(counted * reference.utilities(point, sights, rounds=rounds)), weights)
        ours = names_of(slope)
        assert set(ours) == set(exact)
        for name, gradient in exact.items():
            np.testing.assert_allclose(ours[name], gradient, rtol=1e-8, atol=1e-10, err_msg=name)
            assert np.any(gradient), name
