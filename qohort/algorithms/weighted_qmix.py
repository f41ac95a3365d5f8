"""Weighted QMIX: a monotone mixer that follows an unrestricted one, and cares less for what it cannot reach anyhow.

Rashid et al., *Weighted QMIX: expanding monotonic value function factorisation for deep multi-agent reinforcement
learning*, NeurIPS 2020, arXiv:2006.10800. With the mixer's value Q_tot, and an unrestricted value Q̂* that mixes the
utilities of a second team:

    y = r + γ Q̂*⁻(s', û'),   û' = argmax of the first team's utilities             (both are drawn to it)
    L = ( Q̂*(s, u) − y )² + w(s, u) ( Q_tot(s, u) − y )²

    w = 1 if Q_tot(s, u) < y, else α                                               (optimistic, OW-QMIX)
    w = 1 if u = û or y > Q̂*⁻(s, û), else α                                        (central, CW-QMIX)

*Differences from the paper*

- Those of `q_learning.py`.
- CW-QMIX compares y with the target networks' Q̂*⁻(s, û), as the authors' release does.
- α is 0.1 in the settings that the authors released; what the paper had on each map is not known here.
- Any mixer of one value may take the place of QMIX, and y may be any estimator of `targets.py`, as TD(λ) in PyMARL2.
"""

import dataclasses
import functools
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.algorithms.joint import Shares, at_rows, joint_values, mean_of_valid, mix, pick, shares_of
from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.presets import PRESETS, under_protocol
from qohort.algorithms.q_learning import AbstractQLearning, Looked
from qohort.algorithms.targets import joint_of
from qohort.errors import QohortError
from qohort.estimators.exploration import greedy
from qohort.limits import above, share
from qohort.mixers import QMIX, Central, MixerConfig
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig
from qohort.networks.base import AbstractTeam
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class Params(eqx.Module):
    """The weights; one clip and one optimiser move them all."""

    team: AbstractTeam
    mixer: AbstractMixer
    central_team: AbstractTeam
    """Whose utilities the unrestricted mixer reads; it never acts."""
    central_mixer: AbstractMixer


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightedQMIX(AbstractQLearning):
    """Q-learning of an unrestricted value, and of a monotone one that is weighted towards its maximum."""

    mixer: MixerConfig | AbstractMixerConfig = QMIX()
    """How the utilities of the team that acts become the joint value."""
    central: Central | AbstractMixerConfig = Central()
    """How those of the other team, which has the same settings, become the unrestricted value."""
    weighting: Literal["ow", "cw"] = "ow"
    """Which errors count fully: where the value is too low (`ow`), or where the action may be the best one (`cw`)."""
    alpha: float = 0.1
    """The weight of the other errors."""
    mixer_scale: float = 1.0
    """A factor on the monotone value's squared error."""
    central_scale: float = 1.0
    """A factor on the unrestricted value's squared error; PyMARL2 has 0.5."""

    def __post_init__(self) -> None:
        self.check_settings()
        share(alpha=self.alpha)
        above(0, mixer_scale=self.mixer_scale, central_scale=self.central_scale)

    def check(self, spec: EnvSpec) -> None:
        self.feed.frames_each(spec, self.environments)
        for name, mixer in (("mixer", self.mixer), ("central", self.central)):
            values = joint_values(mixer, spec)
            if values != 1:
                raise QohortError(
                    f"{name} gives {values} values, one for each agent, but weighted QMIX weighs one value of the "
                    "team; choose a mixer such as QMIX."
                )
        self.check_reward(spec, values=1)

    def draw(self, spec: EnvSpec, key: PRNGKeyArray) -> Params:
        keys = jax.random.split(key, 4)
        return Params(
            team=self.team.build(spec, keys[0]),
            mixer=self.mixer.build(spec, keys[1]),
            central_team=self.team.build(spec, keys[2]),
            central_mixer=self.central.build(spec, keys[3]),
        )

    def mixer_of(self, params: Params) -> AbstractMixer:
        return params.mixer

    def counts_padding(self, params: Params) -> bool:
        return params.mixer.regularise_padding

    def loss(
        self, params: Params, target: Params, window: Window, shares: Shares | None = None
    ) -> tuple[Float[Array, ""], Looked]:
        shares = shares or shares_of(window.valid, padding=self.counts_padding(params))
        values, central_values = (_values(team, window) for team in (params.team, params.central_team))
        target_values = _values(target.central_team, window)
        seen = window.observations
        moment = at_rows(seen, slice(None, -1)), window.actions
        mixed = mix(params.mixer, pick(values[:-1], window.actions), values[:-1], moment)
        central = mix(params.central_mixer, pick(central_values[:-1], window.actions), central_values[:-1], moment)

        joint = joint_of(target.central_mixer, target_values, seen)
        chooser = jax.lax.stop_gradient(values) if self.double_q else _values(target.team, window)
        best = greedy(chooser, seen.avail)
        targets = jax.lax.stop_gradient(self.targets(window, joint, best))
        if self.weighting == "ow":
            full = mixed.q_tot < targets
        else:
            is_best = jnp.all(window.actions == best[:-1], axis=-1, keepdims=True)
            full = is_best | (targets > joint(slice(None, -1), best[:-1]))
        weights = jnp.where(full, 1.0, self.alpha)

        td_error, central_error = mixed.q_tot - targets, central.q_tot - targets
        qmix_loss = self.mixer_scale * mean_of_valid((weights * td_error**2)[..., 0], window.valid, shares)
        central_loss = self.central_scale * mean_of_valid(central_error[..., 0] ** 2, window.valid, shares)
        penalty = jnp.sum(mixed.regulariser * shares.penalty)
        looked = {
            "q_tot": mixed.q_tot,
            "q_central": central.q_tot,
            "target": targets,
            "td_error": td_error,
            "central_td_error": central_error,
            "weights": weights,
            "qmix_loss": qmix_loss,
            "central_loss": central_loss,
            "regulariser": penalty,
        }
        return qmix_loss + central_loss + penalty, looked


