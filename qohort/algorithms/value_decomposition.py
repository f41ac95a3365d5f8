"""One learner for every mixer: deep Q-learning of a joint value that is mixed from utilities.

Sunehag et al. 2018 (VDN), Rashid et al. 2018 (QMIX) and Yang et al. 2020 (Qatten) differ in the mixer
alone; the rest is the protocol of the PyMARL code, whose numbers this file reproduces:

    L(θ) = Σ m (Q_tot(τ, u; θ) − y)² / Σ m,        y = r + γ (1 − d) Q_tot(τ', û'; θ⁻)

with û' the greedy joint action of the live utilities (double Q) or of the target ones.

Differences from the published code: updates that fall due during a chunk are made at its end; episodes
are padded to the limit of the world, not to the longest one of the batch; the observation after a
terminating step is not stored (its value is multiplied by 0); the target interval counts updates.
"""

import dataclasses
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm, Pace
from qohort.algorithms.blocks import episodes_at_once, gradient_in_blocks
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.targets import ESTIMATORS, EstimatorName, evidence_of
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule, epsilon_greedy, greedy, mask_unavailable
from qohort.mixers import MixerConfig, Qatten
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks import TeamConfig
from qohort.networks.base import AbstractTeam, AbstractTeamConfig, Carry, View
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation


class Params(eqx.Module):
    team: AbstractTeam
    mixer: AbstractMixer


class ValueLearner(eqx.Module):
    params: Params
    target: Params
    opt_state: Any
    learning_rate: Float[Array, ""]
    updates: Int[Array, ""]


