"""How teams fare on SMACv2's two kinds of starts, beside SMAC's script.

    python benchmarks/starts.py RUN... [--battles 1000]

A battle begins with the allies together in the middle and enemies around them, or with both sides scattered and
mirrored. Each run's best team and, in every world, the script play the same battles; of each kind of start the rows
have the share that is won, with Wilson's 95 % interval, and how many of either side are dead after ten steps.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

import qohort
from qohort.envs import AbstractEnv
from qohort.envs.battle.env import Battle
from qohort.envs.battle.heuristic import Scripted
from qohort.envs.battle.state import Snapshot
from qohort.errors import QohortError
from qohort.report.statistics import wilson
from qohort.scene import Scene
from qohort.spec import EnvSpec, Observation, Outcome
from qohort.training.load import LoadedTeam, read_run

RESULTS = pathlib.Path(__file__).parent / "results" / "starts.json"
EARLY = 10
"""Steps, by which surrounding groups have begun to arrive."""
TOGETHER = 3.5
"""Cells: who is surrounded begins, on average, nearer to the middle than this, and who is scattered farther."""
Row = dict[str, Any]
NOTED = ("surrounded", "killed_early", "lost_early")


@dataclasses.dataclass(frozen=True)
class Flags:
    runs: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """Run folders with checkpoints."""
    battles: int = 1000
    """How many each plays."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


class NotedState(eqx.Module):
    inner: Any
    noted: dict[str, Float[Array, ""]]
    steps: Int[Array, ""]


class Noted(AbstractEnv):
    """A battle that remembers how it began."""

    spec: EnvSpec = eqx.field(static=True)
    battle: AbstractEnv
    middle: tuple[float, float] = eqx.field(static=True)

    def __init__(self, battle: AbstractEnv, *, middle: tuple[float, float]) -> None:
        self.battle, self.middle = battle, middle
        self.spec = dataclasses.replace(battle.spec, metrics=(*battle.spec.metrics, *NOTED))

    def reset(self, key: PRNGKeyArray) -> NotedState:
        state = self.battle.reset(key)
        around = surrounded(self.battle.snapshot(state), self.spec.n_agents, self.middle)
        noted = {name: jnp.zeros(()) for name in NOTED} | {"surrounded": around.astype(jnp.float32)}
        return NotedState(state, noted, jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: NotedState, actions: Int[Array, " N"]) -> tuple[NotedState, Outcome]:
        inner, outcome = self.battle.step(key, state.inner, actions)
        dead = {"killed_early": outcome.metrics["dead_enemies"], "lost_early": outcome.metrics["dead_allies"]}
        early = {name: jnp.where(state.steps < EARLY, now, state.noted[name]) for name, now in dead.items()}
        noted = state.noted | early
        outcome = eqx.tree_at(lambda told: told.metrics, outcome, outcome.metrics | noted)
        return NotedState(inner, noted, state.steps + 1), outcome

    def snapshot(self, state: NotedState) -> Any:
        return self.battle.snapshot(state.inner)

    def observe(self, snapshot: Any) -> Observation:
        return self.battle.observe(snapshot)

    def scene(self, snapshot: Any) -> Scene | None:
        return self.battle.scene(snapshot)


def surrounded(snapshot: Snapshot, allies: int, middle: tuple[float, float]) -> Bool[Array, ""]:
    """Whether the allies stand together in the middle of the map."""
    x, y = snapshot.x[:allies] - middle[0], snapshot.y[:allies] - middle[1]
    return jnp.mean(jnp.hypot(x, y)) < TOGETHER


def rows_of(who: str, team: LoadedTeam, battle: AbstractEnv, middle: tuple[float, float], battles: int) -> list[Row]:
    """One row for each kind of start."""
    played = qohort.evaluate(team, Noted(battle, middle=middle), episodes=battles)
    around = played["surrounded"] > 0
    rows = [row(which, played) | {"start": start} for start, which in (("surrounded", around), ("mirrored", ~around))]
    return [{"world": battle.spec.name, "who": who} | found for found in rows]


def row(which: Bool[np.ndarray, " B"], played: Mapping[str, np.ndarray]) -> Row:
    """What these battles brought."""
    won, battles = int(played["won"][which].sum()), int(which.sum())
    early = {name: round(float(played[name][which].mean()), 2) for name in NOTED[1:]}
    interval = [round(100 * bound, 1) for bound in wilson(won, battles)]
    return {"battles": battles, "won": round(100 * won / battles, 1), "interval": interval, **early}


def main(flags: Flags) -> None:
    """Print and write the rows."""
    rows: list[Row] = []
    for run in flags.runs:
        config, team = read_run(run), qohort.load(run)
        battle = config.make()
        if not isinstance(battle, Battle) or battle.scenario.teams is None:
            raise QohortError(f"{run} was trained in {config.world}, which is none of SMACv2's scenarios.")
        width, height = battle.terrain.walkable.shape
        teams: dict[str, AbstractEnv] = {f"{config.name}, seed {config.run.seed}, {team.step:,} steps": battle}
        if battle.spec.name not in {there["world"] for there in rows}:
            teams["script"] = Scripted(battle, rest=True)
        for who, world in teams.items():
            found = rows_of(who, team, world, (width / 2, height / 2), flags.battles)
            print(*found, sep="\n", flush=True)
            rows += found
    flags.out.write_text(json.dumps({"early": EARLY, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
