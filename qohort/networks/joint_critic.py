"""The value of a joint action without any structure, from what the agents remember: the critic of QTRAN.

Son et al., *QTRAN: learning to factorize with transformation for cooperative multi-agent reinforcement learning*, ICML
2019, arXiv:1905.05408. Its joint networks share the agents' hidden features h_i and add them up (section 4):

    Q(τ, u) = f( Σ_i e(h_i, u_i) ),     V(τ) = g( Σ_i e_V(h_i) )                            form "paper"

PyMARL's give the state to both, and nothing else to V:

    Q(τ, u) = f( s, Σ_i e(h_i, u_i) ),  V = g(s)                                            form "pymarl"
    Q(s, u) = f( s, u ),                V = g(s)                                            form "pymarl-coma"

In each of them f reads a sum with one term for each agent, so that the value of the same joint action with one
agent's action exchanged needs that agent's term alone: the counterfactual values of QTRAN-alt.

*Differences from the paper*: e has two layers as wide as its input (PyMARL's choice), e_V too.
*From the authors' TensorFlow release*: there encodings are averaged, their second half is absent (no V), and agents'
networks are feed-forward.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.networks.base import one_hot
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec

Form = Literal["paper", "pymarl", "pymarl-coma"]
"""What the networks read; see the equations above."""
Size = Literal["small", "big"]

HIDDEN_LAYERS: dict[Size, int] = {"small": 2, "big": 3}
"""Hidden layers of f and g."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class QTRANCritic:
    """The joint critic of QTRAN, and its value of the state."""

    form: Form = "paper"
    """What they read: summed encodings of the agents' memories, with the state (PyMARL), or state and actions only."""
    size: Size = "small"
    """Two hidden layers, or three (`big`)."""
    embed: int = 64
    """Units of each hidden layer."""

    def __post_init__(self) -> None:
        at_least(1, of="QTRANCritic", embed=self.embed)
        choices(self, of="QTRANCritic")

    def build(self, spec: EnvSpec, features: int, key: PRNGKeyArray) -> "JointCritic":
        """Draw the weights for a world and agents that remember so many numbers."""
        keys = jax.random.split(key, 4)
        hidden = (self.embed,) * HIDDEN_LAYERS[self.size]
        width, agents, state = features + spec.n_actions, spec.n_agents, spec.state_size
        paper, coma = self.form == "paper", self.form == "pymarl-coma"
        summed = agents * spec.n_actions if coma else width
        return JointCritic(
            encoder=None if coma else Perceptron((width, width, width), keys[0]),
            value_encoder=Perceptron((features, features, features), keys[1]) if paper else None,
            joint=Perceptron((summed if paper else state + summed, *hidden, 1), keys[2]),
            state_value=Perceptron((features if paper else state, *hidden, 1), keys[3]),
            n_actions=spec.n_actions,
        )


class JointCritic(eqx.Module):
    """Q(τ, u) and V(τ); it knows neither time nor batch and is vmapped."""

    encoder: Perceptron | None
    """e; without it f reads all agents' actions."""
    value_encoder: Perceptron | None
    """e_V; without it f and g read the state."""
    joint: Perceptron
    """f."""
    state_value: Perceptron
    """g."""
    n_actions: int = eqx.field(static=True)

    def __call__(
        self, features: Float[Array, "N H"], state: Float[Array, " S"], actions: Int[Array, " N"]
    ) -> Float[Array, ""]:
        """Q(τ, u)."""
        taken = one_hot(actions, self.n_actions, features.dtype)
        return self._of_sum(jnp.sum(self._terms(features, taken), axis=0), state)

    def counterfactual(
        self, features: Float[Array, "N H"], state: Float[Array, " S"], actions: Int[Array, " N"]
    ) -> Float[Array, "N A"]:
        """Q(τ, a, u_−i): the values of the joint actions in which agent i does a, and the others what they did."""
        taken = self._terms(features, one_hot(actions, self.n_actions, features.dtype))
        others = jnp.sum(taken, axis=0, keepdims=True) - taken

        def all_do(action: Float[Array, " A"]) -> Float[Array, "N E"]:
            return self._terms(features, jnp.broadcast_to(action, (features.shape[0], self.n_actions)))

        instead = jax.vmap(all_do, out_axes=1)(jnp.eye(self.n_actions, dtype=features.dtype))
        return jax.vmap(jax.vmap(lambda summed: self._of_sum(summed, state)))(others[:, None] + instead)

    def value(self, features: Float[Array, "N H"], state: Float[Array, " S"]) -> Float[Array, ""]:
        """V(τ)."""
        read = state if self.value_encoder is None else jnp.sum(jax.vmap(self.value_encoder)(features), axis=0)
        return self.state_value(read)[0]

    def _terms(self, features: Float[Array, "N H"], taken: Float[Array, "N A"]) -> Float[Array, "N E"]:
        """Each agent's term of the sum: e(h_i, u_i), or its own part of all agents' actions."""
        if self.encoder is not None:
            return jax.vmap(self.encoder)(jnp.concatenate([features, taken], axis=-1))
        agents = taken.shape[0]
        own = jnp.eye(agents, dtype=taken.dtype)[:, :, None] * taken[:, None, :]
        return own.reshape(agents, -1)

    def _of_sum(self, summed: Float[Array, " E"], state: Float[Array, " S"]) -> Float[Array, ""]:
        read = summed if self.value_encoder is not None else jnp.concatenate([state, summed])
        return self.joint(read)[0]
