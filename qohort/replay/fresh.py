"""Learning from what was just played, once, and by everybody: no frame is kept for later.

A stretch begins where the last update was made, in the middle of episodes, and runs on across them. What the agents
remembered there is kept with it. After a step that hit the time limit one more frame holds the state reached, so
environments have different numbers of frames; the rows after the last one are blank.
"""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.limits import at_least
from qohort.networks.base import Carry
from qohort.replay.feed import AbstractFeed, Mark
from qohort.replay.frames import Ring
from qohort.replay.samplers import running_on
from qohort.replay.window import Window
from qohort.spec import EnvSpec


class Since(eqx.Module):
    """Where the running stretch begins."""

    position: Int[Array, " E"]
    carry: Carry
    """What the agents remembered there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fresh(AbstractFeed):
    """Learning from the newest steps of all environments."""

    kept: ClassVar[str] = "Stretch"

    length: int = 128
    """Steps of a stretch; updates are made whenever so many were played."""
    epochs: int = 1
    """How often a stretch is gone through."""
    minibatches: int = 1
    """Into how many parts, by environments, it is divided each time."""

    def __post_init__(self) -> None:
        at_least(1, of="feed", length=self.length, epochs=self.epochs, minibatches=self.minibatches)

    def check_chunk(self, chunk: int) -> None:
        if self.length % chunk:
            fitting = max(size for size in range(1, min(chunk, self.length) + 1) if self.length % size == 0)
            raise QohortError(
                f"chunk is {chunk}, but stretches of {self.length} steps (feed.length) are made of whole chunks; "
                f"give --chunk {fitting}."
            )

    def check_environments(self, environments: int) -> None:
        """Refuse to divide environments unevenly."""
        if environments % self.minibatches:
            raise QohortError(
                f"feed.minibatches is {self.minibatches}; it must divide the number of environments, which is "
                f"{environments}."
            )

    def rows(self, spec: EnvSpec) -> int:
        """The most frames that an environment writes in one stretch."""
        return self.length + -(-self.length // spec.limit)

    def frames_each(self, spec: EnvSpec, environments: int) -> int:
        return self.rows(spec) + 2

    def table(self) -> int:
        return 1

    def less(self, share: float) -> str:
        return f"Learn from shorter stretches (--algorithm.feed.length {max(1, int(self.length * share))})."

    def mark(self, ring: Ring, carry: Carry) -> Mark:
        return Since(jnp.copy(ring.written), jax.tree.map(jnp.copy, carry))  # donated buffers must be separate

    def ready(self, ring: Ring, spec: EnvSpec) -> Bool[Array, ""]:
        return jnp.all(ring.written > 0)

    def draw(self, key: PRNGKeyArray, ring: Ring, env: AbstractEnv, *, mark: Mark) -> Window:
        """The stretch since the mark; the key is not needed."""
        envs = jnp.arange(ring.written.shape[0])
        times = jnp.arange(self.rows(env.spec) + 1, dtype=jnp.int32)[:, None]
        count = (ring.written - mark.position)[None, :]
        newest = ring.frames.truncated[envs, (ring.written - 2) % ring.capacity]
        # The scratch slot holds the state reached, unless a time limit had it written as a frame already.
        there = times < count + jnp.where(newest[None, :], 0, 1)
        slots = (mark.position[None, :] + times) % ring.capacity
        frames = jax.tree.map(lambda store: store[envs[None, :], slots], ring.frames)
        observations = jax.vmap(jax.vmap(env.observe))(frames.snapshot)

        def blank(leaf: Array, known: Bool[Array, "T1 B"]) -> Array:
            return jnp.where(known.reshape(known.shape + (1,) * (leaf.ndim - 2)), leaf, jnp.zeros_like(leaf))

        seen = jax.tree.map(lambda leaf: blank(leaf, there), observations)
        done = jax.tree.map(lambda leaf: blank(leaf, times < count), dataclasses.replace(frames, snapshot=None))
        window = running_on(done, seen, before=ring.frames.actions[envs, (mark.position - 1) % ring.capacity])
        return dataclasses.replace(
            window,
            valid=window.valid & (times < count)[:-1],
            carry=mark.carry,
        )

    def marked_again(self, mark: Mark, ring: Ring, *, carry: Carry, updates: Int[Array, ""]) -> Mark:
        now = self.mark(ring, carry)
        return jax.tree.map(lambda old, new: jnp.where(updates > 0, new, old), mark, now)
