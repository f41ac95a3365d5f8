"""The compiled programs of a run, for one seed or for several at once."""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.networks.base import AbstractTeam
from qohort.training.chunk import Rates, Report, TrainState, first_state, run_chunk
from qohort.training.evaluation import Scores, evaluate

T = TypeVar("T")

KEPT = 4
"""For so many pairs of settings and world compiled functions are kept."""
_WAITING = ThreadPoolExecutor(1, thread_name_prefix="waiting")


class Programs:
    """Begin, chunk and evaluate, each compiled once.

    With `together` every array has a leading axis of seeds and one program trains them all; without it
    the same functions serve one seed at a time, and no axis is added.
    """

    def __init__(self, algorithm: AbstractAlgorithm, env: AbstractEnv, *, chunk: int, together: bool) -> None:
        self._env = env
        self._together = together
        _check_kept(algorithm)
        self._functions = functions_of(algorithm, jax.tree.structure(env), chunk=chunk, together=together)
        self._before = self._functions.traces.copy()

    @property
    def traces(self) -> collections.Counter[str]:
        """How often each function was traced since; what was traced before for the same settings and world is used."""
        return self._functions.traces - self._before

    def begin(self, seeds: Sequence[int]) -> TrainState:
        return self._functions.begin(self._env, self._keys(seeds))

    def state_shapes(self, seeds: Sequence[int]) -> TrainState:
        """Shapes and types of the state, nothing computed."""
        return jax.eval_shape(self._functions.begin, self._env, self._keys(seeds))

    def chunk(self, state: TrainState, *, exploration: float, learning_rate: float) -> tuple[TrainState, Report]:
        """One chunk; the buffers of `state` are used up."""
        return self._functions.chunk(self._env, state, _rates(exploration, learning_rate))

    def report_shapes(self, state: TrainState) -> Report:
        """What a chunk will report, without running it; its trace is used again."""
        _, report = self._functions.chunk.trace(self._env, state, _rates(0.0, 0.0)).out_info
        return report

    def _keys(self, seeds: Sequence[int]) -> Array:
        keys = [jax.random.key(seed) for seed in seeds]
        return jnp.stack(keys) if self._together else keys[0]

    def evaluate(
        self, team: AbstractTeam, keys: Sequence[Array], *, episodes: int
    ) -> dict[str, Float[Array, "seeds episodes"]]:
        """Scores by episode, with a leading axis of seeds."""
        key = jnp.stack(keys) if self._together else keys[0]
        scores = self._functions.evaluate(self._env, team, key, jnp.zeros(episodes))
        return scores if self._together else {name: value[None] for name, value in scores.items()}


class Functions(NamedTuple):
    """What is compiled."""

    begin: Any
    chunk: Any
    evaluate: Any
    traces: collections.Counter[str]
    """How often each was traced."""


@functools.lru_cache(maxsize=KEPT)
def functions_of(algorithm: AbstractAlgorithm, form: Any, *, chunk: int, together: bool) -> Functions:
    """The functions of some settings. The last ones are kept: who trains again does not wait for the compiler again.

    Args:
        algorithm: is compiled in.
        form: the structure of the world. Worlds come as arguments; it keeps those of many from piling up here.
        chunk: steps of every environment in a chunk.
        together: whether there is an axis of seeds.
    """
    traces: collections.Counter[str] = collections.Counter()

    def begin(env: AbstractEnv, key: Array) -> TrainState:
        traces["begin"] += 1
        return first_state(algorithm, env, key)

    def play(env: AbstractEnv, state: TrainState, rates: Rates) -> tuple[TrainState, Report]:
        traces["chunk"] += 1
        return run_chunk(algorithm, env, state, rates=rates, steps=chunk)

    def judge(env: AbstractEnv, team: AbstractTeam, key: Array, episodes: Array) -> Scores:
        traces["evaluate"] += 1
        return evaluate(algorithm, env, team, key=key, episodes=episodes.shape[0])

    def each(function: Any, axes: tuple[int | None, ...]) -> Any:
        return jax.vmap(function, in_axes=axes) if together else function

    # It runs once: at the usual level, compiling it takes half as long as compiling the chunk.
    once = {"xla_backend_optimization_level": 1}
    return Functions(
        begin=jax.jit(each(begin, (None, 0)), compiler_options=once),
        chunk=jax.jit(each(play, (None, 0, None)), donate_argnums=1),
        evaluate=jax.jit(each(judge, (None, 0, 0, None))),
        traces=traces,
    )


def _check_kept(algorithm: AbstractAlgorithm) -> None:
    """Refuse settings by which nothing can be looked up, before anything is compiled."""
    for field in dataclasses.fields(algorithm):
        try:
            hash(getattr(algorithm, field.name))
        except TypeError as error:
            raise QohortError(
                f"{type(algorithm).__name__}.{field.name} cannot be a setting ({error}): what is compiled is kept by"
                " its settings, which must not change. Make it immutable, such as a tuple or a frozen dataclass."
            ) from None


def _rates(exploration: float, learning_rate: float) -> Rates:
    """Of a stated type: what JAX makes of a bare Python number is traced apart."""
    return Rates(exploration=jnp.asarray(exploration, float), learning_rate=jnp.asarray(learning_rate, float))


def by_seed(report: Report, *, together: bool) -> Report:
    """A report on the host, with a leading axis of seeds."""
    report = on_host(report)
    return report if together else jax.tree.map(lambda leaf: leaf[None], report)


def on_host(results: T) -> T:
    """Wait for what a program computes, and fetch it.

    Another thread does the waiting: this one would be deaf to a second Ctrl-C until a long chunk is over.
    """
    return _WAITING.submit(jax.device_get, results).result()
