"""Multi-actor-attention-critic: MAAC.

Iqbal and Sha 2019. Every agent has a critic that attends to the others (`qohort.networks.attentive`); policies and
critics are soft (they seek entropy at the temperature 1/ρ) and learn from a replay:

    critics:  Σ_i mean( Q_i(o, u) − y_i )² + c Σ_i Σ_heads mean(logit²)
              y_i = r_i + γ (1 − d) ( Q̄_i(o', a') − log π̄_i(a'_i) / ρ ),   a' ~ π̄
    policies: Σ_i mean( log π_i(a_i) · sg[ log π_i(a_i) / ρ − A_i ] ) + c Σ_i mean(logits²),   a ~ π
              A_i = Q_i(o, a) − Σ_b π_i(b) Q_i(o, (b, a_{−i}))

The advantage is one pass of the critic, which gives a value for each own action. Each agent learns from its own reward,
or all from the team's. The bar marks target networks, which follow by τ at each update.

Differences from the paper and from the authors' code: the authors' target has the entropy term outside of γ(1 − d)
(`entropy_discount=False`, the default), where it is read, after a step that ended the task, in the frame that follows;
their batch normalisation is that of the batch for the critics (`standardise`), which are never asked outside of an
update, and left out for the policies, where it would need running averages; rewards are standardised by running
moments of what was drawn and not by those of the whole buffer; a batch is some stretches of episodes,
not single steps; the policies' units are ReLU, and the gradients of all policies are clipped together; the decay of the
critics' weights is added before clipping, not after it. Policies that remember are unrolled from the beginning of each
stretch, with no memory there.
"""

import dataclasses
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Pace
from qohort.algorithms.joint import per_row, pick
from qohort.algorithms.optimiser import Optimiser
from qohort.errors import QohortError
from qohort.estimators import policies, returns
from qohort.estimators.counterfactual import counterfactual_advantage
from qohort.estimators.exploration import LinearSchedule, greedy
from qohort.estimators.moments import Moments, followed, mean, standardised
from qohort.limits import above, at_least, choices, share
from qohort.networks import TeamConfig
from qohort.networks.attentive import Attended, AttentiveCritic, AttentiveValues
from qohort.networks.base import AbstractTeam, AbstractTeamConfig, one_hot
from qohort.networks.feedforward import FeedForward
from qohort.replay.samplers import Replayed
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class Params(eqx.Module):
    """The weights."""

    team: AbstractTeam
    critic: AttentiveValues


