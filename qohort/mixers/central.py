"""The unrestricted mixer of weighted QMIX: a network of the state and the utilities of a team of its own.

Rashid et al., *Weighted QMIX: expanding monotonic value function factorisation for deep multi-agent reinforcement
learning*, NeurIPS 2020, arXiv:2006.10800. Its value Q̂* may take any shape: nothing keeps it monotone, so agents that
acted greedily by its utilities would not maximise it. It serves as the target of a monotone mixer, never for acting.

    Q̂* = f( s, Q_1, …, Q_N ) + V(s)                                    (section 4.2, three hidden layers)
    Q̂* = f( Σ_i softmax_i(A(s))_ik Q_i ) + V(s)                        (`attention`, the paper's corridor experiment)

*Differences from the paper*: none known; sizes are those of the authors' release, whose agents there may also give
several numbers for each action (`central_action_embed`, which is 1 in all its settings and not an option here).
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Central(AbstractMixerConfig):
    """The unrestricted mixer of weighted QMIX."""

    embed: int = 256
    """Units of each hidden layer, and of the value of the state; with `attention` also the heads."""
    attention: bool = False
    """Average the utilities with weights that the state produces, once for each head, before the network reads them."""
    hypernet_hidden: int = 64
    """Hidden units of the network that produces these weights."""

    def __post_init__(self) -> None:
        at_least(1, of="Central", embed=self.embed, hypernet_hidden=self.hypernet_hidden)

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "CentralMixer":
        keys = jax.random.split(key, 3)
        agents, state, embed = spec.n_agents, spec.state_size, self.embed
        shares = (state, self.hypernet_hidden, agents * embed)
        layers = (embed, embed, embed, 1) if self.attention else (state + agents, embed, embed, embed, 1)
        return CentralMixer(
            attention=Perceptron(shares, keys[0]) if self.attention else None,
            joint=Perceptron(layers, keys[1]),
            value=Perceptron((state, embed, 1), keys[2]),
        )


class CentralMixer(AbstractMixer):
    """A network without any constraint."""

    attention: Perceptron | None
    """A, agents first."""
    joint: Perceptron
    """f."""
    value: Perceptron
    """V."""
    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        state = observation.state
        value = self.value(state)
        if self.attention is None:
            read = jnp.concatenate([state, chosen])
        else:
            read = chosen @ jax.nn.softmax(self.attention(state).reshape(chosen.shape[0], -1), axis=0)
        zero = jnp.zeros((), chosen.dtype)
        return MixerOutput(q_tot=self.joint(read) + value, regulariser=zero, aux={"state_value": value[0]})
