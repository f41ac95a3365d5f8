"""Acting: schedules and ε-greedy choice among available actions."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.errors import QohortError


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearSchedule:
    """A value that moves in a straight line with the environment steps, then stays."""

    start: float
    """The value at step 0."""
    end: float
    """The value from `steps` on."""
    steps: int
    """How many environment steps the way takes; 0 means that `end` holds from the beginning."""

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise QohortError(f"A schedule of {self.steps} steps was asked for; give 0 or more.")

    def at(self, step: int) -> float:
        """The value at an environment step."""
        if step >= self.steps:
            return self.end
        return self.start + (self.end - self.start) * step / self.steps


def mask_unavailable(values: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"]) -> Float[Array, "*rows A"]:
    """Values with the unavailable ones at −9999999, the fill of the PyMARL family.

    It is finite, so rows in which nothing is available (padding) stay finite too and can be masked by a product.
    """
    return jnp.where(avail, values, -9999999.0)


def greedy(values: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"]) -> Int[Array, "*rows"]:
    """The best available action, the first one of equals."""
    return jnp.argmax(mask_unavailable(values, avail), axis=-1)


def epsilon_greedy(
    key: PRNGKeyArray, values: Float[Array, "*rows A"], avail: Bool[Array, "*rows A"], epsilon: Float[Array, ""]
) -> Int[Array, "*rows"]:
    """Each agent for itself: with probability ε a uniform draw from its available actions, else the best."""
    key_whether, key_which = jax.random.split(key)
    explore = jax.random.uniform(key_whether, values.shape[:-1]) < epsilon
    # The greatest of independent uniform numbers over the available actions is a uniform draw.
    lottery = jnp.where(avail, jax.random.uniform(key_which, values.shape), -1.0)
    return jnp.where(explore, jnp.argmax(lottery, axis=-1), greedy(values, avail))
