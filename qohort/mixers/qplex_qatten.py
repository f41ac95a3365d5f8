"""QPLEX on Qatten: the form of QPLEX that its authors ran on StarCraft.

Wang et al., *QPLEX: duplex dueling multi-agent Q-learning*, ICLR 2021, arXiv:2008.01062, by the authors' code:
the transformation's weights and values are those of Qatten (Yang et al. 2020, `qohort.mixers.qatten`),

    w_i(s) = Σ_h w_h(s) λ_{i,h}(s),   b_i(s) = c(s) / N

so that with A_i = w_i(s) (Q_i(τ_i, u_i) − max_a Q_i(τ_i, a)) and the importance λ_i of `qohort.mixers.qplex`

    Q_tot = Q_tot of Qatten + Σ_i (λ_i(s, u) − 1) sg[A_i]

At one state Qatten alone is a weighted sum; λ, which knows the joint action, makes every table with IGM of it.

*Differences from the authors' code*: it adds 1e-10 to w_i, which a softmax makes positive anyway. With the mask of
dead agents it does not run; here `dead` works as in Qatten, and with `nonlinear` IGM is lost as in Qatten.
"""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.mixers.qatten import Qatten, QattenMixer
from qohort.mixers.qplex import Importance, ImportanceNetwork
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class QPLEXQatten(AbstractMixerConfig):
    """QPLEX on Qatten: attention weighs the utilities, the joint action weighs the advantages."""

    attention: Qatten = Qatten(regulariser=0.001)
    """What weighs the utilities."""
    importance: Importance = Importance(kernels=4, layers=1)
    """The networks of λ."""

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "QPLEXQattenMixer":
        attention_key, importance_key = jax.random.split(key)
        attention = self.attention.build(spec, attention_key)
        return QPLEXQattenMixer(
            attention=attention,
            importance=self.importance.build(spec, importance_key),
            regularise_padding=attention.regularise_padding,
        )


class QPLEXQattenMixer(AbstractMixer):
    """A Qatten mixer, and the networks of λ."""

    attention: QattenMixer
    importance: ImportanceNetwork
    regularise_padding: bool = eqx.field(static=True)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        mixed = self.attention(chosen, best, observation, actions)
        weights = mixed.aux["head_weights"] @ mixed.aux["attention"]
        importance = self.importance(observation, actions)
        adv_tot = self.importance.dueling(importance, weights * (chosen - best))
        return MixerOutput(
            q_tot=mixed.q_tot + adv_tot[None],
            regulariser=mixed.regulariser,
            aux={
                **mixed.aux,
                "importance": importance,
                "weights": weights,
                "v_tot": mixed.q_tot[0],
                "adv_tot": adv_tot,
            },
        )
