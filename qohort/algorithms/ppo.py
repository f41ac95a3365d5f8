"""Proximal policy optimisation of a team: IPPO, MAPPO, and plain advantage actor-critics, by settings alone.

Schulman et al., "Proximal Policy Optimization Algorithms" (2017); de Witt et al., "Is Independent Learning All You Need
in the StarCraft Multi-Agent Challenge?" (2020); Yu et al., "The Surprising Effectiveness of PPO in Cooperative
Multi-Agent Games" (2022). With ρ = π(u|τ) / π_old(u|τ), of each agent by itself, and over the living agents,

    L_π(θ) = −E[ min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) ] − c E[ H(π) ]
    L_V(φ) = E[ max(h(v − ŷ), h(v_old + clip(v − v_old, −ε, ε) − ŷ)) ]

h is Huber's function, A the standardised generalised advantage, ŷ its target on the critic's scale, on which targets
have mean 0 and deviation 1. One epoch without a clip is an advantage actor-critic: then ρ = 1 and the gradient is that
of −E[A log π].

Differences from the on-policy repository: the critic of `agent-state` reads the state and the agent's observation side
by side, not a state drawn up for the agent; stretches hold the frame that a time limit left, so pieces may begin one
step later; the moments of targets are taken over the rows that count; no frames are stacked.
"""

import dataclasses
import functools
import math
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Pace
from qohort.algorithms.joint import pick
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.pieces import Batch, in_pieces, joined, side_by_side, unrolled
from qohort.algorithms.rewards import Reduction, reduced
from qohort.estimators import advantage, policies, value_scale
from qohort.estimators.exploration import LinearSchedule, greedy
from qohort.estimators.moments import mean
from qohort.estimators.value_scale import ValueScale
from qohort.limits import above, at_least, choices, share
from qohort.networks import Normalised, TeamConfig
from qohort.networks.base import AbstractTeam, AbstractTeamConfig, Carry, View
from qohort.networks.critic import Critic, Values
from qohort.replay.fresh import Fresh
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class Params(eqx.Module):
    """The weights."""

    team: AbstractTeam
    critic: Values


