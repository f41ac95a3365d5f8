"""Adam from many starting points at once, in one program."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from qohort.errors import QohortError

STRETCHES = 50
"""How often progress is told."""

Told = Callable[[float], None]
"""Is told the share of the work that is done."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descent:
    """How one trains; the rate falls to a tenth after 70 % of the updates."""

    seeds: int = 16
    """Starting points."""
    updates: int = 6000
    """Updates from each, rounded up to a multiple of 50."""
    rate: float = 0.01
    """Adam's learning rate."""
    seed: int = 0
    """Which starting points."""

    def __post_init__(self) -> None:
        for name in ("seeds", "updates"):
            if getattr(self, name) < 1:
                raise QohortError(f"--{name} is {getattr(self, name)}; it must be at least 1.")
        if not (self.rate > 0 and np.isfinite(self.rate)):
            raise QohortError(f"--rate is {self.rate:g}; a learning rate is a finite number above 0, such as 0.01.")
        if self.seed < 0:
            raise QohortError(f"--seed is {self.seed}; it must be at least 0.")


def silent(share: float) -> None:
    """Tell nobody."""


def descend(
    start: Any, loss: Callable[[Any, Any], Float[Array, ""]], data: Any, how: Descent, told: Told = silent
) -> Any:
    """Minimise a loss from many starting points; returns the models.

    Args:
        start: models, all of whose arrays begin with an axis of seeds.
        loss: of one model and the data.
        data: what the loss reads; the same for all seeds.
        how: for how long, and how fast.
        told: is told of the progress.
    """
    adam: Any = optax.scale_by_adam()
    each = -(-how.updates // STRETCHES)

    def update(model: Any, memory: Any, data: Any, rate: Array) -> tuple[Any, Any]:
        step, memory = adam.update(jax.grad(loss)(model, data), memory)
        return eqx.apply_updates(model, jax.tree.map(lambda leaf: -rate * leaf, step)), memory

    @jax.jit
    def stretch(models: Any, memory: Any, data: Any, rate: Array) -> tuple[Any, Any]:
        def every(_: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
            return jax.vmap(update, in_axes=(0, 0, None, None))(state[0], state[1], data, rate)

        return jax.lax.fori_loop(0, each, every, (models, memory))

    models, memory = start, jax.vmap(adam.init)(start)
    for point in range(STRETCHES):
        rate = how.rate if point < 0.7 * STRETCHES else 0.1 * how.rate
        models, memory = stretch(models, memory, data, jnp.asarray(rate))
        jax.block_until_ready(models)
        told((point + 1) / STRETCHES)
    return models
