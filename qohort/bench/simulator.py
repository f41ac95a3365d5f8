"""Environment steps per second of battles, next to SMAX if JaxMARL is installed.

Both play random available actions in as many battles at once, begin again when one is over, and compute observations,
state and availability after every step; the sums of all of them are returned, so that nothing can be left out.
"""

import dataclasses
import importlib.util
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from qohort.bench import sheet
from qohort.bench.update import THREADS_SETTLE
from qohort.envs.base import AbstractEnv
from qohort.envs.registry import make
from qohort.errors import QohortError
from qohort.training.flags import parse

GOALS = {"3m": 1.5, "2s3z": 2.0, "27m_vs_30m": 5.0}
"""How many times SMAX's rate is asked for."""

Play = Callable[[int], float]
"""Plays some steps from a seed, and returns a sum of what was seen."""


def battle_play(name: str, battles: int, steps: int) -> tuple[Play, float]:
    """A compiled rollout of a battle, and the seconds it took to compile."""
    env = make(f"battle/{name}")
    began = time.perf_counter()
    play = jax.jit(_rollout, static_argnums=(2, 3)).lower(env, jax.random.key(0), battles, steps).compile()
    compiled = time.perf_counter() - began
    return lambda seed: float(play(env, jax.random.key(seed))), compiled


def _rollout(env: AbstractEnv, key: PRNGKeyArray, battles: int, steps: int) -> Array:
    begin, run = jax.random.split(key)
    state = jax.vmap(env.reset)(jax.random.split(begin, battles))
    seen = jax.vmap(lambda state: env.observe(env.snapshot(state)))(state)

    def step(state: Any, avail: Array, key: PRNGKeyArray) -> tuple[Any, Array, Array]:
        act_key, step_key, reset_key = jax.random.split(key, 3)
        draws = jax.random.uniform(act_key, avail.shape)
        actions = jnp.argmax(jnp.where(avail, draws, -1.0), axis=-1)
        reached, outcome = env.step(step_key, state, actions)
        over = outcome.terminated | outcome.truncated
        fresh = env.reset(reset_key)
        reached = jax.tree.map(lambda new, old: jnp.where(over, new, old), fresh, reached)
        seen = env.observe(env.snapshot(reached))
        return reached, seen.avail, outcome.reward.sum() + seen.obs.sum() + seen.state.sum() + seen.units.sum()

    def body(carry: tuple[Any, Array, Array], key: PRNGKeyArray) -> tuple[tuple[Any, Array, Array], None]:
        state, avail, total = carry
        state, avail, sums = jax.vmap(step)(state, avail, jax.random.split(key, battles))
        return (state, avail, total + sums.sum()), None

    return jax.lax.scan(body, (state, seen.avail, jnp.zeros(())), jax.random.split(run, steps))[0][2]


def smax_play(name: str, battles: int, steps: int) -> tuple[Play, float]:
    """The same for SMAX with its heuristic enemy."""
    import jaxmarl
    from jaxmarl.environments.smax import map_name_to_scenario

    env = jaxmarl.make("HeuristicEnemySMAX", scenario=map_name_to_scenario(name))

    def rollout(key: PRNGKeyArray) -> Array:
        begin, run = jax.random.split(key)
        _, state = jax.vmap(env.reset)(jax.random.split(begin, battles))
        avail = jax.vmap(env.get_avail_actions)(state)

        def step(state: Any, avail: Any, key: PRNGKeyArray) -> tuple[Any, Any, Array]:
            act_key, step_key = jax.random.split(key)
            table = jnp.stack([avail[agent] for agent in env.agents])
            draws = jax.random.uniform(act_key, table.shape)
            chosen = jnp.argmax(jnp.where(table > 0, draws, -1.0), axis=-1)
            actions = {agent: chosen[i] for i, agent in enumerate(env.agents)}
            seen, state, reward, _, _ = env.step(step_key, state, actions)
            total = sum(jnp.sum(each) for each in [*seen.values(), *reward.values()])
            return state, env.get_avail_actions(state), jnp.asarray(total)

        def body(carry: tuple[Any, Any, Array], key: PRNGKeyArray) -> tuple[tuple[Any, Any, Array], None]:
            state, avail, total = carry
            state, avail, sums = jax.vmap(step)(state, avail, jax.random.split(key, battles))
            return (state, avail, total + sums.sum()), None

        return jax.lax.scan(body, (state, avail, jnp.zeros(())), jax.random.split(run, steps))[0][2]

    began = time.perf_counter()
    play = jax.jit(rollout).lower(jax.random.key(0)).compile()
    compiled = time.perf_counter() - began
    return lambda seed: float(play(jax.random.key(seed))), compiled


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimulatorFlags:
    """Count environment steps per second, beside SMAX if JaxMARL is installed."""

    maps: tuple[str, ...] = tuple(GOALS)
    """Which battles."""
    battles: int = 64
    """How many at once."""
    steps: int = 50
    """Environment steps in one measurement."""
    repeats: int = 7
    """How often each is measured; they take turns."""
    json: pathlib.Path | None = None
    """Write the figures to this file too."""

    def __post_init__(self) -> None:
        for name in ("battles", "steps", "repeats"):
            if getattr(self, name) < 1:
                raise QohortError(f"--{name} is {getattr(self, name)}; it must be at least 1.")
        sheet.check_target(self.json)


def main(argv: Sequence[str]) -> int:
    """Measure, and print a line for each map."""
    flags = parse(SimulatorFlags, argv, prog="qohort bench simulator")
    peer = importlib.util.find_spec("jaxmarl") is not None
    if not peer:
        print(
            "JaxMARL is not installed: battles are measured alone. "
            "To compare, in the clone: pip install -e '.[jaxmarl]'"
        )
    rows: list[dict[str, Any]] = []
    for name in flags.maps:
        rows.append(_measured(name, flags, peer=peer))
        sheet.write(flags.json, rows, battles=flags.battles)
    return 0


def _measured(name: str, flags: SimulatorFlags, *, peer: bool) -> dict[str, Any]:
    from jax.errors import JaxRuntimeError

    plays = {"qohort": battle_play(name, flags.battles, flags.steps)}
    if peer:
        try:
            plays["smax"] = smax_play(name, flags.battles, flags.steps)
        except (KeyError, ValueError, JaxRuntimeError) as error:
            print(f"{name}: SMAX has no such scenario, or cannot play it here: {error!r:.200}")
    spent: dict[str, list[float]] = {side: [] for side in plays}
    for repeat in range(flags.repeats):
        for side, (play, _) in plays.items():
            time.sleep(THREADS_SETTLE)
            began = time.perf_counter()
            play(repeat)
            spent[side].append(time.perf_counter() - began)
    row: dict[str, Any] = {"map": name}
    for side, (_, compiled) in plays.items():
        rates = sorted(flags.battles * flags.steps / seconds for seconds in spent[side])
        median = rates[len(rates) // 2]
        row[side] = {"steps_per_second": median, "best": rates[-1], "compile_seconds": compiled}
        print(f"{name:12} {side:7} {median:9,.0f} env-steps/s (best {rates[-1]:9,.0f})  compiled in {compiled:4.1f} s")
    if "smax" in row:
        row["ratio"] = row["qohort"]["steps_per_second"] / row["smax"]["steps_per_second"]
        goal = f", goal {GOALS[name]}" if name in GOALS else ""
        print(f"{name:12} {row['ratio']:.1f} times SMAX{goal}")
    return row