class Shares(eqx.Module):
    """What each row counts in the means that the loss is made of; the shares of a whole batch add up to 1."""

    error: Float[Array, "T B"]
    penalty: Float[Array, "T B"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValueDecomposition(AbstractAlgorithm):
    """Q-learning with a mixer; the defaults are the PyMARL protocol."""

    mixer: MixerConfig | AbstractMixerConfig = Qatten()
    """How utilities become the joint value."""
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
    estimator: EstimatorName = "one-step"
    """What the joint value is drawn to; see `qohort.estimators.returns`."""
    td_lambda: float = 0.6
    """λ of the chained estimators."""
    n: int = 3
    """Rewards in an `n-step` target."""
    double_q: bool = True
    """Choose the next action with the live network, not the target network."""
    unavailable_targets: bool = False
    """Look for the best next action among unavailable ones too, as QPLEX's release does without double Q."""
    bootstrap_time_limit: bool = False
    """Look beyond the time limit; the published runs count it as the end."""
    target_interval: int = 200
    """Updates between two copies to the target network."""
    target_rate: float = 1.0
    """How far the target moves at each copy; 1 is all the way."""
    loss_scale: float = 1.0
    """A factor on the squared error; PyMARL2 has 0.5."""
    reward_reduction: Literal["none", "sum", "mean"] = "none"
    """Makes one team reward of individual ones."""
    at_once: int | None = None
    """Episodes that an update works through at once; by the device if not given. It changes rounding only."""

    def __post_init__(self) -> None:
        for name in ("environments", "update_every", "updates", "n", "target_interval", "at_once"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise QohortError(f"{name} is {value}; it must be at least 1.")
        if self.at_once is not None and self.feed.batch % self.at_once:
            raise QohortError(f"at_once is {self.at_once}; it must divide feed.batch, which is {self.feed.batch}.")
        for name in ("gamma", "td_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise QohortError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1.")
        if not 0 < self.target_rate <= 1:
            raise QohortError(f"target_rate is {self.target_rate}; it must be above 0 and at most 1 (a full copy).")
        if not self.loss_scale > 0:
            raise QohortError(f"loss_scale is {self.loss_scale}; it must be greater than 0.")
        for end in ("start", "end"):
            if not 0 <= getattr(self.epsilon, end) <= 1:
                raise QohortError(f"epsilon.{end} is {getattr(self.epsilon, end)}; a probability lies in 0 to 1.")

    def pace(self) -> Pace:
        return Pace(self.update_every, self.update_unit, self.updates)

    def exploration(self) -> LinearSchedule:
        return self.epsilon

    def learning_rate(self) -> LinearSchedule:
        return self.optimiser.schedule()

    def check(self, spec: EnvSpec) -> None:
        self.feed.frames_each(spec, self.environments)
        mixer = jax.eval_shape(lambda key: self.mixer.build(spec, key), jax.random.key(0))
        values = jax.eval_shape(lambda mixer: _mix_zeros(mixer, spec), mixer).q_tot.shape[0]
        if self.reward_reduction == "none" and spec.n_rewards not in (1, values):
            raise QohortError(
                f"{spec.name} rewards each of its {spec.n_rewards} agents, but {type(self.mixer).__name__} learns one "
                "value for the team. Say how the rewards become one (--algorithm.reward-reduction sum or mean), or "
                "train independent learners (iql)."
            )

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> ValueLearner:
        key_team, key_mixer = jax.random.split(key)
        params = Params(self.team.build(spec, key_team), self.mixer.build(spec, key_mixer))
        return ValueLearner(
            params=params,
            target=jax.tree.map(jnp.copy, params),  # a donated buffer must not be handed over twice
            opt_state=self.optimiser.init(params),
            learning_rate=jnp.asarray(self.optimiser.learning_rate),
            updates=jnp.zeros((), jnp.int32),
        )

    def team_of(self, learner: ValueLearner) -> AbstractTeam:
        return learner.params.team

    def act(
        self,
        team: AbstractTeam,
        carry: Carry,
        view: View,
        *,
        first: Bool[Array, " B"],
        key: PRNGKeyArray,
        exploration: Float[Array, ""],
    ) -> tuple[Int[Array, "B N"], Carry]:
        moment = jax.tree.map(lambda leaf: leaf[None], (view, first))
        out, carry = team(carry, *moment)
        return epsilon_greedy(key, out.values[0], view.avail, exploration), carry

    def update(self, learner: ValueLearner, window: Window, key: PRNGKeyArray) -> tuple[ValueLearner, dict[str, Array]]:
        loss, figures, gradient = self.gradient(learner.params, learner.target, window)
        params, opt_state, norm = self.optimiser.step(
            learner.params, gradient, opt_state=learner.opt_state, learning_rate=learner.learning_rate
        )
        updates = learner.updates + 1
        rate = jnp.where(updates % self.target_interval == 0, self.target_rate, 0.0)
        target = jax.tree.map(lambda old, new: old + rate.astype(old.dtype) * (new - old), learner.target, params)
        learner = ValueLearner(params, target, opt_state, learner.learning_rate, updates)
        return learner, {"loss": loss, "grad_norm": norm, **figures}

    def gradient(
        self, params: Params, target: Params, window: Window
    ) -> tuple[Float[Array, ""], dict[str, Array], Params]:
        """The loss, what to log of it, and its gradient."""

        def part(params: Params, some: tuple[Window, Shares]) -> tuple[Float[Array, ""], dict[str, Array]]:
            window, shares = some
            loss, looked = self.loss(params, target, window, shares)
            return loss, _summary(looked, shares)

        frames, batch, agents = window.last_action.shape
        at_once = self.at_once or episodes_at_once(rows=frames * agents, batch=batch)
        shares = _shares(window.valid, padding=params.mixer.regularise_padding)
        return gradient_in_blocks(part, params, (window, shares), at_once=at_once)

    def loss(
        self, params: Params, target: Params, window: Window, shares: Shares | None = None
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, "..."]]]:
        """The loss, and what it was made of: arrays over `T B ...`.

        Args:
            params: the live weights.
            target: the target weights.
            window: some episodes.
            shares: what each row counts, if these are not all episodes of the batch.
        """
        shares = shares or _shares(window.valid, padding=params.mixer.regularise_padding)
        batch = window.first.shape[1]
        values = params.team(params.team.initial(batch), window.view, window.first)[0].values
        target_values = target.team(target.team.initial(batch), window.view, window.first)[0].values
        now = _steps(window.observations, slice(None, -1))
        chosen = _pick(values[:-1], window.actions)
        mixed = _mix(params.mixer, chosen, values[:-1], (now, window.actions))

        targets = self._targets(window, values, (target, target_values))
        error = mixed.q_tot - jax.lax.stop_gradient(targets)
        squared = jnp.where(window.valid, jnp.mean(error**2, axis=-1), 0.0)
        td_loss = self.loss_scale * jnp.sum(squared * shares.error)
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

    def _targets(
        self, window: Window, values: Float[Array, "T1 B N A"], target: tuple[Params, Float[Array, "T1 B N A"]]
    ) -> Float[Array, "T B M"]:
        """What the joint values of the steps are drawn to."""
        params, target_values = target
        seen = window.observations
        if self.unavailable_targets:
            seen = dataclasses.replace(seen, avail=jnp.ones_like(seen.avail))
        chooser = jax.lax.stop_gradient(values) if self.double_q else target_values

        def joint(rows: slice, actions: Int[Array, "T B N"]) -> Float[Array, "T B M"]:
            utilities = target_values[rows]
            return _mix(params.mixer, _pick(utilities, actions), utilities, (_steps(seen, rows), actions)).q_tot

        evidence = evidence_of(
            window,
            joint,
            greedy(chooser, seen.avail),
            reward=self._team_reward(window.reward),
            gamma=self.gamma,
            bootstrap_time_limit=self.bootstrap_time_limit,
            td_lambda=self.td_lambda,
            n=self.n,
        )
        return ESTIMATORS[self.estimator](evidence)

    def _team_reward(self, reward: Float[Array, "T B M"]) -> Float[Array, "T B M2"]:
        if self.reward_reduction == "none":
            return reward
        reduce = jnp.sum if self.reward_reduction == "sum" else jnp.mean
        return reduce(reward, axis=-1, keepdims=True)


