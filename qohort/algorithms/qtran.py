"""QTRAN: utilities whose sum has its greatest value where an unrestricted joint critic has it.

Son et al., *QTRAN: learning to factorize with transformation for cooperative multi-agent reinforcement learning*, ICML
2019, arXiv:1905.05408. With Q' = Σ_i Q_i(τ_i, u_i), a joint critic Q, a value V of the state and û_i = argmax Q_i:

    D(τ, u) = Q'(τ, u) − Q(τ, u) + V(τ) = 0 for û, ≥ 0 for every other u          (theorem 1)

    L_td   = ( Q(τ, u) − y )²,  y = r + γ Q⁻(τ', û')
    L_opt  = ( Q'(τ, û) − sg[Q(τ, û)] + V(τ) )²
    L_nopt = ( min[ Q'(τ, u) − sg[Q(τ, u)] + V(τ), 0 ] )²                         (QTRAN-base)
    L_nopt = 1/N Σ_i ( min_a D(τ, a, u_−i) )²                                     (QTRAN-alt)
    L      = L_td + λ_opt L_opt + λ_nopt L_nopt                                   (section 4, loss functions)

*Differences from the paper*

- Agents remember (a GRU) and learn from the replay of `q_learning.py`, whose differences hold here too.
- û' is chosen by the live utilities (`double_q`), as in PyMARL; the paper chooses by the target ones.
- QTRAN-alt: an agent that has one action left, a dead one in a battle, is left out of the mean. Its minimum would be D
  itself, drawn to 0 whatever the others do.
- `target = authors`: their TensorFlow release does not ask for Q⁻(τ', û'). With û' of the target's own utilities,

    y = r + γ Σ_i max_a Q_i⁻(τ'_i, a)                                               (QTRAN-base)
    y = r + γ max_i max_a Q⁻(τ', a, û'_−i)                                          (QTRAN-alt)
- PyMARL's version is the preset `pymarl`: L_nopt counts a tenth, and the critic reads the state (`critic.form`).
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.joint import Shares, blank, mean_of_valid, per_row, pick, shares_of
from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.presets import PRESETS, pymarl2_iql, under_protocol
from qohort.algorithms.q_learning import AbstractQLearning, Looked
from qohort.estimators.exploration import greedy, mask_unavailable
from qohort.limits import at_least
from qohort.mixers import VDN
from qohort.networks.base import AbstractTeam, View
from qohort.networks.joint_critic import JointCritic, QTRANCritic
from qohort.replay.samplers import Replayed
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class Params(eqx.Module):
    """The weights."""

    team: AbstractTeam
    critic: JointCritic


@dataclasses.dataclass(frozen=True, kw_only=True)
class QTRAN(AbstractQLearning):
    """Q-learning of a joint critic, to which a sum of utilities is fitted."""

    variant: Literal["base", "alt"] = "base"
    """What holds D(τ, u) up away from the greedy action: for the action taken, or the least of each agent's actions."""
    critic: QTRANCritic = QTRANCritic()
    """The joint critic, and its value of the state."""
    target: Literal["paper", "authors"] = "paper"
    """What follows a step: the joint critic's value of the greedy action, or what the authors' release has there."""
    lambda_opt: float = 1.0
    """The weight of L_opt."""
    lambda_nopt: float = 1.0
    """The weight of L_nopt; PyMARL has 0.1."""
    nopt_over: Literal["choosing", "all"] = "choosing"
    """Over which agents L_nopt of `alt` is a mean: those with more than one available action, or, as published, all."""

    def __post_init__(self) -> None:
        self.check_settings()
        at_least(0, lambda_opt=self.lambda_opt, lambda_nopt=self.lambda_nopt)

    def check(self, spec: EnvSpec) -> None:
        self.feed.frames_each(spec, self.environments)
        self.check_reward(spec, values=1)

    def draw(self, spec: EnvSpec, key: PRNGKeyArray) -> Params:
        key_team, key_critic = jax.random.split(key)
        team = self.team.build(spec, key_team)
        return Params(team, self.critic.build(spec, _features(team, spec), key_critic))

    def counts_padding(self, params: Params) -> bool:
        return False

    def loss(
        self, params: Params, target: Params, window: Window, shares: Shares | None = None
    ) -> tuple[Float[Array, ""], Looked]:
        shares = shares or shares_of(window.valid, padding=False)
        live = params.team(window.memory(params.team), window.view, window.first)[0]
        targets = self._targets(window, live.values, target)
        utilities, seen = live.values[:-1], jax.tree.map(lambda leaf: leaf[:-1], window.observations)
        inputs = (live.features[:-1], seen.state)

        best = greedy(jax.lax.stop_gradient(utilities), seen.avail)
        q_sum, q_sum_best = (jnp.sum(pick(utilities, actions), axis=-1) for actions in (window.actions, best))
        q_joint = per_row(params.critic, *inputs, window.actions)
        q_joint_best = jax.lax.stop_gradient(per_row(params.critic, *inputs, best))
        value = per_row(params.critic.value, *inputs)

        td_error = q_joint - jax.lax.stop_gradient(targets)[..., 0]
        opt_error = q_sum_best - q_joint_best + value
        gap = q_sum - jax.lax.stop_gradient(q_joint) + value
        if self.variant == "base":
            nopt_squared = jnp.minimum(gap, 0.0) ** 2
        else:
            joint = jax.lax.stop_gradient(per_row(params.critic.counterfactual, *inputs, window.actions))
            counted = (jnp.sum(seen.avail, axis=-1) > 1) | (self.nopt_over == "all")
            nopt_squared = per_row(least_gaps_squared, utilities, window.actions, joint, value, (seen.avail, counted))

        td_loss, opt_loss, nopt_loss = (
            mean_of_valid(squared, window.valid, shares) for squared in (td_error**2, opt_error**2, nopt_squared)
        )
        looked = {
            "q_joint": q_joint,
            "q_sum": q_sum,
            "q_joint_best": q_joint_best,
            "q_sum_best": q_sum_best,
            "state_value": value,
            "gap": gap,
            "target": targets,
            "td_error": td_error,
            "opt_error": opt_error,
            "td_loss": td_loss,
            "opt_loss": opt_loss,
            "nopt_loss": nopt_loss,
        }
        return td_loss + self.lambda_opt * opt_loss + self.lambda_nopt * nopt_loss, looked

    def _targets(self, window: Window, values: Float[Array, "T1 B N A"], target: Params) -> Float[Array, "T B 1"]:
        """y, by the joint critic; for QTRAN-base and `authors` by the sum of utilities."""
        behind, seen = target.team(window.memory(target.team), window.view, window.first)[0], window.observations
        authors = self.target == "authors"
        summed, exchanged = authors and self.variant == "base", authors and self.variant == "alt"

        def joint(rows: slice, actions: Int[Array, "T B N"]) -> Float[Array, "T B 1"]:
            if summed:
                return jnp.sum(pick(behind.values[rows], actions), axis=-1, keepdims=True)
            return per_row(target.critic, behind.features[rows], seen.state[rows], actions)[..., None]

        chooser = jax.lax.stop_gradient(values) if self.double_q and not authors else behind.values
        best = greedy(chooser, seen.avail)
        if exchanged:
            instead = per_row(target.critic.counterfactual, behind.features, seen.state, best)
            best = per_row(best_exchange, best, instead, seen.avail)
        return self.targets(window, joint, best)


