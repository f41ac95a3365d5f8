"""One learner for every mixer: deep Q-learning of a joint value that is mixed from utilities.

Sunehag et al. 2018 (VDN), Rashid et al. 2018 (QMIX) and Yang et al. 2020 (Qatten) differ in the mixer
alone; the rest is the protocol of the PyMARL code, whose numbers this file reproduces:

    L(θ) = Σ m (Q_tot(τ, u; θ) − y)² / Σ m,        y = r + γ (1 − d) Q_tot(τ', û'; θ⁻)

with û' the greedy joint action of the live utilities (double Q) or of the target ones.

Differences from the published code: those of `q_learning.py`.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.algorithms.joint import Shares, at_rows, joint_values, mean_of_valid, mix, pick, shares_of
from qohort.algorithms.q_learning import AbstractQLearning, Looked
from qohort.algorithms.targets import joint_of
from qohort.estimators.exploration import greedy
from qohort.limits import above
from qohort.mixers import MixerConfig, Qatten
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig
from qohort.networks.base import AbstractTeam
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class Params(eqx.Module):
    """The weights."""

    team: AbstractTeam
    mixer: AbstractMixer


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValueDecomposition(AbstractQLearning):
    """Q-learning with a mixer; the defaults are the PyMARL protocol."""

    mixer: MixerConfig | AbstractMixerConfig = Qatten()
    """How utilities become the joint value."""
    unavailable_targets: bool = False
    """Look for the best next action among unavailable ones too, as QPLEX's release does without double Q."""
    loss_scale: float = 1.0
    """A factor on the squared error; PyMARL2 has 0.5."""

    def __post_init__(self) -> None:
        self.check_settings()
        above(0, loss_scale=self.loss_scale)

    def check(self, spec: EnvSpec) -> None:
        self.feed.frames_each(spec, self.environments)
        self.check_reward(spec, values=joint_values(self.mixer, spec))

    def draw(self, spec: EnvSpec, key: PRNGKeyArray) -> Params:
        key_team, key_mixer = jax.random.split(key)
        return Params(self.team.build(spec, key_team), self.mixer.build(spec, key_mixer))

    def mixer_of(self, params: Params) -> AbstractMixer:
        return params.mixer

    def counts_padding(self, params: Params) -> bool:
        return params.mixer.regularise_padding

    def loss(
        self, params: Params, target: Params, window: Window, shares: Shares | None = None
    ) -> tuple[Float[Array, ""], Looked]:
        shares = shares or shares_of(window.valid, padding=self.counts_padding(params))
        values = params.team(window.memory(params.team), window.view, window.first)[0].values
        target_values = target.team(window.memory(target.team), window.view, window.first)[0].values
        now = at_rows(window.observations, slice(None, -1))
        chosen = pick(values[:-1], window.actions)
        mixed = mix(params.mixer, chosen, values[:-1], (now, window.actions))

        following = window.observations
        if self.unavailable_targets:
            following = dataclasses.replace(following, avail=jnp.ones_like(following.avail))
        chooser = jax.lax.stop_gradient(values) if self.double_q else target_values
        targets = self.targets(
            window, joint_of(target.mixer, target_values, following), greedy(chooser, following.avail)
        )
        error = mixed.q_tot - jax.lax.stop_gradient(targets)
        td_loss = self.loss_scale * mean_of_valid(jnp.mean(error**2, axis=-1), window.valid, shares)
        penalty = jnp.sum(mixed.regulariser * shares.penalty)
        looked = {
            "q_tot": mixed.q_tot,
            "target": targets,
            "td_error": error,
            "td_loss": td_loss,
            "regulariser": penalty,
            **{f"mixer/{name}": value for name, value in mixed.aux.items()},
        }
        return td_loss + penalty, looked
