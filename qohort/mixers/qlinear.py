"""Qlinear: the control that Qatten's authors ran to see what attention adds.

Yang et al., *Qatten*, arXiv:2002.03939, ablation; defined by the authors' code.

    Q_tot = Σ_i a_i(s) Q_i + c(s),    a_i = |f([x_i, s])|

x_i is agent i's own part of the state; f has one hidden layer, its last layer has no bias. No softmax and
no heads: at one state it represents what a weighted Qatten represents.

*Differences from the authors' code*: `norm` is not in it. The product of the first layer with the state is formed once
for all agents.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Qlinear(AbstractMixerConfig):
    """Qlinear: a weight for each agent from its own part of the state and the state, without attention."""

    embed: int = 32
    """Hidden units of c(s)."""
    hypernet_layers: Literal[1, 2] = 2
    """Linear layers of the network that produces the weights."""
    hypernet_hidden: int = 64
    """Hidden units of this network when it has 2 layers."""
    state_bias: bool = True
    """Add c(s)."""
    norm: bool = False
    """Whether the hidden units of f and of c(s) are normalised (LayerNorm)."""

    def __post_init__(self) -> None:
        at_least(1, of="Qlinear", embed=self.embed, hypernet_hidden=self.hypernet_hidden)
        choices(self, of="Qlinear")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "QlinearMixer":
        first_key, last_key, value_key = jax.random.split(key, 3)
        deep = self.hypernet_layers == 2
        width = self.hypernet_hidden if deep else 1
        first = eqx.nn.Linear(spec.unit_size + spec.state_size, width, use_bias=deep, key=first_key)
        return QlinearMixer(
            unit_weights=first.weight[:, : spec.unit_size],
            state_weights=first.weight[:, spec.unit_size :],
            bias=first.bias,
            norm=eqx.nn.LayerNorm(width) if deep and self.norm else None,
            last=eqx.nn.Linear(width, 1, use_bias=False, key=last_key) if deep else None,
            value=(
                Perceptron((spec.state_size, self.embed, 1), value_key, norm=self.norm) if self.state_bias else None
            ),
        )


class QlinearMixer(AbstractMixer):
    """The first layer, in two parts, and what follows."""

    unit_weights: Float[Array, "W U"]
    state_weights: Float[Array, "W S"]
    bias: Float[Array, " W"] | None
    norm: eqx.nn.LayerNorm | None
    """Of the hidden units, if they are normalised."""
    last: eqx.nn.Linear | None
    """From the hidden units to the weight, if there are hidden units."""
    value: Perceptron | None
    """c(s), if there is one."""
    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        state = observation.state
        shared = self.state_weights @ state
        if self.bias is not None:
            shared = shared + self.bias
        signed = observation.units @ self.unit_weights.T + shared[None]
        if self.norm is not None:
            signed = jax.vmap(self.norm)(signed)
        if self.last is not None:
            signed = jax.nn.relu(signed) @ self.last.weight.T
        # |·| with the derivative 0 at 0, PyTorch's; an all-zero state of padding without a bias is there.
        weights = signed[:, 0] * jnp.sign(signed[:, 0])
        zero = jnp.zeros((), chosen.dtype)
        value = zero if self.value is None else self.value(state)[0]
        return MixerOutput(
            q_tot=(weights @ chosen + value)[None], regulariser=zero, aux={"weights": weights, "state_value": value}
        )
