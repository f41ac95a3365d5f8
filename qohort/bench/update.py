"""How long one update takes, and how much of the machine's matmul rate it reaches.

The shapes are those of four maps; the episodes are padded and random, all of the same full length, so that nothing can
be saved on padding.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation

MATMUL_SIZE = 2048


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnerShape:
    """The sizes of a map, as the learner sees it."""

    name: str
    agents: int
    obs: int
    actions: int
    steps: int
    state: int
    unit: int
    """An agent's own part of the state: an ally's entries there."""


SHAPES = (
    LearnerShape(name="3m", agents=3, obs=30, actions=9, steps=60, state=48, unit=5),
    LearnerShape(name="2s3z", agents=5, obs=80, actions=11, steps=120, state=120, unit=8),
    LearnerShape(name="MMM2", agents=10, obs=176, actions=18, steps=180, state=322, unit=9),
    LearnerShape(name="27m_vs_30m", agents=27, obs=285, actions=36, steps=180, state=1170, unit=5),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds."""

    least: float
    median: float
    cpu: float
    """The least that all cores together spent; others' work on the machine hardly shows in it."""


def spec_of(shape: LearnerShape) -> EnvSpec:
    def names(prefix: str, count: int) -> tuple[str, ...]:
        return tuple(f"{prefix}{i}" for i in range(count))

    return EnvSpec(
        name=shape.name,
        agents=names("agent", shape.agents),
        actions=names("action", shape.actions),
        obs_features=names("o", shape.obs),
        state_features=names("s", shape.state),
        unit_features=names("u", shape.unit),
        limit=shape.steps,
    )


def random_window(shape: LearnerShape, episodes: int, seed: int = 0) -> Window:
    """Episodes of the full length, of random numbers."""
    rng = np.random.default_rng(seed)
    frames, steps = (shape.steps + 1, episodes), (shape.steps, episodes)

    def uniform(*size: int) -> jax.Array:
        return jnp.asarray(rng.uniform(-1, 1, size).astype(np.float32))

    avail = rng.random((*frames, shape.agents, shape.actions)) < 0.5
    avail[..., 0] = True
    actions = rng.integers(0, shape.actions, (*steps, shape.agents)).astype(np.int32)
    first = np.zeros(frames, bool)
    first[0] = True
    terminated = np.zeros(steps, bool)
    terminated[-1] = True
    return Window(
        observations=Observation(
            obs=uniform(*frames, shape.agents, shape.obs),
            state=uniform(*frames, shape.state),
            units=uniform(*frames, shape.agents, shape.unit),
            avail=jnp.asarray(avail),
            alive=jnp.ones((*frames, shape.agents), bool),
        ),
        last_action=jnp.asarray(np.concatenate([np.full_like(actions[:1], -1), actions])),
        first=jnp.asarray(first),
        actions=jnp.asarray(actions),
        reward=uniform(*steps, 1),
        terminated=jnp.asarray(terminated),
        truncated=jnp.zeros(steps, bool),
        valid=jnp.ones(steps, bool),
        exploration=jnp.zeros(steps),
    )


def learner_update(
    shape: LearnerShape, episodes: int, algorithm: ValueDecomposition | None = None
) -> Callable[[], None]:
    """One update of our learner, compiled, its buffers donated; ready to be called."""
    algorithm = ValueDecomposition() if algorithm is None else algorithm
    window = random_window(shape, episodes)
    learner = algorithm.init(spec_of(shape), jax.random.key(0))
    compiled = jax.jit(algorithm.update, donate_argnums=0).lower(learner, window, jax.random.key(1)).compile()

    def update() -> None:
        nonlocal learner
        learner, metrics = compiled(learner, window, jax.random.key(1))
        jax.block_until_ready((learner, metrics))

    return update


def jax_matmul(size: int = MATMUL_SIZE) -> Callable[[], None]:
    """One single-precision product of two square matrices; ready to be called."""
    a = jnp.ones((size, size), jnp.float32)
    product = jax.jit(jnp.matmul)
    return lambda: product(a, a).block_until_ready()


THREADS_SETTLE = 0.05
"""Seconds between two contenders' turns."""


def measure(calls: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, Timing]:
    """Time each call in turn, again and again: what disturbs the machine disturbs all of them alike.

    Each turn starts with an untimed call: PyTorch's worker threads go on spinning for a while after their work and
    would be measured with whatever comes next, and caches are warm in training, where updates follow one another.
    """
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            time.sleep(THREADS_SETTLE)
            call()
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: _timing(*zip(*times, strict=True)) for name, times in spent.items()}


def _timing(walls: Sequence[float], cpus: Sequence[float]) -> Timing:
    return Timing(least=min(walls) * 1e3, median=statistics.median(walls) * 1e3, cpu=min(cpus) * 1e3)


def matmul_gflop(shape: LearnerShape, episodes: int) -> float:
    """The matrix products of one update of Qatten with four heads, in 1e9 operations.

    Live and target agents read T+1 frames; a gradient costs twice the forward products, less the input layer's, which
    needs none with respect to observations. One-hot inputs are counted as columns, as PyTorch multiplies them.
    """
    hidden, frames = 64, (shape.steps + 1) * episodes * shape.agents
    input_layer = frames * (shape.obs + shape.actions + shape.agents) * hidden
    rest = frames * hidden * (6 * hidden + shape.actions)
    heads, embed, hyper_hidden, rows = 4, 32, 64, shape.steps * episodes
    from_state = rows * shape.state * (heads * hyper_hidden + embed)
    in_mixer = rows * heads * embed * (hyper_hidden + shape.agents * (shape.unit + 1))
    return 2e-9 * (3 * (input_layer + from_state) + 4 * (rest + in_mixer))


def gflops(timing: Timing, work: float) -> float:
    """The rate at which `work`, in 1e9 operations, was done."""
    return work / timing.least * 1e3
