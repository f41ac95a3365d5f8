"""One environment that is stepped from Python, for loops which are written that way.

Everything that a step needs is compiled into one function, random numbers included: a step is one call with the numbers
of the actions, and what comes back is read where it lies. It runs on the processor, where a single small environment is
fastest, even if there is an accelerator.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv, Snapshot, State
from qohort.errors import QohortError

Leaves = tuple[Array, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """What there is to know after a reset or a step. The arrays must not be written to."""

    obs: Float[np.ndarray, "N O"]
    """What each agent sees."""
    state: Float[np.ndarray, " S"]
    """What only training sees."""
    avail: Bool[np.ndarray, "N A"]
    """The actions that may be taken."""
    alive: Bool[np.ndarray, " N"]
    """Whether an agent still takes part."""
    reward: list[float]
    """One number for the team, or one for each agent; zeros after a reset."""
    terminated: bool
    """The task ended with this step."""
    truncated: bool
    """The time limit was hit with this step."""
    metrics: dict[str, float]
    """The world's, of the episode so far; empty after a reset."""


class Hosted:
    """A world with its state and its random numbers.

    Attributes:
        env: the world. Another one that differs in its arrays only may take its place at any time.
        seed: where the random numbers come from.
    """

    def __init__(self, env: AbstractEnv, *, seed: int | None = None) -> None:
        """Prepare to play.

        Args:
            env: the world.
            seed: where the random numbers come from; from the operating system if not given.
        """
        self.env = env
        self.reseed(seed)
        self._state: Leaves | None = None

    @property
    def env(self) -> AbstractEnv:
        """The world."""
        return self._env

    @env.setter
    def env(self, env: AbstractEnv) -> None:
        leaves, form = jax.tree.flatten(env)
        self._env = env
        self._leaves: Leaves = tuple(jax.device_put(leaves, _processor()))
        self._programs = _programs(form, tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in self._leaves))

    def reseed(self, seed: int | None) -> None:
        """Begin another stream of random numbers."""
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
        self._seed = jax.device_put(np.uint32(self.seed % 2**32), _processor())
        self._draws = jax.device_put(np.uint32(0), _processor())

    @property
    def leaves(self) -> Leaves:
        """The arrays of the state: cheap to keep, for `snapshots`."""
        if self._state is None:
            raise QohortError(f"{self.env.spec.name}: no episode has begun; call `reset` first.")
        return self._state

    @property
    def state(self) -> State:
        """The world's state."""
        return jax.tree.unflatten(self._programs.form, self.leaves)

    @property
    def snapshot(self) -> Snapshot:
        """What is needed to see this moment."""
        return self._programs.snapshot(self._leaves, self.leaves)

    def snapshots(self, moments: list[Leaves]) -> Snapshot:
        """The snapshots of several moments, stacked."""
        rows = [self._programs.snapshot(self._leaves, leaves) for leaves in moments]
        return jax.tree.map(lambda *row: jnp.asarray(np.stack(row)), *rows)

    def reset(self) -> Moment:
        """Begin an episode; every one draws other random numbers."""
        return self._moment(self._programs.reset(self._leaves, self._seed, self._draws), fresh=True)

    def step(self, actions: Int[np.ndarray, " N"]) -> Moment:
        """Let every agent act. Whether the actions are available is not checked."""
        return self._moment(self._programs.step(self._leaves, self.leaves, self._seed, self._draws, actions))

    def _moment(self, reached: "_Reached", *, fresh: bool = False) -> Moment:
        self._state, self._draws = reached.state, reached.draws
        obs, state, avail, alive = map(np.asarray, reached.seen)
        spec, values = self._env.spec, np.asarray(reached.told).tolist()
        n = spec.n_rewards
        return Moment(
            obs=obs,
            state=state,
            avail=avail,
            alive=alive,
            reward=values[:n],
            terminated=values[n] > 0,
            truncated=values[n + 1] > 0,
            metrics={} if fresh else dict(zip(spec.metrics, values[n + 2 :], strict=True)),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Programs:
    """The compiled functions of all worlds of one form. Trees are flat, or every call would take them apart."""

    reset: Callable[[Leaves, Array, Array], "_Reached"]
    step: Callable[[Leaves, Leaves, Array, Array, Int[np.ndarray, " N"]], "_Reached"]
    snapshot: Callable[[Leaves, Leaves], Snapshot]
    form: Any
    """How the leaves make a state."""


class _Reached(NamedTuple):
    state: Leaves
    draws: Array
    seen: Leaves
    told: Array
    """Rewards, terminated, truncated, and the metrics, in one row."""


@functools.lru_cache(maxsize=64)
def _programs(world: Any, shapes: tuple[jax.ShapeDtypeStruct, ...]) -> _Programs:
    """Compile for worlds whose leaves have these shapes."""

    def env_of(leaves: Leaves) -> AbstractEnv:
        return jax.tree.unflatten(world, leaves)

    def first(leaves: Leaves) -> State:
        return env_of(leaves).reset(jax.random.key(0))

    form = jax.tree.structure(jax.eval_shape(first, shapes))

    def reached(env: AbstractEnv, state: State, draws: Array, told: list[Array]) -> _Reached:
        seen = env.observe(env.snapshot(state))
        row = [jnp.asarray(value, jnp.float32).ravel() for value in told]
        return _Reached(
            state=tuple(_strong(leaf) for leaf in jax.tree.leaves(state)),
            draws=draws + 1,
            seen=(seen.obs, seen.state, seen.avail, seen.alive),
            told=jnp.concatenate(row),
        )

    @jax.jit
    def reset(leaves: Leaves, seed: Array, draws: Array) -> _Reached:
        env = env_of(leaves)
        return reached(env, env.reset(_key(seed, draws)), draws, [jnp.zeros(env.spec.n_rewards + 2)])

    @jax.jit
    def step(leaves: Leaves, state: Leaves, seed: Array, draws: Array, actions: Int[Array, " N"]) -> _Reached:
        env = env_of(leaves)
        after, outcome = env.step(_key(seed, draws), jax.tree.unflatten(form, state), actions)
        told = [outcome.reward, outcome.terminated, outcome.truncated]
        return reached(env, after, draws, told + [outcome.metrics[name] for name in env.spec.metrics])

    @jax.jit
    def snapshot(leaves: Leaves, state: Leaves) -> Snapshot:
        return env_of(leaves).snapshot(jax.tree.unflatten(form, state))

    return _Programs(reset=reset, step=step, snapshot=snapshot, form=form)


def _strong(leaf: Array) -> Array:
    """The same values of a type of their own: a state of weak types is compiled for once more."""
    return leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else jax.lax.convert_element_type(leaf, leaf.dtype)


def _key(seed: Array, draws: Array) -> PRNGKeyArray:
    return jax.random.fold_in(jax.random.key(seed), draws)


@functools.cache
def _processor() -> Any:
    """The processor, if JAX may use it."""
    try:
        return jax.devices("cpu")[0]
    except RuntimeError:
        return jax.devices()[0]
