"""Does a world keep the contract? Every fault is told in a sentence.

First the form is checked without playing: that the functions can be compiled and vmapped, and the
shapes and types of what they return. A world without such faults is then played by random available
actions, in one compiled rollout, and what it does is checked.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.scene import Scene, sound
from qohort.spec import EnvSpec, Observation, Outcome

GAMES = 8
"""How many copies of the world are played side by side."""
QUICKLY = {"xla_backend_optimization_level": 0}
"""What is played once is compiled without much care: that takes half as long, and far longer than playing."""


def check_env(env: Any, *, key: PRNGKeyArray | None = None, steps: int | None = None) -> None:
    """Raise one `QohortError` that lists every fault found; return quietly if there is none.

    Faults of form hide those of behaviour, because a world whose form is wrong cannot be played.

    Args:
        env: the world.
        key: where the random numbers come from; default: seed 0.
        steps: how long to play; default: a little longer than the limit, and at least 64 steps.
    """
    key = jax.random.key(0) if key is None else key
    check_form(env, key=key)
    steps = int(max(env.spec.limit + 1, 64)) if steps is None else steps
    _refuse(env, list(_faults_of_behaviour(env, key, steps)))


def check_form(env: Any, *, key: PRNGKeyArray | None = None) -> None:
    """The part of `check_env` that needs no playing: kinds, shapes and types."""
    if not isinstance(env, AbstractEnv):
        raise QohortError(
            f"A {type(env).__name__} is no world: it must be an instance of a subclass of qohort.envs.AbstractEnv."
        )
    if not isinstance(env.spec, EnvSpec):
        raise QohortError(
            f"{type(env).__name__}: `spec` is a {type(env.spec).__name__}; it must be a qohort.spec.EnvSpec."
        )
    _refuse(env, list(_faults_of_form(env, jax.random.key(0) if key is None else key)))


def _refuse(env: AbstractEnv, faults: list[str]) -> None:
    if faults:
        found = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "".join(f"\n  {number}. {fault}" for number, fault in enumerate(faults, 1))
        raise QohortError(f"{env.spec.name}: {found} found.{lines}")


def _faults_of_form(env: AbstractEnv, key: PRNGKeyArray) -> Iterator[str]:
    actions = jnp.zeros(env.spec.n_agents, jnp.int32)
    state, fault = _traced("reset", env.reset, key)
    if fault:
        yield fault
        return
    snapshot, fault = _traced("snapshot", env.snapshot, state)
    if fault:
        yield fault
    else:
        seen, fault = _traced("observe", env.observe, snapshot)
        yield from [fault] if fault else _faults_of_observation(env.spec, seen)
        scene, fault = _traced("scene", env.scene, snapshot)
        if fault:
            yield fault
        elif not (scene is None or isinstance(scene, Scene)):
            yield f"`scene` returns a {type(scene).__name__}; it must return a qohort.scene.Scene, or None."
    stepped, fault = _traced("step", env.step, key, state, actions)
    if fault:
        yield fault
    elif not (isinstance(stepped, tuple) and len(stepped) == 2):
        yield f"`step` returns a {type(stepped).__name__}; it must return a pair, the state reached and an Outcome."
    else:
        yield from _faults_of_carry(state, stepped[0])
        yield from _faults_of_outcome(env.spec, stepped[1])


def _traced(name: str, function: Callable[..., Any], *inputs: Any) -> tuple[Any, str | None]:
    """The form of what a function returns, found by compiling it halfway, alone and vmapped."""
    try:
        result = eqx.filter_eval_shape(function, *inputs)
    except Exception as error:
        return None, (
            f"`{name}` cannot be compiled: {_first_line(error)} "
            "It must be a pure JAX function: jnp for np, jnp.where for `if` on values, the contract's classes."
        )
    try:
        eqx.filter_eval_shape(jax.vmap(function), *jax.tree.map(_two, inputs))
    except Exception as error:
        return None, f"`{name}` cannot be vmapped: {_first_line(error)} Training plays many copies of a world at once."
    return result, None


def _two(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype) if hasattr(leaf, "shape") else leaf


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no message."]
    return f"{type(error).__name__}: {lines[0]}"


def _faults_of_observation(spec: EnvSpec, seen: Any) -> Iterator[str]:
    if not isinstance(seen, Observation):
        yield f"`observe` returns a {type(seen).__name__}; it must return a qohort.spec.Observation."
        return
    n_agents = spec.n_agents
    number, flag = jnp.floating, jnp.bool_
    yield from _faults_of_array("obs", seen.obs, (n_agents, spec.obs_size), number, "agents, obs_features")
    yield from _faults_of_array("state", seen.state, (spec.state_size,), number, "state_features")
    yield from _faults_of_array("units", seen.units, (n_agents, spec.unit_size), number, "agents, unit_features")
    yield from _faults_of_array("avail", seen.avail, (n_agents, spec.n_actions), flag, "agents, actions")
    yield from _faults_of_array("alive", seen.alive, (n_agents,), flag, "agents")


def _faults_of_outcome(spec: EnvSpec, outcome: Any) -> Iterator[str]:
    if not isinstance(outcome, Outcome):
        yield f"`step` returns a {type(outcome).__name__} beside the state; it must be a qohort.spec.Outcome."
        return
    number, flag = jnp.floating, jnp.bool_
    yield from _faults_of_array("reward", outcome.reward, (spec.n_rewards,), number, f'reward="{spec.reward}"')
    yield from _faults_of_array("terminated", outcome.terminated, (), flag, "a scalar")
    yield from _faults_of_array("truncated", outcome.truncated, (), flag, "a scalar")
    if set(outcome.metrics) != set(spec.metrics):
        yield (
            f"`metrics` holds {_listed(sorted(outcome.metrics))}, but `spec.metrics` names {_listed(spec.metrics)}; "
            "the names must be the same."
        )
    for name, value in outcome.metrics.items():
        yield from _faults_of_array(f"metrics[{name!r}]", value, (), number, "a scalar")


def _faults_of_array(field: str, value: Any, shape: tuple[int, ...], dtype: Any, meaning: str) -> Iterator[str]:
    if not hasattr(value, "shape"):
        yield f"`{field}` is a {type(value).__name__}; it must be an array of the shape {shape}."
        return
    if value.shape != shape:
        yield f"`{field}` has the shape {value.shape}, but the spec asks for {shape} ({meaning})."
    if not jnp.issubdtype(value.dtype, dtype):
        wanted = "bool: compare, or use .astype(bool)" if dtype is jnp.bool_ else "float: use .astype(jnp.float32)"
        yield f"`{field}` has the type {value.dtype}, but it must be {wanted}."


def _faults_of_carry(before: Any, after: Any) -> Iterator[str]:
    if jax.tree.structure(before) != jax.tree.structure(after):
        yield (
            f"`step` changes the structure of the state from {jax.tree.structure(before)} to "
            f"{jax.tree.structure(after)}; reset and step must return the same structure."
        )
        return
    for (path, old), new in zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True):
        was, is_ = _form(old), _form(new)
        if was != is_:
            yield (
                f"`step` changes the state's leaf `{jax.tree_util.keystr(path) or 'state'}` from {was} to {is_}; "
                "shapes and types must stay as `reset` made them."
            )


def _form(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}" if hasattr(leaf, "shape") else repr(leaf)


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"


class Frame(eqx.Module):
    """What one step of the rollout showed, as far as faults are concerned."""

    final: Array
    """Whether the state was reached by the last step of an episode: it is looked at, but not acted in."""
    age: Array
    """How many steps the episode had had."""
    finite: dict[str, Array]
    available: Array
    alive: Array
    flagged: Array
    metrics: dict[str, Array]
    reward: Array
    drawable: Array
    """Whether the scene, if there is one, can be drawn."""
    digest: Array
    """Sums of all that was seen, to compare two rollouts by."""


def _faults_of_behaviour(env: AbstractEnv, key: PRNGKeyArray, steps: int) -> Iterator[str]:
    starts, first_seen = _start(env, jax.random.split(key, GAMES))
    impure = list(_faults_of_purity(env, key, *jax.tree.map(lambda x: x[0], (starts, first_seen))))
    yield from impure
    shape = (GAMES, steps, env.spec.n_agents, env.spec.n_actions)
    whims = jnp.asarray(np.random.default_rng(_plain(key).ravel()).random(shape, np.float32))
    keys = jax.random.split(key, (GAMES, steps, 2))
    frames = _rollout(env, starts, keys, whims)
    yield from _faults_of_frames(env.spec, jax.tree.map(np.asarray, frames))
    again = _rollout(env, starts, keys, whims)
    same = jax.tree.map(lambda a, b: np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), frames, again)
    if not impure and not all(jax.tree.leaves(same)):
        yield "Two rollouts from the same key differ; every random number must come from a key that is passed in."


def _faults_of_purity(env: AbstractEnv, key: PRNGKeyArray, state: Any, seen: Observation) -> Iterator[str]:
    actions = jnp.argmax(seen.avail, axis=-1).astype(jnp.int32)
    yield from _faults_of_repetition("reset", env.reset, key)
    yield from _faults_of_repetition("step", env.step, key, state, actions)
    yield from _faults_of_repetition("observe", lambda s: env.observe(env.snapshot(s)), state)


def _faults_of_repetition(name: str, function: Callable[..., Any], *inputs: Any) -> Iterator[str]:
    """Trace a function twice: what comes from outside its arguments is baked in, and the programs differ.

    Programs may also differ in what does not matter, so the results decide.
    """
    dynamic, static = eqx.partition(inputs, eqx.is_array)

    def traced() -> tuple[str, list[Any]]:
        program = jax.make_jaxpr(lambda x: jax.tree.leaves(function(*eqx.combine(x, static))))(dynamic)
        return re.sub(r"0x[0-9a-f]+", "", str(program)), program.consts

    (program, constants), (other, others) = traced(), traced()
    if program == other and _same(constants, others):
        return
    results = [jax.jit(lambda x: jax.tree.leaves(function(*eqx.combine(x, static))))(dynamic) for _ in range(2)]
    if not _same(*results):
        yield (
            f"`{name}` gives different results for the same arguments; it must depend on nothing else, and every "
            "random number must come from its key (no np.random, no counters outside)."
        )


def _same(leaves: Sequence[Any], others: Sequence[Any]) -> bool:
    pairs = zip(leaves, others, strict=True)
    return all(np.array_equal(_plain(a), _plain(b)) for a, b in pairs)


def _plain(leaf: Any) -> np.ndarray:
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


@eqx.filter_jit(compiler_options=QUICKLY)  # pyright: ignore[reportCallIssue]
def _start(env: AbstractEnv, keys: Key[Array, " G"]) -> tuple[Any, Observation]:
    states = jax.vmap(env.reset)(keys)
    return states, jax.vmap(lambda state: env.observe(env.snapshot(state)))(states)


@eqx.filter_jit(compiler_options=QUICKLY)  # pyright: ignore[reportCallIssue]
def _rollout(env: AbstractEnv, starts: Any, keys: Key[Array, "G T 2"], whims: Float[Array, "G T N A"]) -> Frame:
    """Play; of the available actions each agent takes the one that its whims rate highest."""

    def one(carry: tuple[Any, Array, Array], draws: tuple[Key[Array, "2"], Array]) -> tuple[Any, Frame]:
        state, age, over = carry
        (reset_key, step_key), whim = draws
        snapshot = env.snapshot(state)
        seen, scene = env.observe(snapshot), env.scene(snapshot)
        actions = jnp.argmax(jnp.where(seen.avail, whim, -1.0), axis=-1).astype(jnp.int32)
        reached, outcome = env.step(step_key, state, actions)
        after = jax.tree.map(lambda new, old: jnp.where(over, new, old), env.reset(reset_key), reached)
        frame = Frame(
            final=over,
            age=age,
            finite={name: jnp.isfinite(getattr(seen, name)) for name in ("obs", "state", "units")},
            available=seen.avail.any(-1),
            alive=seen.alive,
            flagged=outcome.terminated | outcome.truncated,
            metrics=outcome.metrics,
            reward=outcome.reward,
            drawable=jnp.array(True) if scene is None else sound(scene),
            digest=jnp.stack([x.astype(jnp.float32).sum() for x in jax.tree.leaves(seen)]),
        )
        ended = ~over & (outcome.terminated | outcome.truncated)
        return (after, jnp.where(over, 0, age + 1), ended), frame

    def game(start: Any, keys: Key[Array, "T 2"], whims: Float[Array, "T N A"]) -> Frame:
        return jax.lax.scan(one, (start, jnp.int32(0), jnp.array(False)), (keys, whims))[1]

    return jax.vmap(game)(starts, keys, whims)


def _faults_of_frames(spec: EnvSpec, frames: Frame) -> Iterator[str]:
    for field, names in (("obs", spec.obs_features), ("state", spec.state_features), ("units", spec.unit_features)):
        for game, t, *agent, feature in _first(~frames.finite[field]):
            whose = f" of {spec.agents[agent[0]]!r}" if agent else ""
            yield (
                f"`{field}`: {names[feature]!r}{whose} is not finite {_when(frames, game, t)}; features must be "
                "neither infinite nor nan."
            )
    for game, t, agent in _first(~frames.available):
        who = spec.agents[agent] + ("" if frames.alive[game, t, agent] else " (not alive)")
        yield (
            f"`avail` has no available action for {who!r} {_when(frames, game, t)}; every row needs at least one True, "
            "always: give agents without a choice something that does nothing (`spec.no_op`)."
        )
    for game, t in _first(~frames.drawable):
        yield (
            f"`scene` cannot be drawn {_when(frames, game, t)}: of what is visible, positions and sizes must be "
            "finite, tones those of qohort.scene.Tone, and labels a place in `texts`."
        )
    yield from _faults_of_numbers("reward", frames.reward, frames)
    for name, values in frames.metrics.items():
        yield from _faults_of_numbers(f"metrics[{name!r}]", values[..., None], frames)
    if (~frames.final & ~frames.flagged & (frames.age + 1 >= spec.limit)).any():
        yield (
            f"After {spec.limit} steps, the limit in `spec.limit`, neither `terminated` nor `truncated` is set; count "
            "steps in the state and set `truncated` when the limit is reached."
        )


def _faults_of_numbers(field: str, values: Array | np.ndarray, frames: Frame) -> Iterator[str]:
    for game, t, entry in _first(~np.isfinite(values) & ~frames.final[..., None]):
        yield f"`{field}` is {values[game, t, entry]} {_when(frames, game, t)}; it must be finite."


def _first(bad: Array | np.ndarray) -> list[list[int]]:
    """Where the first True is, as a list of at most one."""
    return np.argwhere(bad)[:1].tolist()


def _when(frames: Frame, game: int, t: int) -> str:
    return f"at step {frames.age[game, t]} of an episode"