class PPOLearner(eqx.Module):
    """What learning changes."""

    params: Params
    opt_state: Any
    """Of the team and of the critic."""
    moments: ValueScale
    """Of the critic's targets."""
    memory: Carry
    """What the critic remembers where the next stretch begins."""
    learning_rate: Float[Array, ""]
    updates: Int[Array, ""]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPO(AbstractAlgorithm):
    """A policy and a critic, from fresh play; the defaults are those of Yu et al."""

    outputs: ClassVar[Literal["utilities", "logits"]] = "logits"

    team: TeamConfig | AbstractTeamConfig = Normalised()
    """The actors' network; its values are logits."""
    critic: Critic = Critic()
    """The critic's network, and what it reads."""
    feed: Fresh = Fresh(length=400, epochs=15)
    """How long stretches are, and how often and in how many parts they are gone through."""
    optimiser: Optimiser = Optimiser(kind="adam", learning_rate=5e-4, eps=1e-5)
    """How weights move; team and critic are clipped each by themselves."""
    environments: int = 8
    """How many environments are played at the same time."""
    backprop: int | None = 10
    """Steps that gradients reach back; whole stretches if not given."""
    gamma: float = 0.99
    """The discount γ."""
    gae_lambda: float = 0.95
    """λ of the advantages."""
    bootstrap_time_limit: bool = True
    """Look beyond the time limit."""
    clip: float | None = 0.2
    """ε: how far the policy's ratio and the critic's values may move; anywhere if not given."""
    clip_values: bool = True
    """Whether it holds for the critic too."""
    entropy: float = 0.01
    """c: the weight of the entropy bonus."""
    value_weight: float = 1.0
    """The weight of the critic's loss."""
    huber: float | None = 10.0
    """Where Huber's function turns from a square to a line; a square everywhere if not given."""
    normalise_values: bool = True
    """Whether the critic speaks of targets with mean 0 and deviation 1."""
    standardise: bool = True
    """Whether advantages get mean 0 and deviation 1 in each stretch."""
    mask_values: bool = False
    """Leave dead agents out of the critic's loss; what it says of them is then never learnt."""
    reward_reduction: Reduction = "none"
    """Makes one team reward of individual ones; without, each agent learns from its own."""

    def __post_init__(self) -> None:
        choices(self)
        at_least(1, environments=self.environments, backprop=self.backprop)
        share(gamma=self.gamma, gae_lambda=self.gae_lambda)
        above(0, clip=self.clip, huber=self.huber)
        at_least(0, entropy=self.entropy, value_weight=self.value_weight)

    def check(self, spec: EnvSpec) -> None:
        self.feed.check_environments(self.environments)

    def pace(self) -> Pace:
        return Pace(every=self.feed.length * self.environments, unit="steps", updates=1)

    def exploration(self) -> LinearSchedule:
        return LinearSchedule(start=1.0, end=1.0, steps=0)

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> PPOLearner:
        key_team, key_critic = jax.random.split(key)
        params = Params(self.team.build(spec, key_team), self.critic.build(spec, key_critic))
        return PPOLearner(
            params=params,
            opt_state=(self.optimiser.init(params.team), self.optimiser.init(params.critic)),
            moments=value_scale.no_moments() if self.normalise_values else value_scale.as_they_are(),
            memory=params.critic.initial(self.environments),
            learning_rate=jnp.asarray(self.optimiser.learning_rate),
            updates=jnp.zeros((), jnp.int32),
        )

    def choose(
        self,
        outputs: Float[Array, "B N A"],
        avail: Bool[Array, "B N A"],
        *,
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> Int[Array, "B N"]:
        """Draw from the policy; without exploration, take the likeliest actions."""
        drawn = policies.sample(key, outputs, avail)
        return jnp.where(exploration > 0, drawn, greedy(outputs, avail))

    def update(self, learner: PPOLearner, window: Window, key: PRNGKeyArray) -> tuple[PPOLearner, dict[str, Array]]:
        """Go through a stretch in epochs and minibatches; what is told of it are means over these."""
        batch, memory, explained = self.behaviour(learner, window)
        columns = batch.first.shape[1]

        def minibatch(state: tuple[Params, Any, ValueScale], some: Int[Array, " C"]) -> tuple[Any, dict[str, Array]]:
            return self._step(state, jax.tree.map(lambda leaf: leaf[:, some], batch), learner.learning_rate)

        def epoch(state: tuple[Params, Any, ValueScale], key: PRNGKeyArray) -> tuple[Any, dict[str, Array]]:
            order = jax.random.permutation(key, columns).reshape(self.feed.minibatches, -1)
            return jax.lax.scan(minibatch, state, order)

        state = (learner.params, learner.opt_state, learner.moments)
        keys = jax.random.split(key, self.feed.epochs)
        (params, opt_state, moments), looked = jax.lax.scan(epoch, state, keys)
        updates = learner.updates + 1
        learner = PPOLearner(params, opt_state, moments, memory, learner.learning_rate, updates)
        return learner, {**jax.tree.map(jnp.mean, looked), "explained": explained}

    def behaviour(self, learner: PPOLearner, window: Window) -> tuple[Batch, Carry, Float[Array, ""]]:
        """What the team and the critic did, before the first step changes them.

        Returns:
            The stretch in pieces, what the critic remembers at its end, and how much of the targets' variance the
            critic explained.
        """
        frames = window.first.shape[0]
        length = min(self.backprop or frames, frames)
        cut = functools.partial(in_pieces, length=length, pieces=math.ceil(frames / length))
        params, known = learner.params, (window.observations, window.view, window.first)
        start = (window.memory(params.team), learner.memory)
        before, said = unrolled(params.team, params.critic, start, cut(known))
        logits, value, states = jax.tree.map(lambda leaf: joined(leaf)[:frames], said)

        alive = window.observations.alive[:-1]
        acting = window.valid[..., None] & alive
        counted = acting if self.mask_values else jnp.broadcast_to(window.valid[..., None], alive.shape)
        of_actions, targets = advantage.advantages(
            self._rewards(window),
            value_scale.denormalised(learner.moments, value),
            first=window.first,
            terminated=window.terminated,
            truncated=window.truncated,
            valid=window.valid,
            gamma=self.gamma,
            lambda_=self.gae_lambda,
            bootstrap_time_limit=self.bootstrap_time_limit,
        )
        log_probs = policies.log_probabilities(logits[:-1], window.observations.avail[:-1])
        rows = {
            "seen": window.observations,
            "last_action": window.last_action,
            "first": window.first,
            "actions": window.actions,
            "log_prob": pick(log_probs, window.actions),
            "value": value,
            "advantage": advantage.standardised(of_actions, acting) if self.standardise else of_actions,
            "target": jnp.where(counted, targets, 0.0),
            "acting": acting,
            "counted": counted,
        }
        memory = jax.tree.map(lambda leaf: leaf.reshape(1, -1, *leaf.shape[2:]), before)
        last = window.valid.shape[0] - 1 - jnp.argmax(window.valid[::-1], axis=0)
        reached = jax.tree.map(lambda leaf: leaf[last, jnp.arange(last.shape[0])], states)
        explained = 1 - _variance(of_actions, counted) / jnp.maximum(_variance(targets, counted), 1e-8)
        return Batch(**side_by_side(cut(rows)), memory=memory), reached, explained

    def loss(self, params: Params, batch: Batch, moments: ValueScale) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Both losses of a minibatch, and what they were made of."""
        of_team, of_critic = jax.tree.map(lambda leaf: leaf[0], batch.memory)
        seen = batch.seen
        view = View(obs=seen.obs, avail=seen.avail, alive=seen.alive, last_action=batch.last_action)
        logits = params.team(of_team, view, batch.first)[0].values
        change = pick(policies.log_probabilities(logits, seen.avail), batch.actions) - batch.log_prob
        ratio = jnp.exp(change)
        gain, kept = ratio * batch.advantage, jnp.zeros_like(ratio, bool)
        if self.clip is not None:
            kept = jnp.abs(ratio - 1) > self.clip
            gain = jnp.minimum(gain, jnp.clip(ratio, 1 - self.clip, 1 + self.clip) * batch.advantage)
        entropy = mean(policies.entropy(logits, seen.avail), batch.acting)

        value, _ = params.critic(of_critic, seen, batch.first)
        target = value_scale.normalised(moments, batch.target)
        error = self._cost(value - target)
        if self.clip is not None and self.clip_values:
            near = batch.value + jnp.clip(value - batch.value, -self.clip, self.clip)
            error = jnp.maximum(error, self._cost(near - target))
        policy_loss, value_loss = -mean(gain, batch.acting), mean(error, batch.counted)
        loss = policy_loss - self.entropy * entropy + self.value_weight * value_loss
        return loss, {
            "loss": loss,
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "clipped": mean(kept.astype(ratio.dtype), batch.acting),
            "kl": mean(ratio - 1 - change, batch.acting),
        }

    def _step(
        self, state: tuple[Params, Any, ValueScale], batch: Batch, learning_rate: Float[Array, ""]
    ) -> tuple[tuple[Params, Any, ValueScale], dict[str, Array]]:
        params, (of_team, of_critic), moments = state
        if self.normalise_values:
            moments = value_scale.observed(moments, batch.target, batch.counted)
        gradient, looked = jax.grad(self.loss, has_aux=True)(params, batch, moments)
        team, of_team, norm = self.optimiser.step(
            params.team, gradient.team, opt_state=of_team, learning_rate=learning_rate
        )
        critic, of_critic, critic_norm = self.optimiser.step(
            params.critic, gradient.critic, opt_state=of_critic, learning_rate=learning_rate
        )
        looked = {**looked, "grad_norm": norm, "critic_grad_norm": critic_norm}
        return (Params(team, critic), (of_team, of_critic), moments), looked

    def team_reward(self, reward: Float[Array, "T B M"]) -> Float[Array, "T B M2"]:
        return reduced(reward, self.reward_reduction)

    def _rewards(self, window: Window) -> Float[Array, "T B N"]:
        """What each agent is paid."""
        return jnp.broadcast_to(self.team_reward(window.reward), window.actions.shape)

    def _cost(self, error: Float[Array, "L C N"]) -> Float[Array, "L C N"]:
        return 0.5 * error**2 if self.huber is None else optax.losses.huber_loss(error, delta=self.huber)


def _variance(values: Float[Array, "T B N"], counted: Bool[Array, "T B N"]) -> Float[Array, ""]:
    return mean((values - mean(values, counted)) ** 2, counted)