def best_exchange(
    actions: Int[Array, " N"], instead: Float[Array, "N A"], avail: Bool[Array, "N A"]
) -> Int[Array, " N"]:
    """The best of the joint actions in which at most one agent does something else.

    Args:
        actions: the joint action that is changed, u.
        instead: Q(τ, a, u_−i) of each agent's actions a.
        avail: the actions that may be taken instead.
    """
    agent, action = jnp.divmod(jnp.argmax(mask_unavailable(instead, avail)), instead.shape[-1])
    return jnp.where(jnp.arange(actions.shape[0]) == agent, action, actions)


def least_gaps_squared(
    utilities: Float[Array, "N A"],
    actions: Int[Array, " N"],
    joint: Float[Array, "N A"],
    value: Float[Array, ""],
    over: tuple[Bool[Array, "N A"], Bool[Array, " N"]],
) -> Float[Array, ""]:
    """QTRAN-alt's L_nopt in one moment: the mean of ( min_a D(τ, a, u_−i) )² over agents.

    Args:
        utilities: of every action.
        actions: what was done, u.
        joint: Q(τ, a, u_−i) of each agent's actions a.
        value: V(τ).
        over: the actions over which the minimum runs, and the agents over which the mean does.
    """
    avail, counted = over
    chosen = pick(utilities, actions)
    gaps = (jnp.sum(chosen) - chosen)[:, None] + utilities - joint + value
    least = -jnp.max(mask_unavailable(-gaps, avail), axis=-1)
    return jnp.sum(jnp.where(counted, least, 0.0) ** 2) / jnp.maximum(jnp.sum(counted), 1)


