"""What a training step takes with 10, 30, 100 and 300 agents, in time and in memory.

    python benchmarks/scale.py [--worlds battle/crowd pursuit/stag-hunt] [--agents 10 30 100 300]

Each world is measured in a process of its own. Times are medians, of one step of two environments, of one choice of all
actions, of reading two windows of eight steps, which is to compute what was seen in them from the frames of replay, and
of one update on them; `mixing` is Qatten's part of an update by itself, value and gradient. Beside them stand what a
team sees in one moment, what a frame of replay takes, from which that is computed when it is drawn, and the most memory
that the process has held.
"""

import dataclasses
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import tyro
from rich.console import Console

import qohort
from qohort import FeedForward, Optimiser, Qatten, Replayed, ValueDecomposition
from qohort.algorithms.joint import mix
from qohort.envs import AbstractEnv
from qohort.networks.base import View
from qohort.replay.frames import blank_frame
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation
from qohort.training.provenance import describe

RESULTS = pathlib.Path(__file__).parent / "results" / "scale.json"
ENVIRONMENTS, WINDOWS, STEPS, REPEATS = 2, 2, 8, 7
OF_THE_MACHINE = ("folder", "host", "pid")
"""What is known of a process and not kept."""
WORLDS = {
    "battle/crowd": "battle/crowd?size={}",
    "battle/crowd?nearest=None": "battle/crowd?size={}&nearest=None",
    "pursuit/stag-hunt": "pursuit/stag-hunt?hunters={}",
    "pursuit/qtran-prey": "pursuit/qtran-prey?predators={}&vision=2",
}


@dataclasses.dataclass(frozen=True)
class Flags:
    worlds: tuple[str, ...] = tuple(WORLDS)
    """Which of the worlds."""
    agents: tuple[int, ...] = (10, 30, 100, 300)
    """How many agents."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON, with a Markdown table beside them."""
    only: Annotated[
        str, tyro.conf.arg(help="Measure this world here and print the numbers; what each process runs.")
    ] = ""


def bytes_of(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def timed(call: Callable[[], Any]) -> float:
    """Milliseconds of one call, the median of several, after one that compiles."""
    jax.block_until_ready(call())
    took = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        took.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(took)


def measured(world: str) -> dict[str, Any]:
    """One world's row."""
    env = qohort.make(world)
    spec = env.spec
    algorithm = ValueDecomposition(
        mixer=Qatten(),
        team=FeedForward(),
        feed=Replayed(sampler="windows", batch=WINDOWS, length=STEPS),
        optimiser=Optimiser(kind="adam", eps=1e-8),
        environments=ENVIRONMENTS,
    )
    keys = jax.random.split(jax.random.key(0), ENVIRONMENTS)
    state = eqx.filter_jit(eqx.filter_vmap(env.reset))(keys)
    seen = observed(env, snapshots(env, state))
    frames = jax.tree.map(lambda leaf: jnp.repeat(leaf, STEPS + 1, axis=0), snapshots(env, state))
    learner = jax.jit(lambda key: algorithm.init(spec, key))(jax.random.key(1))
    team = learner.params.team
    view = View(seen.obs, seen.avail, seen.alive, jnp.full((ENVIRONMENTS, spec.n_agents), -1))
    first, half = jnp.ones(ENVIRONMENTS, bool), jnp.asarray(0.5)

    @jax.jit
    def act(team: Any, view: View) -> Any:
        return algorithm.act(
            team, team.initial(ENVIRONMENTS), view, first=first, key=jax.random.key(2), exploration=half
        )

    actions = act(team, view)[0]
    step = eqx.filter_jit(eqx.filter_vmap(env.step))
    window = repeated(spec, seen, actions)
    update = jax.jit(algorithm.update)
    moment = jax.tree.map(lambda leaf: leaf[:-1], window.observations), window.actions

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def mixing(mixer: Any, values: jax.Array) -> jax.Array:
        return jnp.sum(mix(mixer, values[..., 0], values, moment).q_tot)

    values = jnp.ones((STEPS, WINDOWS, spec.n_agents, spec.n_actions))
    row = {
        "world": world,
        "agents": spec.n_agents,
        "step_ms": timed(lambda: step(keys, state, actions)),
        "act_ms": timed(lambda: act(team, view)),
        "read_ms": timed(lambda: observed(env, frames)),
        "update_ms": timed(lambda: update(learner, window, jax.random.key(3))),
        "mixing_ms": timed(lambda: mixing(learner.params.mixer, values)),
        "moment_bytes_per_agent": bytes_of(seen) / ENVIRONMENTS / spec.n_agents,
        "frame_bytes_per_agent": bytes_of(blank_frame(env)) / spec.n_agents,
        "weights": sum(leaf.size for leaf in jax.tree.leaves(learner.params)),
    }
    return row | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


@eqx.filter_jit
def snapshots(env: AbstractEnv, states: Any) -> Any:
    return jax.vmap(env.snapshot)(states)


@eqx.filter_jit
def observed(env: AbstractEnv, frames: Any) -> Observation:
    return jax.vmap(env.observe)(frames)


def repeated(spec: EnvSpec, seen: Observation, actions: jax.Array) -> Window:
    """Windows in which nothing changes."""

    def still(leaf: jax.Array, frames: int) -> jax.Array:
        return jnp.broadcast_to(leaf, (frames, *leaf.shape))

    no = jnp.zeros((STEPS, WINDOWS), bool)
    return Window(
        observations=jax.tree.map(lambda leaf: still(leaf, STEPS + 1), seen),
        last_action=still(actions, STEPS + 1),
        first=jnp.zeros((STEPS + 1, WINDOWS), bool),
        actions=still(actions, STEPS),
        reward=jnp.ones((STEPS, WINDOWS, spec.n_rewards)),
        terminated=no,
        truncated=no,
        valid=~no,
        exploration=jnp.zeros((STEPS, WINDOWS)),
    )


def markdown(rows: list[dict[str, Any]]) -> str:
    columns = ("world", "agents", "step, ms", "act, ms", "read, ms", "update, ms", "of it mixing")
    columns += ("seen, bytes per agent", "frame, bytes per agent", "weights", "peak, MiB")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in rows:
        times = " | ".join(f"{row[name]:.1f}" for name in ("step_ms", "act_ms", "read_ms", "update_ms", "mixing_ms"))
        name = next(name for name, with_size in WORLDS.items() if with_size.format(row["agents"]) == row["world"])
        lines.append(
            f"| `{name}` | {row['agents']} | {times} | {row['moment_bytes_per_agent']:,.0f} | "
            f"{row['frame_bytes_per_agent']:,.0f} | {row['weights']:,} | {row['peak_mib']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    flags = tyro.cli(Flags, description=__doc__)
    if flags.only:
        print(json.dumps(measured(flags.only)))
        return
    rows, console = [], Console()
    for world in flags.worlds:
        for agents in flags.agents:
            name = WORLDS[world].format(agents)
            console.print(f"{name} ...")
            command = [sys.executable, __file__, "--only", name]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows.append(json.loads(answer.stdout.splitlines()[-1]))
            console.print(rows[-1])
            environment = {name: value for name, value in describe().items() if name not in OF_THE_MACHINE}
            flags.out.write_text(json.dumps({"environment": environment, "rows": rows}, indent=1) + "\n")
            flags.out.with_suffix(".md").write_text(markdown(rows))


if __name__ == "__main__":
    main()
