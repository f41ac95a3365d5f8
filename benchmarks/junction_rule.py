"""What drivers could do who know everything: an upper mark for what messages can be worth on a junction.

    python benchmarks/junction_rule.py ["traffic/hard"] [--episodes 4000]

All cars would drive on. Of two that would be in one cell then, the one that stands there already stays, or the one that
is farther from its entry lets the other pass, until no two would meet; what is left are cars that arrive where one
stands. Beside it: all cars drive on whatever happens. Neither has learned anything.
"""

import dataclasses
import json
import pathlib
from typing import Annotated, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import tyro
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

import qohort
from qohort.envs.traffic import TrafficJunction, TrafficState
from qohort.envs.traffic.junction import BRAKE, GAS, OFF_ROAD, WAIT

RESULTS = pathlib.Path(__file__).parent / "results" / "junction-rule.json"


@dataclasses.dataclass(frozen=True)
class Flags:
    world: Annotated[str, tyro.conf.Positional] = "traffic/hard"
    """A junction."""
    episodes: int = 4000
    """How many are played."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def drive_on(env: TrafficJunction, state: TrafficState) -> Int[Array, " N"]:
    """Everybody drives."""
    return jnp.where(state.route == OFF_ROAD, WAIT, GAS)


def give_way(env: TrafficJunction, state: TrafficState) -> Int[Array, " N"]:
    """Everybody drives who meets nobody."""
    driving = state.route != OFF_ROAD
    leaves = state.place + 1 >= env.lengths[state.route]

    def cell(place: Int[Array, " N"]) -> Int[Array, " N"]:
        row, column = env.paths[state.route, place].T
        return row * env.size + column

    here, ahead = cell(state.place), cell(jnp.minimum(state.place + 1, env.paths.shape[1] - 1))
    number = jnp.arange(len(here))
    another = number[:, None] != number[None, :]
    order = state.place * len(here) + number

    def step(goes: Bool[Array, " N"]) -> Bool[Array, " N"]:
        then = jnp.where(goes, ahead, here)
        on_road = driving & ~(goes & leaves)
        meets = (then[:, None] == then[None, :]) & on_road[:, None] & on_road[None, :] & another
        yields = meets & (~goes[None, :] | (order[:, None] > order[None, :]))
        return goes & ~yields.any(axis=1)

    goes = jax.lax.fori_loop(0, len(here), lambda _, goes: step(goes), driving)
    return jnp.where(driving, jnp.where(goes, GAS, BRAKE), WAIT)


RULES = {"drive on": drive_on, "give way": give_way}


def played(env: TrafficJunction, rule: str, episodes: int) -> dict[str, Float[Array, " episodes"]]:
    """What every episode comes to under a rule."""

    def episode(key: PRNGKeyArray) -> dict[str, Float[Array, ""]]:
        def step(state: TrafficState, key: PRNGKeyArray) -> tuple[TrafficState, tuple[dict, Float[Array, ""]]]:
            state, outcome = env.step(key, state, RULES[rule](env, state))
            return state, (outcome.metrics, outcome.reward.sum())

        begin, drive = jax.random.split(key)
        _, (metrics, reward) = jax.lax.scan(step, env.reset(begin), jax.random.split(drive, env.spec.limit))
        return {**{name: rows[-1] for name, rows in metrics.items()}, "return": reward.sum()}

    return eqx.filter_jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), episodes))


def main(flags: Flags) -> None:
    """Print and write a row for each rule."""
    env = cast(TrafficJunction, qohort.make(flags.world))
    rows = []
    for rule in RULES:
        means = {name: round(float(row.mean()), 3) for name, row in played(env, rule, flags.episodes).items()}
        rows.append({"rule": rule, **means})
        print(f"{rule}: {means}")
    flags.out.write_text(json.dumps({"world": flags.world, "episodes": flags.episodes, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
