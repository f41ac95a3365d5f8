"""A bonus for going where one has seldom been: how much worse a network that learns guesses one that does not.

Burda et al., *Exploration by random network distillation*, 2018, arXiv:1810.12894. A random network f stays as it was
drawn, a second one learns to answer as it does from the states that are learnt from, and what it gets wrong is large
where few were like them. As Zhang et al., *BeBold: exploration beyond the boundary of explored regions*, 2020,
arXiv:2012.08621, it is steps that are paid for: those to a state that is newer than all before it in the episode,

    b(s) = mean (f̂(s) − f(s))²,        rₜ⁺ = rₜ + β · clip( (b(sₜ₊₁) − max_k≤t b(s_k)) / std b, 0, 5 )

All bonuses of an episode add up to how much newer its newest state is than its first: to stay where it is new, to go
back and forth, and to live on for nothing else gain nothing. They fade: the standard deviation is of all errors so far.

*Differences from the papers*

- The bonus belongs to the team: it is made of the states, and added to the team's reward, or to each of independent
  learners'.
- It is made anew whenever a step is learnt from, so that what has become known is no longer paid for in replay.
- The second paper pays for b(sₜ₊₁) − b(sₜ) at the first visit of a state in an episode, which has to be counted.
- A window may begin within an episode; what was new before it is not known then.
- There is one value, and bonuses end with an episode; the first paper has a second value that does not.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.optimiser import Optimiser
from qohort.estimators.moments import Moments, followed
from qohort.limits import above, at_least
from qohort.networks.perceptron import Perceptron
from qohort.replay.window import Window
from qohort.spec import EnvSpec

MOST = 5.0
"""The largest bonus, and the largest normalised entry of a state."""
TINY = 1e-12
"""Added to the variance of errors."""


class Surprise(eqx.Module):
    """What is known of the states so far."""

    fixed: Perceptron
    guess: Perceptron
    opt_state: Any
    states: Moments
    errors: Moments


@dataclasses.dataclass(frozen=True, kw_only=True)
class Novelty:
    """A bonus for going where one has seldom been."""

    weight: float = 0.0
    """β, what a step is worth that leads to a state newer by a standard deviation than all before; without it there is
    no bonus."""
    features: int = 32
    """How many numbers are guessed."""
    hidden: int = 64
    """Units of the hidden layers: one of the network that is guessed, two of the one that learns."""
    learning_rate: float = 3e-4
    """With which Adam teaches the guess; slower means that states stay new for longer."""

    def __post_init__(self) -> None:
        at_least(0, of="novelty", weight=self.weight)
        above(0, of="novelty", learning_rate=self.learning_rate)
        at_least(1, of="novelty", features=self.features, hidden=self.hidden)

    def init(self, spec: EnvSpec, key: PRNGKeyArray) -> Surprise | None:
        """Nothing, if nothing is paid."""
        if not self.weight:
            return None
        keys = jax.random.split(key)
        fixed = Perceptron((spec.state_size, self.hidden, self.features), keys[0])
        guess = Perceptron((spec.state_size, self.hidden, self.hidden, self.features), keys[1])
        return Surprise(
            fixed=fixed,
            guess=guess,
            opt_state=self._optimiser().init(guess),
            states=Moments(jnp.zeros(spec.state_size), jnp.ones(spec.state_size)),
            errors=Moments(jnp.zeros(1), jnp.ones(1)),
        )

    def pay(
        self, surprise: Surprise | None, window: Window, *, updates: Int[Array, ""]
    ) -> tuple[Window, Surprise | None, dict[str, Array]]:
        """The window with the bonus in its rewards, what is known after it, and what to log."""
        if surprise is None:
            return window, None, {}
        reached, counted = window.observations.state[1:], window.valid & ~window.terminated
        states = followed(surprise.states, reached, counted, updates=updates)
        seen = jnp.clip(states.normalised(window.observations.state), -MOST, MOST)
        loss, gradient = jax.value_and_grad(_mean_error)(surprise.guess, surprise.fixed, seen[1:], counted)
        error = errors_of(surprise.guess, surprise.fixed, seen)
        errors = followed(surprise.errors, error[1:, :, None], counted, updates=updates, slowest=0.0)
        gained = (error[1:] - newest(error, window.first)[:-1]) / jnp.sqrt(errors.variance[0] + TINY)
        bonus = self.weight * jnp.where(counted, jnp.clip(gained, 0.0, MOST), 0.0)[..., None]
        guess, opt_state, _ = self._optimiser().step(
            surprise.guess, gradient, opt_state=surprise.opt_state, learning_rate=jnp.asarray(self.learning_rate)
        )
        window = dataclasses.replace(window, reward=window.reward + bonus)
        told = {"novelty/error": loss, "novelty/bonus": jnp.sum(bonus) / jnp.maximum(jnp.sum(counted), 1)}
        return window, Surprise(surprise.fixed, guess, opt_state, states, errors), told

    def _optimiser(self) -> Optimiser:
        return Optimiser(kind="adam", learning_rate=self.learning_rate, eps=1e-8)


def errors_of(guess: Perceptron, fixed: Perceptron, states: Float[Array, "T B S"]) -> Float[Array, "T B"]:
    """b: how wrong the guess is in each state."""
    each = jax.vmap(jax.vmap(lambda state: jnp.mean((guess(state) - fixed(state)) ** 2)))
    return each(states)


def newest(errors: Float[Array, "T B"], first: Bool[Array, "T B"]) -> Float[Array, "T B"]:
    """The greatest error since the episode or the window began, up to each state."""

    def join(before: tuple[Array, Array], after: tuple[Array, Array]) -> tuple[Array, Array]:
        (most, begun), (here, begins) = before, after
        return jnp.where(begins, here, jnp.maximum(most, here)), begun | begins

    return jax.lax.associative_scan(join, (errors, first))[0]


def _mean_error(
    guess: Perceptron, fixed: Perceptron, states: Float[Array, "T B S"], counted: Bool[Array, "T B"]
) -> Float[Array, ""]:
    errors = errors_of(guess, jax.lax.stop_gradient(fixed), states)
    return jnp.sum(jnp.where(counted, errors, 0.0)) / jnp.maximum(jnp.sum(counted), 1)
