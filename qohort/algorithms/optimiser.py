"""Optimisers, with the settings that the published code has in them."""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.limits import above, at_least, choices


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Clip by the global norm, scale, step."""

    kind: Literal["rmsprop", "adam", "radam"] = "rmsprop"
    """`rmsprop`: v ← 0.99 v + 0.01 g², step g / (√v + eps); `adam`: betas 0.9 and 0.999; `radam`: the same, rectified
    while the second moment is known from few gradients (Liu et al. 2020)."""
    learning_rate: float = 5e-4
    """The step size, at the beginning if it is annealed."""
    final_learning_rate: float | None = None
    """Where the step size goes in a straight line; it stays if this is not given."""
    anneal_steps: int = 0
    """Environment steps until the final step size is reached."""
    eps: float = 1e-5
    """Added to the root of the second moment."""
    clip: float = 10.0
    """The greatest norm of the gradient of all weights together."""

    def __post_init__(self) -> None:
        choices(self, of="Optimiser")
        above(0, of="Optimiser", learning_rate=self.learning_rate, eps=self.eps, clip=self.clip)
        at_least(0, of="Optimiser", anneal_steps=self.anneal_steps, final_learning_rate=self.final_learning_rate)
        if self.final_learning_rate is not None and self.anneal_steps < 1:
            raise QohortError(
                f"Optimiser.final_learning_rate is {self.final_learning_rate}, but anneal_steps is "
                f"{self.anneal_steps}; say over how many steps the rate moves."
            )
        if self.final_learning_rate is None and self.anneal_steps:
            raise QohortError(
                f"Optimiser.anneal_steps is {self.anneal_steps}, but there is no final_learning_rate; say where the "
                "rate goes, or leave both out."
            )

    def schedule(self) -> LinearSchedule:
        """The learning rate over environment steps."""
        if self.final_learning_rate is None:
            return LinearSchedule(start=self.learning_rate, end=self.learning_rate, steps=0)
        return LinearSchedule(start=self.learning_rate, end=self.final_learning_rate, steps=self.anneal_steps)

    def init(self, params: PyTree) -> Any:
        """What the optimiser remembers before its first step."""
        return self._scaling().init(params)

    def step(
        self, params: PyTree, gradient: PyTree, *, opt_state: Any, learning_rate: Float[Array, ""]
    ) -> tuple[PyTree, Any, Float[Array, ""]]:
        """New weights, new state, and the norm of the gradient before it was clipped."""
        norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))
        # PyTorch's rule; the 1e-6 is part of it.
        scale = jnp.minimum(1.0, self.clip / (norm + 1e-6))
        clipped = jax.tree.map(lambda g: g * scale, gradient)
        direction, opt_state = self._scaling().update(clipped, opt_state)
        params = jax.tree.map(lambda w, d: w - learning_rate.astype(w.dtype) * d, params, direction)
        return params, opt_state, norm

    def _scaling(self) -> optax.GradientTransformation:
        match self.kind:
            case "rmsprop":
                return optax.scale_by_rms(decay=0.99, eps=self.eps, eps_in_sqrt=False)
            case "adam":
                return optax.scale_by_adam(b1=0.9, b2=0.999, eps=self.eps)
            case "radam":
                return optax.scale_by_radam(b1=0.9, b2=0.999, eps=self.eps)