def _pick(values: Float[Array, "T B N A"], actions: Int[Array, "T B N"]) -> Float[Array, "T B N"]:
    """The values of the actions. On a CPU a masked sum and its gradient are faster than a gather and a scatter."""
    taken = actions[..., None] == jax.lax.broadcasted_iota(actions.dtype, values.shape, values.ndim - 1)
    return jnp.sum(jnp.where(taken, values, 0.0), axis=-1)


def _steps(observations: Observation, rows: slice) -> Observation:
    return jax.tree.map(lambda leaf: leaf[rows], observations)


def _mix(
    mixer: AbstractMixer,
    chosen: Float[Array, "T B N"],
    values: Float[Array, "T B N A"],
    moment: tuple[Observation, Int[Array, "T B N"]],
) -> MixerOutput:
    observation, actions = moment
    best = jnp.max(mask_unavailable(values, observation.avail), axis=-1)
    steps, batch = chosen.shape[:2]
    rows = jax.tree.map(lambda leaf: leaf.reshape(steps * batch, *leaf.shape[2:]), (chosen, best, observation, actions))
    mixed = jax.vmap(mixer)(*rows)  # one axis of rows: two nested ones compile to slower products
    return jax.tree.map(lambda leaf: leaf.reshape(steps, batch, *leaf.shape[1:]), mixed)


def _shares(valid: Bool[Array, "T B"], *, padding: bool) -> Shares:
    """Equal shares of the valid rows; of all rows of a batch cut to its longest episode, where padding counts."""
    dtype = jnp.zeros(()).dtype
    rows = valid.astype(dtype)
    counted = rows
    if padding:
        reached = jax.lax.cummax(jnp.any(valid, axis=1).astype(jnp.int8), reverse=True)
        counted = jnp.broadcast_to(reached.astype(dtype)[:, None], rows.shape)
    return Shares(*(mask / jnp.maximum(jnp.sum(mask), 1.0) for mask in (rows, counted)))


def _summary(looked: dict[str, Array], shares: Shares) -> dict[str, Array]:
    """Means over the valid steps; entries that speak of single agents are left to the analysis."""

    def mean(value: Array) -> Array:
        return jnp.sum(jnp.mean(value, axis=tuple(range(2, value.ndim))) * shares.error)

    means = {name: mean(value) for name, value in looked.items() if value.ndim in (2, 3)}
    scalars = {name: value for name, value in looked.items() if value.ndim == 0}
    return {**means, **scalars, "td_error_abs": mean(jnp.abs(looked["td_error"]))}


def _mix_zeros(mixer: AbstractMixer, spec: EnvSpec) -> MixerOutput:
    """The mixer on a blank moment; used for shapes alone."""
    n, a = spec.n_agents, spec.n_actions
    blank = Observation(
        obs=jnp.zeros((n, spec.obs_size)),
        state=jnp.zeros(spec.state_size),
        units=jnp.zeros((n, spec.unit_size)),
        avail=jnp.ones((n, a), bool),
        alive=jnp.ones(n, bool),
    )
    return mixer(jnp.zeros(n), jnp.zeros(n), blank, jnp.zeros(n, jnp.int32))
