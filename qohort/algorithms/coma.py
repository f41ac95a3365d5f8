"""Counterfactual multi-agent policy gradients: COMA.

Foerster et al. 2018. Decentralised policies are improved with a central critic that tells, for each agent, the values
of all its own actions while the others' are held fixed; what an action is worth is measured against what the agent's
policy would have gained on average in its place:

    A_i(s, u) = Q(s, u) − Σ_a π_i(a | τ_i) Q(s, (a, u_{−i}))                      (equation 4)
    actor:   −Σ m A_i log π_i(u_i | τ_i) / Σ m
    critic:  Σ m (Q(s_t, u_t) − G_t)² / Σ m,   G the TD(λ) return of the target critic

with π = (1 − ε) softmax + ε / n. The critic is stepped once for every index of time, from the last to the
first; the actor uses the values from just before each of these steps. The numbers are those of the PyMARL code.

Differences from the paper and from PyMARL: the data are stretches of fresh play of all environments (they begin and end
inside of episodes) and not eight or thirty whole episodes, so an index of time is one of the stretch; ε is the one with
which each action was drawn; where a stretch or an episode is cut, the joint action of the frame reached is drawn from
the present policy; where a world rewards each agent, row i of the critic learns the reward of agent i.
"""

import dataclasses
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Pace
from qohort.algorithms.joint import at_rows, per_row, pick
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.targets import ESTIMATORS, evidence_of
from qohort.errors import QohortError
from qohort.estimators.counterfactual import counterfactual_advantage
from qohort.estimators.exploration import LinearSchedule, greedy
from qohort.estimators.moments import mean
from qohort.estimators.policies import floored, log_probabilities, sample
from qohort.limits import above, at_least, choices, share
from qohort.networks import TeamConfig
from qohort.networks.base import AbstractTeam, AbstractTeamConfig
from qohort.networks.counterfactual import CounterfactualCritic, CounterfactualValues
from qohort.networks.recurrent import Recurrent
from qohort.replay.fresh import Fresh
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation

Moment = tuple[Observation, Int[Array, "T B N"], Int[Array, "T B N"]]
"""What the critic reads: what there is, what was done before, what is done."""


class Params(eqx.Module):
    """The weights."""

    team: AbstractTeam
    critic: CounterfactualValues