def _features(team: AbstractTeam, spec: EnvSpec) -> int:
    """How many numbers an agent's values are read from."""
    seen = jax.tree.map(lambda leaf: leaf[None, None], blank(spec))
    view = View(seen.obs, seen.avail, seen.alive, jnp.zeros((1, 1, spec.n_agents), jnp.int32))
    return jax.eval_shape(team, team.initial(1), view, jnp.ones((1, 1), bool))[0].features.shape[-1]


def _paper(algorithm: QTRAN, world: str) -> Preset:
    protocol = PRESETS["paper"](VDN(), world)
    return under_protocol(
        protocol.but(double_q=False, source=protocol.source),
        dataclasses.replace(algorithm, nopt_over="all"),
        source="Son et al. 2019 for the losses (λ_opt = λ_nopt = 1, û' of the target network) and the critic; for the "
        "rest the protocol of PyMARL, with which the published results on SMAC were made: the paper's own settings are "
        "for feed-forward agents in games without memory.",
    )


def _as_in_pymarl(algorithm: QTRAN) -> QTRAN:
    return dataclasses.replace(algorithm, critic=QTRANCritic(form="pymarl"), lambda_nopt=0.1)


def _pymarl(algorithm: QTRAN, world: str) -> Preset:
    return under_protocol(
        PRESETS["paper"](VDN(), world),
        _as_in_pymarl(algorithm),
        source="PyMARL, default.yaml and qtran.yaml: L_nopt counts 0.1, the critic reads the state and the sum of "
        "encodings, V the state alone.",
    )


def _pymarl2(algorithm: QTRAN, world: str) -> Preset:
    untuned = pymarl2_iql(VDN(), world)
    return under_protocol(
        untuned.but(feed=Replayed(batch=128), source=untuned.source),
        _as_in_pymarl(algorithm),
        source="PyMARL2, qtran.yaml and default.yaml: PyMARL's losses and critic with Adam 5e-4, one-step targets, "
        "128 episodes, 8 environments, one update per 8 episodes, target copy every 200 episodes (25 updates), ε over "
        "100,000 steps; none of it fine-tuned.",
    )


def _fast(algorithm: QTRAN, world: str) -> Preset:
    preset = fitting(FAST, world, lambda preset: preset)(PRESETS["fast"](VDN(), world))
    return under_protocol(preset, algorithm, source=f"The losses and the critic of Son et al. 2019; {preset.source}")


def fast_skirmish(preset: Preset) -> Preset:
    """Before the sum can follow the critic, the critic has to tell joint actions apart: smaller updates, and more."""
    feed = preset.algorithm.feed
    assert isinstance(feed, Replayed)
    return preset.but(
        feed=dataclasses.replace(feed, batch=8),
        update_every=8,
        source=f"{preset.source} QTRAN has 8 windows to an update and one update per 8 steps instead.",
    )


FAST: dict[str, Callable[[Preset], Preset]] = {"battle/3m": fast_skirmish}
"""What `fast` changes on the worlds whose names begin so."""


def _method(algorithm: QTRAN, summary: str, builders: Mapping[str, Callable[[QTRAN, str], Preset]]) -> Method:
    return Method(
        summary=summary,
        presets={name: functools.partial(build, algorithm) for name, build in builders.items()},
    )


BASE = _method(
    QTRAN(),
    "a joint critic without structure, and utilities whose sum has its maximum there (Son et al. 2019)",
    {"paper": _paper, "pymarl": _pymarl, "pymarl2": _pymarl2, "fast": _fast},
)
ALT = _method(
    QTRAN(variant="alt"),
    "QTRAN with every agent's least gap over its actions drawn to 0 (Son et al. 2019)",
    {"paper": _paper, "fast": _fast},
)
