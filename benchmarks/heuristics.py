"""How SMAC's scripted policy and a random one fare on all battles, and whether the battles keep their rules.

    python benchmarks/heuristics.py [MAPS ...] [--battles 1000] [--seed 0]

The script is SMAC's `heuristic_rest` in available actions. For both policies and every battle: the share of wins with
Wilson's 95 % interval, lengths, timeouts, returns, and the worst of what ought not to happen:

- `not_finite`: battles with a number that is none;
- `outside`: battles in which somebody stood where nobody can;
- `unruly`: battles that did not end when the rules say so, or ended otherwise;
- `longest_lull`: the most steps in a row in which nobody moved and nobody was hurt;
- `longest_idling`: the most steps in a row in which an enemy neither moved nor had used its weapon nor was hurt.
"""

import dataclasses
import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray
from rich.console import Console
from rich.table import Table

import qohort
from qohort.envs.battle.battles import BATTLES
from qohort.envs.battle.env import Battle
from qohort.envs.battle.factory import battle
from qohort.envs.battle.heuristic import heuristic, no_targets, random_policy
from qohort.envs.battle.rewards import End, ending
from qohort.envs.battle.spawn import Ground
from qohort.envs.battle.state import BattleState
from qohort.report.statistics import wilson

RESULTS = pathlib.Path(__file__).parent / "results" / "battle-heuristics.json"
STILL = 0.02
"""Whoever moves less in a step stands."""

Policy = Literal["script", "random"]