class COMALearner(eqx.Module):
    """What learning changes."""

    params: Params
    target: CounterfactualValues
    opt_state: tuple[Any, Any]
    """The actor's and the critic's."""
    learning_rate: Float[Array, ""]
    updates: Int[Array, ""]
    since_copy: Int[Array, ""]
    """Steps of the critic since the target was copied."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class COMA(AbstractAlgorithm):
    """Counterfactual policy gradients; the defaults are PyMARL's."""

    outputs: ClassVar[Literal["utilities", "logits"]] = "logits"

    team: TeamConfig | AbstractTeamConfig = Recurrent()
    """The agents' network; its outputs are logits."""
    critic: CounterfactualCritic = CounterfactualCritic()
    """The central critic."""
    feed: Fresh = Fresh(length=100)
    """How long the stretches are that are learnt from, once."""
    optimiser: Optimiser = Optimiser()
    """How the policies' weights move."""
    critic_optimiser: Optimiser = Optimiser()
    """How the critic's weights move; its rate is annealed together with the policies'."""
    epsilon: LinearSchedule = LinearSchedule(start=0.5, end=0.01, steps=100_000)
    """The share of uniform choice in the policies."""
    environments: int = 8
    """How many environments are played at the same time."""
    gamma: float = 0.99
    """The discount γ."""
    estimator: Literal["one-step", "n-step", "td-lambda"] = "td-lambda"
    """What the critic is drawn to; see `qohort.estimators.returns`."""
    td_lambda: float = 0.8
    """λ of `td-lambda`."""
    n: int = 10
    """Rewards in an `n-step` target."""
    mask_before_softmax: bool = False
    """Leave unavailable actions out of the softmax; if not, they are set to 0 after it and the rest is renormalised."""
    entropy: float = 0.0
    """Weight of the policies' entropy, which is sought."""
    bootstrap_time_limit: bool = False
    """Look beyond the time limit; the published runs count it as the end."""
    target_interval: int = 200
    """Steps of the critic between two copies to its target."""

    def __post_init__(self) -> None:
        choices(self)
        at_least(1, environments=self.environments, n=self.n, target_interval=self.target_interval)
        share(gamma=self.gamma, td_lambda=self.td_lambda)
        at_least(0, entropy=self.entropy)
        share(of="epsilon", start=self.epsilon.start, end=self.epsilon.end)
        above(0, of="epsilon", start=self.epsilon.start, end=self.epsilon.end)  # 0 stands for greedy play
        for name, times in (("epochs", self.feed.epochs), ("minibatches", self.feed.minibatches)):
            if times != 1:
                raise QohortError(
                    f"feed.{name} is {times}, but COMA learns from a stretch once and as a whole; leave it at 1."
                )
        if self.critic_optimiser.final_learning_rate is not None:
            raise QohortError(
                "critic_optimiser.final_learning_rate is given, but the critic's rate follows the policies'; give "
                "optimiser.final_learning_rate."
            )

    def check(self, spec: EnvSpec) -> None:
        self.feed.check_environments(self.environments)

    def pace(self) -> Pace:
        return Pace(self.feed.length * self.environments, "steps", 1)

    def exploration(self) -> LinearSchedule:
        return self.epsilon

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> COMALearner:
        key_team, key_critic = jax.random.split(key)
        params = Params(self.team.build(spec, key_team), self.critic.build(spec, key_critic))
        return COMALearner(
            params=params,
            target=jax.tree.map(jnp.copy, params.critic),
            opt_state=(self.optimiser.init(params.team), self.critic_optimiser.init(params.critic)),
            learning_rate=jnp.asarray(self.optimiser.learning_rate),
            updates=jnp.zeros((), jnp.int32),
            since_copy=jnp.zeros((), jnp.int32),
        )

    def choose(
        self,
        outputs: Float[Array, "B N A"],
        avail: Bool[Array, "B N A"],
        *,
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> Int[Array, "B N"]:
        drawn = sample(key, jnp.log(self.policy(outputs, avail, exploration)), avail)
        return jnp.where(exploration > 0, drawn, greedy(outputs, avail))

    def policy(
        self, logits: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"], epsilon: Float[Array, "..."]
    ) -> Float[Array, "*rows A"]:
        """π = (1 − ε) softmax + ε / n; n counts the available actions or, if they are masked afterwards, all."""
        if self.mask_before_softmax:
            return floored(jnp.exp(log_probabilities(logits, avail)), avail, epsilon)
        of_all = floored(jax.nn.softmax(logits, axis=-1), jnp.ones_like(avail), epsilon)
        kept = jnp.where(avail, of_all, 0.0)
        total = jnp.sum(kept, axis=-1, keepdims=True)
        return kept / jnp.where(total > 0, total, 1.0)

    def update(self, learner: COMALearner, window: Window, key: PRNGKeyArray) -> tuple[COMALearner, dict[str, Array]]:
        learner, looked = self.learn(learner, window, self._acted(learner.params.team, window, key))
        return learner, {name: value for name, value in looked.items() if value.ndim == 0}

    def learn(
        self, learner: COMALearner, window: Window, actions: Int[Array, "T1 B N"]
    ) -> tuple[COMALearner, dict[str, Array]]:
        """An update, and all that it was made of; `actions` are those of every frame, the last one included."""
        rate = learner.learning_rate
        critic_rate = rate * (self.critic_optimiser.learning_rate / self.optimiser.learning_rate)
        goals, target_values = self.goals(learner.target, window, actions)
        start = (learner.params.critic, learner.opt_state[1], learner.since_copy)
        (critic, critic_state, since), seen = self._train_critic(start, window, goals, rate=critic_rate)

        gradient, looked = jax.grad(self.actor_loss, has_aux=True)(learner.params.team, window, seen["values"])
        team, team_state, norm = self.optimiser.step(
            learner.params.team, gradient, opt_state=learner.opt_state[0], learning_rate=rate
        )
        copy = since >= self.target_interval
        learner = COMALearner(
            params=Params(team, critic),
            target=jax.tree.map(lambda old, new: jnp.where(copy, new, old), learner.target, critic),
            opt_state=(team_state, critic_state),
            learning_rate=rate,
            updates=learner.updates + 1,
            since_copy=jnp.where(copy, 0, since),
        )
        steps = jnp.maximum(jnp.sum(seen["stepped"]), 1)
        means = {"loss": jnp.sum(seen["losses"]) / steps, "critic_grad_norm": jnp.sum(seen["norms"]) / steps}
        return learner, {**looked, **seen, **means, "grad_norm": norm, "goals": goals, "target_values": target_values}

    def goals(
        self, target: CounterfactualValues, window: Window, actions: Int[Array, "T1 B N"]
    ) -> tuple[Float[Array, "T B N"], Float[Array, "T1 B N A"]]:
        """What the critic is drawn to, and the target critic's values: on policy, what was done is what counts."""
        values = per_row(target, window.observations, window.last_action, actions)
        taken = pick(values, actions)
        evidence = evidence_of(
            window,
            lambda rows, _: taken[rows],
            actions,
            reward=window.reward,
            gamma=self.gamma,
            bootstrap_time_limit=self.bootstrap_time_limit,
            td_lambda=self.td_lambda,
            n=self.n,
        )
        return jax.lax.stop_gradient(ESTIMATORS[self.estimator](evidence)), values

    def critic_loss(
        self, critic: CounterfactualValues, moment: Moment, goals: Float[Array, "T B N"], valid: Bool[Array, "T B"]
    ) -> tuple[Float[Array, ""], Float[Array, "T B N A"]]:
        """The mean squared error at what was done, and the values."""
        values = per_row(critic, *moment)
        squared = jnp.where(valid[..., None], (pick(values, moment[2]) - goals) ** 2, 0.0)
        return jnp.sum(squared) / jnp.maximum(jnp.sum(valid) * goals.shape[-1], 1), values

    def actor_loss(
        self, team: AbstractTeam, window: Window, values: Float[Array, "T B N A"]
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """−Σ m A log π(u) / Σ m, less the entropy, and what it was made of."""
        logits = team(window.memory(team), window.view, window.first)[0].values[:-1]
        policy = self.policy(logits, window.observations.avail[:-1], window.exploration[..., None, None])
        log_pi = jnp.log(jnp.where(policy > 0, policy, 1.0))
        advantage = jax.lax.stop_gradient(counterfactual_advantage(pick(values, window.actions), values, policy))
        entropy = -jnp.sum(policy * log_pi, axis=-1)
        valid = jnp.broadcast_to(window.valid[..., None], entropy.shape)
        taken = pick(log_pi, window.actions)
        loss = -mean(advantage * taken, valid) - self.entropy * mean(entropy, valid)
        looked = {
            "policy_loss": loss,
            "entropy": mean(entropy, valid),
            "advantage_abs": mean(jnp.abs(advantage), valid),
            "policy": policy,
            "advantages": advantage,
            "log_pi_taken": taken,
        }
        return loss, looked

    def _train_critic(
        self, start: tuple[Any, Any, Array], window: Window, goals: Float[Array, "T B N"], *, rate: Float[Array, ""]
    ) -> tuple[tuple[Any, Any, Array], dict[str, Array]]:
        """One step at every index of time, backwards; indices without a valid row are passed over.

        What is told of each index are the values just before the step, the loss and the norm of its gradient.
        """
        moment = (at_rows(window.observations, slice(None, -1)), window.last_action[:-1], window.actions)
        times = jax.tree.map(lambda leaf: leaf[:, None], (moment, goals, window.valid))

        def back(carry: tuple[Any, Any, Array], now: Any) -> tuple[tuple[Any, Any, Array], dict[str, Array]]:
            critic, opt_state, since = carry

            def step() -> tuple[tuple[Any, Any, Array], dict[str, Array]]:
                (loss, values), gradient = jax.value_and_grad(self.critic_loss, has_aux=True)(critic, *now)
                moved, state, norm = self.critic_optimiser.step(
                    critic, gradient, opt_state=opt_state, learning_rate=rate
                )
                told = {"values": values[0], "losses": loss, "norms": norm, "stepped": jnp.ones((), bool)}
                return (moved, state, since + 1), told

            def passed() -> tuple[tuple[Any, Any, Array], dict[str, Array]]:
                told = jax.eval_shape(step)[1]
                return carry, {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in told.items()}

            return jax.lax.cond(jnp.any(now[2]), step, passed)

        return jax.lax.scan(back, start, times, reverse=True)

    def _acted(self, team: AbstractTeam, window: Window, key: PRNGKeyArray) -> Int[Array, "T1 B N"]:
        """The actions of every frame: drawn from the present policy where nothing was decided."""
        logits = team(window.memory(team), window.view, window.first)[0].values
        avail = window.observations.avail
        drawn = sample(key, jnp.log(self.policy(logits, avail, jnp.max(window.exploration))), avail)
        return jnp.concatenate([jnp.where(window.valid[..., None], window.actions, drawn[:-1]), drawn[-1:]])
