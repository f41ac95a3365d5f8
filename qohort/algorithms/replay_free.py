"""Q-learning without a replay and without a target network, with any mixer.

Gallici et al., *Simplifying deep temporal difference learning*, 2024, arXiv:2407.04811 (PQN). All environments play a
stretch, it is learnt from a few times, and it is forgotten:

    L(θ) = Σ m (Q_tot(τ_t, u_t; θ) − G_t)² / Σ m
    G_t = r_t + γ (1 − d_t) [(1 − λ) V_{t+1} + λ G_{t+1}],        V_t = Q_tot(τ_t, û_t; θ)

with û_t the greedy joint action among the available ones. The targets come from the same forward pass as the values,
and no gradient flows through them. What keeps this stable in place of a target network is layer normalisation of the
agents' networks (section 3 there) and of the mixer's, since Q_tot depends on both.

*Differences from the paper*

- Its multi-agent runs have the sum of the utilities for Q_tot; any mixer can stand here, so V is the mixer's value of
  the greedy joint action, and a mixer's penalty joins the loss.
- λ-returns are Peng's there; every estimator of `targets.py` can be chosen.

*Differences from the released code* (JaxMARL's pqn_vdn_rnn)

- A stretch begins where the last one ended; there, it is prolonged backwards (the memory window). Both begin with what
  the agents remembered.
- The last step of a stretch is learnt from too, since the frame after it is known; there, it lends its value only.
- V is of each agent's own best available action; there, of the best action if all agents take the same one.
- After a time limit the state reached can be looked at (`bootstrap_time_limit`).
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Pace
from qohort.algorithms.joint import at_rows, joint_values, mean_of_valid, mix, pick, shares_of, summary
from qohort.algorithms.novelty import Novelty, Surprise
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.q_learning import Looked
from qohort.algorithms.rewards import Reduction, check_rewards, reduced
from qohort.algorithms.targets import ESTIMATORS, EstimatorName, evidence_of, joint_of
from qohort.algorithms.value_decomposition import Params
from qohort.estimators.exploration import LinearSchedule, epsilon_greedy, greedy
from qohort.limits import at_least, choices, share
from qohort.mixers import VDN, MixerConfig
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig
from qohort.networks import TeamConfig
from qohort.networks.base import AbstractTeamConfig
from qohort.networks.recurrent import Recurrent
from qohort.replay.fresh import Fresh
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class ReplayFreeLearner(eqx.Module):
    """What learning changes."""

    params: Params
    opt_state: Any
    learning_rate: Float[Array, ""]
    updates: Int[Array, ""]
    """Stretches that were learnt from."""
    surprise: Surprise | None = None
    """What is known of the states so far, if new ones are paid for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayFree(AbstractAlgorithm):
    """Q-learning from fresh play with a mixer; the defaults are the published ones for small teams in SMAX."""

    mixer: MixerConfig | AbstractMixerConfig = VDN()
    """How utilities become the joint value."""
    team: TeamConfig | AbstractTeamConfig = Recurrent(hidden=512, norm=True)
    """The agents' network; it should be normalised."""
    feed: Fresh = Fresh(length=128, epochs=4, minibatches=16)
    """How long stretches are, and how often they are gone through."""
    optimiser: Optimiser = Optimiser(kind="radam", learning_rate=2.5e-4, eps=1e-8, clip=1.0)
    """How weights move."""
    epsilon: LinearSchedule = LinearSchedule(start=1.0, end=0.01, steps=1_000_000)
    """How often an agent acts at random; each agent of each environment draws for itself."""
    environments: int = 128
    """How many environments are played at the same time."""
    gamma: float = 0.99
    """The discount γ."""
    estimator: EstimatorName = "td-lambda"
    """What the joint value is drawn to; see `qohort.estimators.returns`."""
    td_lambda: float = 0.85
    """λ of the chained estimators."""
    n: int = 3
    """Rewards in an `n-step` target."""
    bootstrap_time_limit: bool = False
    """Look beyond the time limit; the published runs count it as the end."""
    novelty: Novelty = Novelty()
    """A bonus for states that were seen seldom."""
    reward_reduction: Reduction = "none"
    """Makes one team reward of individual ones."""

    def __post_init__(self) -> None:
        choices(self)
        at_least(1, environments=self.environments, n=self.n)
        share(gamma=self.gamma, td_lambda=self.td_lambda)
        share(of="epsilon", start=self.epsilon.start, end=self.epsilon.end)

    def check(self, spec: EnvSpec) -> None:
        self.feed.check_environments(self.environments)
        check_rewards(spec, self.reward_reduction, values=joint_values(self.mixer, spec))

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> ReplayFreeLearner:
        key_team, key_mixer = jax.random.split(key)
        params = Params(self.team.build(spec, key_team), self.mixer.build(spec, key_mixer))
        return ReplayFreeLearner(
            params=params,
            opt_state=self.optimiser.init(params),
            learning_rate=jnp.asarray(self.optimiser.learning_rate),
            updates=jnp.zeros((), jnp.int32),
            surprise=self.novelty.init(spec, jax.random.fold_in(key, 1)),
        )

    def mixer_of(self, params: Params) -> AbstractMixer:
        return params.mixer

    def team_reward(self, reward: Float[Array, "T B M"]) -> Float[Array, "T B M2"]:
        return reduced(reward, self.reward_reduction)

    def pace(self) -> Pace:
        return Pace(self.feed.length * self.environments, "steps", 1)

    def exploration(self) -> LinearSchedule:
        return self.epsilon

    def choose(
        self,
        outputs: Float[Array, "B N A"],
        avail: Bool[Array, "B N A"],
        *,
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> Int[Array, "B N"]:
        return epsilon_greedy(key, outputs, avail, exploration)

    def update(
        self, learner: ReplayFreeLearner, window: Window, key: PRNGKeyArray
    ) -> tuple[ReplayFreeLearner, dict[str, Array]]:
        """Go through a stretch `epochs` times, each time in other minibatches of environments.

        What is told of it are means over the minibatches.
        """

        # First the team's reward: a bonus is worth the same however the agents' rewards become one.
        window = dataclasses.replace(window, reward=self.team_reward(window.reward))
        window, surprise, told = self.novelty.pay(learner.surprise, window, updates=learner.updates)

        def step(state: tuple, which: Int[Array, " C"]) -> tuple[tuple, dict[str, Array]]:
            params, opt_state = state
            (loss, figures), gradient = jax.value_and_grad(self.loss, has_aux=True)(params, window.columns(which))
            params, opt_state, norm = self.optimiser.step(
                params, gradient, opt_state=opt_state, learning_rate=learner.learning_rate
            )
            return (params, opt_state), {"loss": loss, "grad_norm": norm, **figures}

        def epoch(state: tuple, key: PRNGKeyArray) -> tuple[tuple, dict[str, Array]]:
            order = jax.random.permutation(key, window.first.shape[1])
            return jax.lax.scan(step, state, order.reshape(self.feed.minibatches, -1))

        keys = jax.random.split(key, self.feed.epochs)
        (params, opt_state), figures = jax.lax.scan(epoch, (learner.params, learner.opt_state), keys)
        learner = ReplayFreeLearner(params, opt_state, learner.learning_rate, learner.updates + 1, surprise)
        return learner, {name: jnp.mean(values) for name, values in figures.items()} | told

    def loss(self, params: Params, window: Window) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The loss on some environments, and what to log of it."""
        shares = shares_of(window.valid, padding=params.mixer.regularise_padding)
        values = params.team(window.memory(params.team), window.view, window.first)[0].values
        now = at_rows(window.observations, slice(None, -1))
        mixed = mix(params.mixer, pick(values[:-1], window.actions), values[:-1], (now, window.actions))

        targets = self.targets(*jax.lax.stop_gradient((params, values)), window)
        error = mixed.q_tot - targets
        td_loss = mean_of_valid(jnp.mean(error**2, axis=-1), window.valid, shares)
        penalty = jnp.sum(mixed.regulariser * shares.penalty)
        looked: Looked = {
            "q_tot": mixed.q_tot,
            "target": targets,
            "td_error": error,
            "td_loss": td_loss,
            "regulariser": penalty,
            **{f"mixer/{name}": value for name, value in mixed.aux.items()},
        }
        return td_loss + penalty, summary(looked, shares)

    def targets(self, params: Params, values: Float[Array, "T1 B N A"], window: Window) -> Float[Array, "T B M"]:
        """What the joint values of the steps are drawn to, by the utilities of the same weights."""
        evidence = evidence_of(
            window,
            joint_of(params.mixer, values, window.observations),
            greedy(values, window.observations.avail),
            reward=self.team_reward(window.reward),
            gamma=self.gamma,
            bootstrap_time_limit=self.bootstrap_time_limit,
            td_lambda=self.td_lambda,
            n=self.n,
        )
        return ESTIMATORS[self.estimator](evidence)
