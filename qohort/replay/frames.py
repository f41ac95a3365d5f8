"""The game as it is stored: one ring of frames for each environment, and a table of finished episodes.

A frame holds the snapshot of a moment and what was done in it, not what was seen of it: learners
observe the snapshot again. Frames of one environment follow each other without gaps. After a step that
hit the time limit, one more frame holds the state reached; nothing was decided there and no loss is
taken. After a step that terminated the task, the next frame begins the next episode.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.base import AbstractEnv, Snapshot
from qohort.spec import EnvSpec


class Frame(eqx.Module):
    """One moment. In a batch of environments every field begins with the axis `E`."""

    snapshot: Snapshot
    actions: Int[Array, "*rows N"]
    reward: Float[Array, "*rows M"]
    terminated: Bool[Array, "*rows"]
    truncated: Bool[Array, "*rows"]
    """The time limit was hit and the task did not end with the same step."""
    first: Bool[Array, "*rows"]
    """Whether an episode begins here."""
    exploration: Float[Array, "*rows"]
    """The ε (or other measure) with which the action was drawn."""


class Ring(eqx.Module):
    """The newest frames of every environment, and where their episodes lie.

    Positions count all frames that an environment ever wrote; a frame lies at its position modulo the
    capacity. The slot right after the newest frame is scratch, so one frame less than the capacity is kept.
    """

    frames: Frame
    """Axes `E C ...`: environment, slot."""
    written: Int[Array, " E"]
    """How many frames each environment wrote."""
    begun: Int[Array, " E"]
    """Where the running episode of each environment begins."""
    episode_env: Int[Array, " episodes"]
    episode_start: Int[Array, " episodes"]
    episode_length: Int[Array, " episodes"]
    """How many decisions the episode has; 0 in unused rows of the table."""
    finished: Int[Array, ""]
    """How many episodes were ever entered in the table."""

    @property
    def capacity(self) -> int:
        """Slots of each environment."""
        return self.frames.first.shape[1]


def empty_ring(env: AbstractEnv, *, environments: int, frames: int, episodes: int) -> Ring:
    """A ring for `frames` frames of each environment that remembers the newest `episodes` episodes."""
    frame = blank_frame(env)
    tiled = jax.tree.map(lambda leaf: jnp.zeros((environments, frames, *leaf.shape), leaf.dtype), frame)
    # Separate arrays throughout: a donated buffer must not be handed over twice.
    return Ring(
        frames=tiled,
        written=jnp.zeros(environments, jnp.int32),
        begun=jnp.zeros(environments, jnp.int32),
        episode_env=jnp.zeros(episodes, jnp.int32),
        episode_start=jnp.zeros(episodes, jnp.int32),
        episode_length=jnp.zeros(episodes, jnp.int32),
        finished=jnp.zeros((), jnp.int32),
    )


def blank_frame(env: AbstractEnv) -> Frame:
    """A frame of the world's shapes, all zero."""
    snapshot = jax.eval_shape(lambda key: env.snapshot(env.reset(key)), jax.random.key(0))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), snapshot)
    return Frame(
        snapshot=zeros,
        actions=jnp.zeros(env.spec.n_agents, action_dtype(env.spec)),
        reward=jnp.zeros(env.spec.n_rewards),
        terminated=jnp.zeros((), bool),
        truncated=jnp.zeros((), bool),
        first=jnp.zeros((), bool),
        exploration=jnp.zeros(()),
    )


def action_dtype(spec: EnvSpec) -> Any:
    """The smallest integer type that holds every action."""
    return jnp.int8 if spec.n_actions <= 127 else jnp.int16


def append(ring: Ring, frame: Frame, reached: Snapshot) -> Ring:
    """Write one step of all environments, and the episodes that it ended.

    Args:
        frame: the moment in which the agents acted and what came of it.
        reached: the snapshot after the step; it is kept where the time limit was hit.
    """
    envs = jnp.arange(ring.written.shape[0])
    slot, slot_after = ring.written % ring.capacity, (ring.written + 1) % ring.capacity

    def write(store: Array, now: Array, after: Array) -> Array:
        now, after = now.astype(store.dtype), after.astype(store.dtype)
        return store.at[envs, slot].set(now).at[envs, slot_after].set(after)

    silence = jax.tree.map(jnp.zeros_like, frame)
    after = eqx.tree_at(lambda f: f.snapshot, silence, reached)
    frames = jax.tree.map(write, ring.frames, frame, after)

    begun = jnp.where(frame.first, ring.written, ring.begun)
    ring = eqx.tree_at(lambda r: (r.frames, r.begun), ring, (frames, begun))
    ring = _enter_episodes(ring, frame.terminated | frame.truncated)
    held = frame.truncated.astype(ring.written.dtype)
    return eqx.tree_at(lambda r: r.written, ring, ring.written + 1 + held)


def _enter_episodes(ring: Ring, ended: Bool[Array, " E"]) -> Ring:
    """Put the episodes that end with the frame at `written` into the table."""
    envs = jnp.arange(ended.shape[0], dtype=jnp.int32)
    size = ring.episode_env.shape[0]
    order = jnp.cumsum(ended, dtype=jnp.int32)
    rows = jnp.where(ended, (ring.finished + order - 1) % size, size)  # a row beyond the table is dropped
    return eqx.tree_at(
        lambda r: (r.episode_env, r.episode_start, r.episode_length, r.finished),
        ring,
        (
            ring.episode_env.at[rows].set(envs, mode="drop"),
            ring.episode_start.at[rows].set(ring.begun, mode="drop"),
            ring.episode_length.at[rows].set(ring.written - ring.begun + 1, mode="drop"),
            ring.finished + order[-1],
        ),
    )
