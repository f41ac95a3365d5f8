"""Independent Q-learning: nothing is mixed.

Tan, *Multi-agent reinforcement learning: independent vs. cooperative agents*, ICML 1993.

    Q_i(τ, u) = Q_i(τ_i, u_i)    for each agent i

*Differences from the paper*: agents are trained on the team's reward, by the same learner as every
mixer; the paper's agents have tables, ours share a network unless they are told not to.
"""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Independent(AbstractMixerConfig):
    """Independent Q-learning: each agent learns from the team's reward by itself."""

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "IndependentMixer":
        return IndependentMixer()


class IndependentMixer(AbstractMixer):
    """Hands the utilities on: one value for each agent."""

    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        return MixerOutput(q_tot=chosen, regulariser=jnp.zeros((), chosen.dtype), aux={})
