"""Deep Q-learning of a team, without the loss: networks, replay, exploration, target network.

The protocol of the PyMARL code (Samvelyan et al. 2019), which the published value-decomposition methods share. A
method is a leaf of this class: its settings, what weights it has besides the agents', and its loss.

Differences from the published code: updates that fall due during a chunk are made at its end; episodes
are padded to the limit of the world, not to the longest one of the batch; the observation after a
terminating step is not stored (its value is multiplied by 0); the target interval counts updates.
"""

import abc
import dataclasses
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Pace
from qohort.algorithms.blocks import episodes_at_once, gradient_in_blocks
from qohort.algorithms.joint import Shares, shares_of, summary
from qohort.algorithms.novelty import Novelty, Surprise
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.rewards import Reduction, check_rewards, reduced
from qohort.algorithms.targets import ESTIMATORS, EstimatorName, Joint, evidence_of
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule, epsilon_greedy
from qohort.limits import above, at_least, choices, share
from qohort.networks import TeamConfig
from qohort.networks.base import AbstractTeamConfig
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class QLearner(eqx.Module):
    """What learning changes."""

    params: Any
    """All weights; the agents' are in `params.team`."""
    target: Any
    opt_state: Any
    learning_rate: Float[Array, ""]
    updates: Int[Array, ""]
    surprise: Surprise | None = None
    """What is known of the states so far, if new ones are paid for."""