@dataclasses.dataclass(frozen=True)
class Flags:
    maps: Annotated[tuple[str, ...], tyro.conf.Positional] = BATTLES
    """Which battles; all if not given."""
    battles: int = 1000
    """How many of each."""
    batch: int = 250
    """How many at once."""
    seed: int = 0
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON; maps that are there already and not played now are kept."""


class Tally(eqx.Module):
    """What is known of one battle."""

    won: Bool[Array, ""]
    lost: Bool[Array, ""]
    ended: Bool[Array, ""]
    length: Int[Array, ""]
    gained: Float[Array, ""]
    not_finite: Bool[Array, ""]
    outside: Bool[Array, ""]
    unruly: Bool[Array, ""]
    lull: Int[Array, ""]
    longest_lull: Int[Array, ""]
    idling: Int[Array, " E"]
    longest_idling: Int[Array, ""]


@eqx.filter_jit
def play(env: Battle, ground: Ground, keys: Key[Array, " B"], policy: Policy) -> Tally:
    """One battle for each key."""
    return jax.vmap(lambda key: _battle(env, ground, key, policy))(keys)


def _battle(env: Battle, ground: Ground, key: PRNGKeyArray, policy: Policy) -> Tally:
    n = env.face.n_allies
    start, draw, fight = jax.random.split(key, 3)

    def going(carry: tuple[BattleState, Int[Array, " A"], Tally]) -> Bool[Array, ""]:
        return ~carry[2].ended & (carry[0].step < env.spec.limit)

    def step(
        carry: tuple[BattleState, Int[Array, " A"], Tally],
    ) -> tuple[BattleState, Int[Array, " A"], Tally]:
        before, targets, tally = carry
        snapshot = env.snapshot(before)
        seen = env.observe(snapshot)
        actions = random_policy(jax.random.fold_in(draw, before.step), seen.avail)
        if policy == "script":
            actions, targets = heuristic(env.face, snapshot, targets)
        state, outcome = env.step(jax.random.fold_in(fight, before.step), before, actions.astype(jnp.int32))
        kind = state.kind
        flies = env.table.air[kind] | env.table.walks_cliffs[kind]
        moved = (jnp.abs(state.x - before.x) + jnp.abs(state.y - before.y) > STILL) & state.alive
        hurt = state.health + state.shield < before.health + before.shield
        numbers = (state.x, state.y, state.health, state.shield, state.energy, seen.obs, seen.state, outcome.reward)
        lull = jnp.where(jnp.any(moved | hurt), 0, tally.lull + 1)
        busy = (moved | hurt | (state.cooldown > 0) | ~state.alive)[n:]
        idling = jnp.where(busy, 0, tally.idling + 1)
        end = ending(env.face, kind, state.alive)
        wiped = ~jnp.any(state.alive[:n]) | ~jnp.any(state.alive[n:])
        unruly = (outcome.terminated != (end != End.OPEN)) | (wiped & ~outcome.terminated)
        unruly |= outcome.truncated != (~outcome.terminated & (state.step >= env.spec.limit))
        return (
            state,
            targets,
            Tally(
                won=outcome.metrics["won"] > 0,
                lost=end == End.LOSS,
                ended=outcome.terminated,
                length=state.step,
                gained=tally.gained + outcome.reward[0],
                not_finite=tally.not_finite | ~jnp.all(jnp.array([jnp.all(jnp.isfinite(part)) for part in numbers])),
                outside=tally.outside | jnp.any(state.alive & ~ground.allows(state.x, state.y, flies)),
                unruly=tally.unruly | unruly,
                lull=lull,
                longest_lull=jnp.maximum(tally.longest_lull, lull),
                idling=idling,
                longest_idling=jnp.maximum(tally.longest_idling, jnp.max(idling)),
            ),
        )

    no, zero = jnp.zeros((), bool), jnp.zeros((), jnp.int32)
    tally = Tally(
        won=no,
        lost=no,
        ended=no,
        length=zero,
        gained=jnp.zeros(()),
        not_finite=no,
        outside=no,
        unruly=no,
        lull=zero,
        longest_lull=zero,
        idling=jnp.zeros(env.face.n_enemies, jnp.int32),
        longest_idling=zero,
    )
    return jax.lax.while_loop(going, step, (env.reset(start), no_targets(env.face), tally))[2]


def figures(name: str, policy: Policy, flags: Flags) -> dict[str, Any]:
    """The row of one map and policy."""
    env = battle(name)
    ground = Ground.of(env.terrain)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(flags.seed), len(policy)), flags.battles)
    began = time.perf_counter()
    parts = [play(env, ground, keys[k : k + flags.batch], policy) for k in range(0, flags.battles, flags.batch)]
    t: Any = jax.tree.map(lambda *rows: np.concatenate(rows), *parts)
    low, high = wilson(int(t.won.sum()), flags.battles)
    return {
        "map": name,
        "policy": policy,
        "battles": flags.battles,
        "won": float(t.won.mean()),
        "won_low": low,
        "won_high": high,
        "lost": float(t.lost.mean()),
        "drawn": float((t.ended & ~t.won & ~t.lost).mean()),
        "timeout": float((~t.ended).mean()),
        "length": float(t.length.mean()),
        "return": float(t.gained.mean()),
        "not_finite": int(t.not_finite.sum()),
        "outside": int(t.outside.sum()),
        "unruly": int(t.unruly.sum()),
        "longest_lull": int(t.longest_lull.max()),
        "longest_idling": int(t.longest_idling.max()),
        "seconds": round(time.perf_counter() - began, 1),
    }


def main(flags: Flags) -> None:
    """Play, print, and write after each map."""
    console, table = Console(width=130), Table(title=f"{flags.battles} battles each, seed {flags.seed}")
    for column in ("map", "policy", "won", "95 %", "drawn", "timeout", "length", "return", "lull", "idling", "faults"):
        table.add_column(column, justify="left" if column in ("map", "policy") else "right")
    kept = json.loads(flags.out.read_text())["rows"] if flags.out.exists() else []
    rows = {(row["map"], row["policy"]): row for row in kept}
    for name in flags.maps:
        for policy in ("script", "random"):
            row = rows[name, policy] = figures(name, policy, flags)
            faults = ", ".join(f"{row[key]} {key}" for key in ("not_finite", "outside", "unruly") if row[key])
            cells = [f"{row['won']:.3f}", f"{row['won_low']:.3f}-{row['won_high']:.3f}", f"{row['drawn']:.3f}"]
            cells += [f"{row['timeout']:.3f}", f"{row['length']:.1f}", f"{row['return']:.2f}"]
            cells += [str(row["longest_lull"]), str(row["longest_idling"]), faults]
            table.add_row(name, policy, *cells)
            console.print(f"[dim]{name} {policy}: won {row['won']:.3f}, {row['seconds']} s")
        write(flags, sorted(rows.values(), key=lambda row: (BATTLES.index(row["map"]), row["policy"] != "script")))
        jax.clear_caches()  # the programs of all maps together are more than a process may map
    console.print(table)


def write(flags: Flags, rows: Sequence[Mapping[str, Any]]) -> None:
    """The figures as JSON, and the table of the documentation beside it."""
    versions = {"qohort": qohort.__version__, "jax": jax.__version__, "numpy": np.__version__}
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(json.dumps({"seed": flags.seed, "versions": versions, "rows": rows}, indent=1) + "\n")
    flags.out.with_suffix(".md").write_text(markdown(rows))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as it stands in the documentation."""
    lines = [
        "| battle | script wins | 95 % | its return | its steps | random wins | its return |",
        "|---|" + "---:|" * 6,
    ]
    for script, dice in zip(rows[::2], rows[1::2], strict=True):
        between = f"{100 * script['won_low']:.0f} to {100 * script['won_high']:.0f}"
        lines.append(
            f"| `{script['map']}` | {100 * script['won']:.1f} | {between} | {script['return']:.1f} | "
            f"{script['length']:.0f} | {100 * dice['won']:.1f} | {dice['return']:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(tyro.cli(Flags))
