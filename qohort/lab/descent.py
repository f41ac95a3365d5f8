"""Adam from many starting points at once, in one program, with the way down recorded."""

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

POINTS = 50
"""How often the loss is recorded and progress told."""

Told = Callable[[float], None]
"""Is told the share of the work that is done."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descent:
    """How one trains; the rate falls to a tenth after 70 % of the updates."""

    seeds: int = 16
    """Starting points."""
    updates: int = 3000
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
) -> tuple[Any, Float[np.ndarray, "P seeds"]]:
    """Minimise a loss from many starting points.

    Args:
        start: models, all of whose arrays begin with an axis of seeds.
        loss: of one model and the data.
        data: what the loss reads; the same for all seeds.
        how: for how long, and how fast.
        told: is told of the progress.

    Returns:
        The models, and their losses before every fiftieth of the updates.
    """
    adam: Any = optax.scale_by_adam()
    each = -(-how.updates // POINTS)

    def update(model: Any, memory: Any, data: Any, rate: Array) -> tuple[Any, Any]:
        step, memory = adam.update(jax.grad(loss)(model, data), memory)
        return eqx.apply_updates(model, jax.tree.map(lambda leaf: -rate * leaf, step)), memory

    @jax.jit
    def stretch(models: Any, memory: Any, data: Any, rate: Array) -> Any:
        def every(_: int, state: Any) -> Any:
            return jax.vmap(update, in_axes=(0, 0, None, None))(state[0], state[1], data, rate)

        lost = jax.vmap(loss, in_axes=(0, None))(models, data)
        models, memory = jax.lax.fori_loop(0, each, every, (models, memory))
        return models, memory, lost

    models, memory, losses = start, jax.vmap(adam.init)(start), []
    for point in range(POINTS):
        rate = how.rate if point < 0.7 * POINTS else 0.1 * how.rate
        models, memory, lost = stretch(models, memory, data, jnp.asarray(rate))
        losses.append(np.asarray(lost, np.float64))
        told((point + 1) / POINTS)
    return models, np.stack(losses)
