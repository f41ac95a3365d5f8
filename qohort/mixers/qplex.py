"""QPLEX: every joint value whose best action is each agent's own best one.

Wang et al., *QPLEX: duplex dueling multi-agent Q-learning*, ICLR 2021, arXiv:2008.01062, section 3.2.

    Q_i(τ, u_i) = w_i(s) Q_i(τ_i, u_i) + b_i(s),  w_i > 0              transformation
    A_i(τ, u_i) = Q_i(τ, u_i) − max_a Q_i(τ, a)                        ≤ 0, and 0 for the agent's best action
    λ_i(s, u) = Σ_k υ_k(s) φ_{i,k}(s) λ_{i,k}(s, u)                    importance, ≥ 0
    V_tot = Σ_i max_a Q_i(τ, a),  A_tot = Σ_i λ_i(s, u) A_i(τ, u_i)    duplex dueling
    Q_tot = V_tot + A_tot = Σ_i Q_i(τ, u_i) + Σ_i (λ_i(s, u) − 1) A_i(τ, u_i)

υ_k is a magnitude, φ and λ_{i,k} are sigmoids of linear layers or small networks, the last one of the joint
action too. A_tot is at most 0 and is 0 where every agent takes its best action, whatever λ is: IGM. And since λ
may depend on the joint action in any way, every table with IGM can be written so.

In the last form no gradient passes through A_i (section 3.2): utilities and transformation learn from the first
sum, as in a weighted VDN, and the second sum teaches λ alone.

*Differences from the paper*

- The paper conditions w, b, φ and υ on the joint history; here, as in the authors' code, they read the state.
- 1e-10 is added to w and υ, as in the authors' code, so that none is ever exactly 0.
- `transformation=False` and `minus_one=False` are ablations of the authors' code: Q_i(τ, u_i) = Q_i(τ_i, u_i), and
  the last sum with λ_i in place of λ_i − 1.
- `norm` is not in the paper.
- The authors' StarCraft results are not from this file but from `qohort.mixers.qplex_qatten`.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.hyper import layer_sizes
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation

_LEAST = 1e-10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Importance:
    """How much each agent's advantage counts in the value of a joint action."""

    kernels: int = 10
    """Terms k in the sum that λ is."""
    layers: Literal[1, 2, 3] = 3
    """Linear layers of each of the networks that a term is made of."""
    hidden: int = 64
    """Hidden units of these networks when they have more than 1 layer."""
    minus_one: bool = True
    """Count λ − 1 beside the sum of utilities, as the paper does; if not, λ."""
    norm: bool = False
    """Whether the hidden units of these networks are normalised (LayerNorm)."""

    def __post_init__(self) -> None:
        at_least(1, of="Importance", kernels=self.kernels, hidden=self.hidden)
        choices(self, of="Importance")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "ImportanceNetwork":
        """Draw the weights for a world."""

        def networks(inputs: int, outputs: int, key: PRNGKeyArray) -> Perceptron:
            sizes = layer_sizes(inputs, outputs, self.layers, self.hidden)
            return eqx.filter_vmap(lambda key: Perceptron(sizes, key, norm=self.norm))(
                jax.random.split(key, self.kernels)
            )

        keys = jax.random.split(key, 3)
        agents, state = spec.n_agents, spec.state_size
        return ImportanceNetwork(
            magnitudes=networks(state, 1, keys[0]),
            agents=networks(state, agents, keys[1]),
            actions=networks(state + agents * spec.n_actions, agents, keys[2]),
            minus_one=self.minus_one,
        )


class ImportanceNetwork(eqx.Module):
    """λ and what it weighs. All arrays begin with an axis of kernels."""

    magnitudes: Perceptron
    """υ, before its sign is dropped."""
    agents: Perceptron
    """φ, before the sigmoid."""
    actions: Perceptron
    """λ_{i,k}, before the sigmoid; its input is the state, then every agent's action as a one-hot row."""
    minus_one: bool = eqx.field(static=True)

    def __call__(self, observation: Observation, actions: Int[Array, " N"]) -> Float[Array, " N"]:
        """λ of a joint action; an action of −1 is none."""
        state = observation.state
        rows = jax.nn.one_hot(actions, observation.avail.shape[-1], dtype=state.dtype)
        joint = jnp.concatenate([state, rows.ravel()])
        magnitudes = jnp.abs(_each(self.magnitudes, state)) + _LEAST
        shares = jax.nn.sigmoid(_each(self.agents, state)) * jax.nn.sigmoid(_each(self.actions, joint))
        return magnitudes[:, 0] @ shares

    def dueling(self, importance: Float[Array, " N"], advantages: Float[Array, " N"]) -> Float[Array, ""]:
        """Σ (λ_i − 1) A_i, which teaches λ alone."""
        return jax.lax.stop_gradient(advantages) @ (importance - float(self.minus_one))


@dataclasses.dataclass(frozen=True, kw_only=True)
class QPLEX(AbstractMixerConfig):
    """QPLEX: advantages weighed by the joint action; every joint value with IGM."""

    importance: Importance = Importance()
    """The networks of λ."""
    hypernet_hidden: int = 64
    """Hidden units of the two networks of the transformation."""
    transformation: bool = True
    """Weigh and move each agent's utilities by the state before they are added."""
    norm: bool = False
    """Whether the hidden units of these two are normalised (LayerNorm)."""

    def __post_init__(self) -> None:
        at_least(1, of="QPLEX", hypernet_hidden=self.hypernet_hidden)

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "QPLEXMixer":
        weight_key, value_key, importance_key = jax.random.split(key, 3)

        def network(key: PRNGKeyArray) -> Perceptron | None:
            sizes = (spec.state_size, self.hypernet_hidden, spec.n_agents)
            return Perceptron(sizes, key, norm=self.norm) if self.transformation else None

        return QPLEXMixer(
            weights=network(weight_key),
            values=network(value_key),
            importance=self.importance.build(spec, importance_key),
        )


class QPLEXMixer(AbstractMixer):
    """The transformation's networks, and those of λ."""

    weights: Perceptron | None
    """w, before its sign is dropped, if utilities are transformed."""
    values: Perceptron | None
    """b, if utilities are transformed."""
    importance: ImportanceNetwork
    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        state = observation.state
        weights = jnp.ones_like(chosen) if self.weights is None else jnp.abs(self.weights(state)) + _LEAST
        values = jnp.zeros_like(chosen) if self.values is None else self.values(state)
        importance = self.importance(observation, actions)
        v_tot = jnp.sum(weights * chosen + values)
        adv_tot = self.importance.dueling(importance, weights * (chosen - best))
        return MixerOutput(
            q_tot=(v_tot + adv_tot)[None],
            regulariser=jnp.zeros((), chosen.dtype),
            aux={
                "importance": importance,
                "weights": weights,
                "state_values": values,
                "v_tot": v_tot,
                "adv_tot": adv_tot,
            },
        )


def _each(networks: Perceptron, read: Float[Array, " F"]) -> Float[Array, "K W"]:
    """The outputs of all kernels' networks."""
    return eqx.filter_vmap(lambda network: network(read))(networks)