class MAACLearner(eqx.Module):
    """What learning changes."""

    params: Params
    target: Params
    opt_state: tuple[Any, Any]
    """The policies' and the critics'."""
    rewards: Moments
    learning_rate: Float[Array, ""]
    updates: Int[Array, ""]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MAAC(AbstractAlgorithm):
    """Soft actor-critics that attend to each other; the defaults are the authors'."""

    outputs: ClassVar[Literal["utilities", "logits"]] = "logits"

    team: TeamConfig | AbstractTeamConfig = FeedForward(hidden=128, last_action=False, agent_id=False, sharing="none")
    """The agents' network; its outputs are logits."""
    critic: AttentiveCritic = AttentiveCritic()
    """The critics."""
    feed: Replayed = Replayed(sampler="windows", batch=32, length=32, episodes=40_000, frames=1_000_000)
    """The replay and what is drawn from it."""
    optimiser: Optimiser = Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8, clip=0.5)
    """How the policies' weights move."""
    critic_optimiser: Optimiser = Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8, clip=10.0)
    """How the critics' weights move; `clip` is times the agents. Its rate is annealed together with the policies'."""
    weight_decay: float = 1e-3
    """How much of the critics' weights is added to their gradient."""
    environments: int = 12
    """How many environments are played at the same time."""
    update_every: int = 100
    """Updates fall due each time so many episodes have finished or steps been made."""
    update_unit: Literal["episodes", "steps"] = "steps"
    """What `update_every` counts."""
    updates: int = 4
    """How many updates each time."""
    gamma: float = 0.99
    """The discount γ."""
    reward_scale: float = 100.0
    """ρ: the entropy weighs 1/ρ."""
    entropy_discount: bool = False
    """Have the entropy term of the target inside of γ(1 − d), as in the paper; the authors' code has it outside."""
    regulariser: float = 1e-3
    """Weight of the squared attention logits, and of the policies' squared logits."""
    standardise: bool = True
    """Give each input of the critics mean 0 and variance 1 over the batch."""
    normalise_rewards: bool = True
    """Give rewards mean 0 and variance 1. Where episodes may end early, this changes what is best."""
    bootstrap_time_limit: bool = True
    """Look beyond the time limit, as the authors' code does."""
    target_rate: float = 1e-3
    """τ: how far the targets move at each update."""

    def __post_init__(self) -> None:
        choices(self)
        at_least(1, environments=self.environments, update_every=self.update_every, updates=self.updates)
        share(gamma=self.gamma, target_rate=self.target_rate)
        above(0, target_rate=self.target_rate, reward_scale=self.reward_scale)
        at_least(0, weight_decay=self.weight_decay, regulariser=self.regulariser)
        if self.critic_optimiser.final_learning_rate is not None:
            raise QohortError(
                "critic_optimiser.final_learning_rate is given, but the critics' rate follows the policies'; give "
                "optimiser.final_learning_rate."
            )

    def check(self, spec: EnvSpec) -> None:
        self.feed.frames_each(spec, self.environments)

    def pace(self) -> Pace:
        return Pace(self.update_every, self.update_unit, self.updates)

    def exploration(self) -> LinearSchedule:
        """The policies explore by themselves: 1 is to draw from them."""
        return LinearSchedule(start=1.0, end=1.0, steps=0)

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> MAACLearner:
        key_team, key_critic = jax.random.split(key)
        params = Params(self.team.build(spec, key_team), self.critic.build(spec, key_critic))
        return MAACLearner(
            params=params,
            target=jax.tree.map(jnp.copy, params),
            opt_state=(self.optimiser.init(params.team), self.critic_optimiser.init(params.critic)),
            rewards=Moments(jnp.zeros(spec.n_rewards), jnp.ones(spec.n_rewards)),
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
        drawn = policies.sample(key, outputs, avail)
        return jnp.where(exploration > 0, drawn, greedy(outputs, avail))

    def update(self, learner: MAACLearner, window: Window, key: PRNGKeyArray) -> tuple[MAACLearner, dict[str, Array]]:
        """The critics first; the policies' step looks at their new weights."""
        key_next, key_now = jax.random.split(key)
        rewards = followed(learner.rewards, window.reward, window.valid, updates=learner.updates)
        following = self.drawn(learner.target.team, window, key_next)[1:]
        goals = self.goals(learner.target, window, rewards, following=following)
        params, rate = learner.params, learner.learning_rate

        gradient, looked = jax.grad(self.critic_loss, has_aux=True)(params.critic, window, goals)
        gradient = _shared_in_parts(gradient, window.actions.shape[-1])
        gradient = jax.tree.map(lambda g, w: g + self.weight_decay * w, gradient, params.critic)
        stepping = self.critic_optimiser
        stepping = dataclasses.replace(stepping, clip=stepping.clip * window.actions.shape[-1])
        critic_rate = rate * (stepping.learning_rate / self.optimiser.learning_rate)
        critic, critic_state, norm = stepping.step(
            params.critic, gradient, opt_state=learner.opt_state[1], learning_rate=critic_rate
        )

        actions = self.drawn(params.team, window, key_now)[:-1]
        gradient, told = jax.grad(self.policy_loss, has_aux=True)(params.team, critic, window, actions)
        team, team_state, policy_norm = self.optimiser.step(
            params.team, gradient, opt_state=learner.opt_state[0], learning_rate=rate
        )
        params = Params(team, critic)
        target = jax.tree.map(lambda old, new: old + self.target_rate * (new - old), learner.target, params)
        learner = MAACLearner(params, target, (team_state, critic_state), rewards, rate, learner.updates + 1)
        return learner, {**looked, **told, "grad_norm": norm, "policy_grad_norm": policy_norm}

    def drawn(self, team: AbstractTeam, window: Window, key: PRNGKeyArray) -> Int[Array, "T1 B N"]:
        """What a team's policies might do in each frame."""
        logits = team(window.memory(team), window.view, window.first)[0].values
        return policies.sample(key, logits, window.observations.avail)

    def goals(
        self, target: Params, window: Window, rewards: Moments, *, following: Int[Array, "T B N"]
    ) -> Float[Array, "T B N"]:
        """y_i, with the target policies' actions `following` in the frames that follow."""
        seen = window.observations
        logits = target.team(window.memory(target.team), window.view, window.first)[0].values[1:]
        log_pi = pick(policies.log_probabilities(logits, seen.avail[1:]), following) / self.reward_scale
        value = pick(self.ask(target.critic, seen.obs[1:], following, window.valid).values, following)
        reward = window.reward
        if self.normalise_rewards:
            reward = rewards.normalised(reward)
        reward = jnp.broadcast_to(reward, value.shape)
        discount, _ = returns.outlook(
            window.first,
            window.terminated,
            window.truncated,
            window.valid,
            gamma=self.gamma,
            bootstrap_time_limit=self.bootstrap_time_limit,
        )
        discount = jnp.broadcast_to(discount[..., None], value.shape)
        if self.entropy_discount:
            return jax.lax.stop_gradient(returns.one_step(reward, discount, value - log_pi))
        return jax.lax.stop_gradient(returns.one_step(reward, discount, value) - log_pi)

    def critic_loss(
        self, critic: AttentiveValues, window: Window, goals: Float[Array, "T B N"]
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Σ_i of mean squared errors, and the size of the attention logits."""
        out = self.ask(critic, window.observations.obs[:-1], window.actions, window.valid)
        error = pick(out.values, window.actions) - goals
        td_loss = mean(jnp.sum(error**2, axis=-1), window.valid)
        others = max(error.shape[-1] - 1, 1)
        size = mean(jnp.sum(out.logits**2, axis=(-3, -2, -1)) / others, window.valid)
        spread = -jnp.sum(out.attention * jnp.log(jnp.where(out.attention > 0, out.attention, 1.0)), axis=-1)
        looked = {
            "loss": td_loss + self.regulariser * size,
            "td_error_abs": mean(jnp.mean(jnp.abs(error), axis=-1), window.valid),
            "regulariser": self.regulariser * size,
            "attention_entropy": mean(jnp.mean(spread, axis=(-2, -1)), window.valid),
        }
        return looked["loss"], looked

    def policy_loss(
        self, team: AbstractTeam, critic: AttentiveValues, window: Window, actions: Int[Array, "T B N"]
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Σ_i of means; the actions are the present policies', not those of the replay."""
        seen = window.observations
        logits = team(window.memory(team), window.view, window.first)[0].values[:-1]
        log_all = policies.log_probabilities(logits, seen.avail[:-1])
        log_pi = pick(log_all, actions)
        values = self.ask(critic, seen.obs[:-1], actions, window.valid).values
        advantage = counterfactual_advantage(pick(values, actions), values, jnp.exp(log_all))
        wanted = jax.lax.stop_gradient(log_pi / self.reward_scale - advantage)
        size = jnp.mean(logits**2, axis=-1)
        loss = mean(jnp.sum(log_pi * wanted + self.regulariser * size, axis=-1), window.valid)
        looked = {
            "policy_loss": loss,
            "entropy": mean(jnp.mean(policies.entropy(logits, seen.avail[:-1]), axis=-1), window.valid),
            "advantage_abs": mean(jnp.mean(jnp.abs(advantage), axis=-1), window.valid),
        }
        return loss, looked

    def ask(
        self,
        critic: AttentiveValues,
        obs: Float[Array, "T B N O"],
        actions: Int[Array, "T B N"],
        valid: Bool[Array, "T B"],
    ) -> Attended:
        """The critics on every row of a batch."""
        taken = one_hot(actions, critic.out.weight.shape[1], obs.dtype)
        if self.standardise:
            obs, taken = (standardised(rows, valid) for rows in (obs, taken))
        return per_row(critic, obs, taken)


def _shared_in_parts(gradient: AttentiveValues, agents: int) -> AttentiveValues:
    """The gradient of what all agents share, divided by their number."""
    parts = (gradient.query, gradient.key, gradient.value)
    scaled = jax.tree.map(lambda leaf: leaf / agents, parts)
    return eqx.tree_at(lambda g: (g.query, g.key, g.value), gradient, scaled, is_leaf=lambda leaf: leaf is None)