Looked = dict[str, Float[Array, "..."]]
"""What a loss was made of: arrays over `T B ...`, and numbers. `td_error` is always there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractQLearning(AbstractAlgorithm):
    """What the Q-learners have in common; the defaults are the PyMARL protocol."""

    team: TeamConfig | AbstractTeamConfig = Recurrent()
    """The agents' network."""
    feed: Replayed = Replayed()
    """The replay and what is drawn from it."""
    optimiser: Optimiser = Optimiser()
    """How weights move."""
    epsilon: LinearSchedule = LinearSchedule(start=1.0, end=0.05, steps=50_000)
    """How often an agent acts at random."""
    environments: int = 1
    """How many environments are played at the same time."""
    update_every: int = 1
    """Updates fall due each time so many episodes have finished (or steps been made)."""
    update_unit: Literal["episodes", "steps"] = "episodes"
    """What `update_every` counts."""
    updates: int = 1
    """How many updates each time."""
    gamma: float = 0.99
    """The discount γ."""
    double_q: bool = True
    """Choose the next action with the live network, not the target network."""
    bootstrap_time_limit: bool = False
    """Look beyond the time limit; the published runs count it as the end."""
    estimator: EstimatorName = "one-step"
    """What the joint value is drawn to; see `qohort.estimators.returns`."""
    td_lambda: float = 0.6
    """λ of the chained estimators."""
    n: int = 3
    """Rewards in an `n-step` target."""
    target_interval: int = 200
    """Updates between two copies to the target network."""
    target_rate: float = 1.0
    """How far the target moves at each copy; 1 is all the way."""
    novelty: Novelty = Novelty()
    """A bonus for states that were seen seldom."""
    reward_reduction: Reduction = "none"
    """Makes one team reward of individual ones."""
    at_once: int | None = None
    """Episodes that an update works through at once; by the device if not given. It changes rounding only."""

    @abc.abstractmethod
    def draw(self, spec: EnvSpec, key: PRNGKeyArray) -> Any:
        """All weights, the agents' under `team`."""

    @abc.abstractmethod
    def counts_padding(self, params: Any) -> bool:
        """Whether penalties are averaged over padded rows too."""

    @abc.abstractmethod
    def loss(
        self, params: Any, target: Any, window: Window, shares: Shares | None = None
    ) -> tuple[Float[Array, ""], Looked]:
        """The loss, and what it was made of.

        Args:
            params: the live weights.
            target: the target weights.
            window: some episodes.
            shares: what each row counts, if these are not all episodes of the batch.
        """

    def check_settings(self) -> None:
        """Refuse settings that cannot be; every leaf calls it when it is made."""
        choices(self)
        at_least(1, environments=self.environments, update_every=self.update_every, updates=self.updates)
        at_least(1, target_interval=self.target_interval, at_once=self.at_once, n=self.n)
        if self.at_once is not None and self.feed.batch % self.at_once:
            raise QohortError(f"at_once is {self.at_once}; it must divide feed.batch, which is {self.feed.batch}.")
        share(gamma=self.gamma, td_lambda=self.td_lambda, target_rate=self.target_rate)
        above(0, target_rate=self.target_rate)
        share(of="epsilon", start=self.epsilon.start, end=self.epsilon.end)

    def check_reward(self, spec: EnvSpec, *, values: int) -> None:
        """Refuse a world that pays each agent if `values` joint values are learnt, and not one for each."""
        check_rewards(spec, self.reward_reduction, values=values)

    def pace(self) -> Pace:
        return Pace(self.update_every, self.update_unit, self.updates)

    def exploration(self) -> LinearSchedule:
        return self.epsilon

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> QLearner:
        params = self.draw(spec, key)
        surprise = self.novelty.init(spec, jax.random.fold_in(key, 1))
        return QLearner(
            params=params,
            target=jax.tree.map(jnp.copy, params),  # a donated buffer must not be handed over twice
            opt_state=self.optimiser.init(params),
            learning_rate=jnp.asarray(self.optimiser.learning_rate),
            updates=jnp.zeros((), jnp.int32),
            surprise=surprise,
        )

    def choose(
        self,
        outputs: Float[Array, "B N A"],
        avail: Bool[Array, "B N A"],
        *,
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> Int[Array, "B N"]:
        return epsilon_greedy(key, outputs, avail, exploration)

    def update(self, learner: QLearner, window: Window, key: PRNGKeyArray) -> tuple[QLearner, dict[str, Array]]:
        # First the team's reward: a bonus is worth the same however the agents' rewards become one.
        window = dataclasses.replace(window, reward=self.team_reward(window.reward))
        window, surprise, told = self.novelty.pay(learner.surprise, window, updates=learner.updates)
        loss, figures, gradient = self.gradient(learner.params, learner.target, window)
        params, opt_state, norm = self.optimiser.step(
            learner.params, gradient, opt_state=learner.opt_state, learning_rate=learner.learning_rate
        )
        updates = learner.updates + 1
        rate = jnp.where(updates % self.target_interval == 0, self.target_rate, 0.0)
        target = jax.tree.map(lambda old, new: old + rate.astype(old.dtype) * (new - old), learner.target, params)
        learner = QLearner(params, target, opt_state, learner.learning_rate, updates, surprise)
        return learner, {"loss": loss, "grad_norm": norm, **figures, **told}

    def gradient(self, params: Any, target: Any, window: Window) -> tuple[Float[Array, ""], dict[str, Array], Any]:
        """The loss, what to log of it, and its gradient."""

        def part(params: Any, some: tuple[Window, Shares]) -> tuple[Float[Array, ""], dict[str, Array]]:
            window, shares = some
            loss, looked = self.loss(params, target, window, shares)
            return loss, summary(looked, shares)

        frames, batch, agents = window.last_action.shape
        at_once = self.at_once or episodes_at_once(rows=frames * agents, batch=batch)
        shares = shares_of(window.valid, padding=self.counts_padding(params))
        return gradient_in_blocks(part, params, (window, shares), at_once=at_once)

    def targets(self, window: Window, joint: Joint, greedy: Int[Array, "T1 B N"]) -> Float[Array, "T B M"]:
        """What the joint values of the steps are drawn to.

        Args:
            window: some episodes.
            joint: the target network's value of joint actions in some of the frames.
            greedy: the greedy joint action of every frame.
        """
        evidence = evidence_of(
            window,
            joint,
            greedy,
            reward=self.team_reward(window.reward),
            gamma=self.gamma,
            bootstrap_time_limit=self.bootstrap_time_limit,
            td_lambda=self.td_lambda,
            n=self.n,
        )
        return ESTIMATORS[self.estimator](evidence)

    def team_reward(self, reward: Float[Array, "T B M"]) -> Float[Array, "T B M2"]:
        """The rewards as they are learnt from."""
        return reduced(reward, self.reward_reduction)