def _values(team: AbstractTeam, window: Window) -> Float[Array, "T1 B N A"]:
    return team(window.memory(team), window.view, window.first)[0].values


def _paper(algorithm: WeightedQMIX, world: str) -> Preset:
    attention = fitting({"battle/corridor": True}, world, otherwise=False)
    return under_protocol(
        PRESETS["paper"](algorithm.mixer, world),
        dataclasses.replace(algorithm, central=Central(attention=attention)),
        source="Rashid et al. 2020, the authors' ow_qmix.yaml and cw_qmix.yaml: PyMARL's protocol, α = 0.1, an "
        "unrestricted mixer of three layers of 256 units; on corridor, attention before it.",
    )


def _pymarl2(algorithm: WeightedQMIX, world: str) -> Preset:
    return under_protocol(
        PRESETS["pymarl2"](algorithm.mixer, world),
        dataclasses.replace(algorithm, central_scale=0.5),
        source="PyMARL2, ow_qmix.yaml and cw_qmix.yaml: Adam 1e-3, Peng's TD(0.6) for both values, 128 episodes, 8 "
        "environments, one update per 8 episodes, target copy every 200 episodes, ε over 100,000 steps, and half the "
        "unrestricted value's squared error.",
    )


def _fast(algorithm: WeightedQMIX, world: str) -> Preset:
    preset = PRESETS["fast"](algorithm.mixer, world)
    return under_protocol(preset, algorithm, source=f"The losses and sizes of Rashid et al. 2020; {preset.source}")


def _method(algorithm: WeightedQMIX, summary: str) -> Method:
    builders = {"paper": _paper, "pymarl2": _pymarl2, "fast": _fast}
    return Method(
        summary=summary,
        presets={name: functools.partial(build, algorithm) for name, build in builders.items()},
    )


OPTIMISTIC = _method(
    WeightedQMIX(weighting="ow"),
    "QMIX after an unrestricted critic, errors where it is too low counting more (Rashid et al. 2020)",
)
CENTRAL = _method(
    WeightedQMIX(weighting="cw"),
    "QMIX after an unrestricted critic, errors of actions that may be the best counting more (Rashid et al. 2020)",
)
