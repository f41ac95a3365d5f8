"""VDN: the value of the team is the sum of the agents' utilities.

Sunehag et al., *Value-decomposition networks for cooperative multi-agent learning*, AAMAS 2018,
arXiv:1706.05296.

    Q_tot(τ, u) = Σ_i Q_i(τ_i, u_i)                                    (section 3)

With `state_bias`, VDN-S of Rashid et al., *QMIX*, arXiv:1803.11485, section 6.2:

    Q_tot(τ, u) = Σ_i Q_i(τ_i, u_i) + V(s)

*Differences from the paper*: none in the sum. The paper's communication channels, role information and
dueling heads belong to the agents' network and are not part of a mixer.
"""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.hyper import Feed, fed, feed_size
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class VDN(AbstractMixerConfig):
    """VDN: the sum of the agents' utilities."""

    state_bias: bool = False
    """Add a value of the state (VDN-S, a control of the QMIX paper)."""
    embed: int = 32
    """Hidden units of the value of the state."""
    feed: Feed = "state"
    """What the value of the state reads: the state, or all agents' observations joined."""

    def __post_init__(self) -> None:
        at_least(1, of="VDN", embed=self.embed)
        choices(self, of="VDN")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "VDNMixer":
        value = Perceptron((feed_size(self.feed, spec), self.embed, 1), key) if self.state_bias else None
        return VDNMixer(value=value, feed=self.feed)


class VDNMixer(AbstractMixer):
    """Adds the utilities."""

    value: Perceptron | None
    """V(s), if there is one."""
    feed: Feed = eqx.field(static=True)
    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        zero = jnp.zeros((), chosen.dtype)
        value = zero if self.value is None else self.value(fed(self.feed, observation))[0]
        return MixerOutput(q_tot=(chosen.sum() + value)[None], regulariser=zero, aux={"state_value": value})
