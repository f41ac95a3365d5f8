"""How near mixers come to payoff tables by training on every joint action, from many starting points.

    python benchmarks/mixers_on_tables.py [MIXERS ...] [--games ...] [--seeds 16] [--updates 6000] [--rate 0.01]

Utilities are numbers of their own, one for each agent and action, so that what is found speaks of the mixer alone. Each
update is one of Adam on the squared error of the whole table; the rate falls to a tenth after 70 % of them. Beside what
was reached stands the squared error of the nearest monotone table, found exactly by quadratic programming.
"""

import dataclasses
import json
import pathlib
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.envs.games.matrix import PAYOFFS, MatrixGame, penalty
from qohort.mixers import QMIX, QPLEX, VDN, AbstractMixer, AbstractMixerConfig, Monotone, QPLEXQatten

RESULTS = pathlib.Path(__file__).parent / "results" / "mixers-on-tables.json"
MIXERS: dict[str, AbstractMixerConfig] = {
    "vdn": VDN(),
    "qmix": QMIX(),
    "monotone": Monotone(),
    "qplex": QPLEX(),
    "qplex-qatten": QPLEXQatten(),
}
NEAREST_MONOTONE = {
    "and": 0.0,
    "or": 0.0,
    "qtran-matrix": 288.0,
    "qplex-matrix-1": 66.79,
    "qplex-matrix-3": 344.0,
    "climbing": 997.4,
    "penalty": 8066.7,
}


@dataclasses.dataclass(frozen=True)
class Flags:
    mixers: Annotated[tuple[str, ...], tyro.conf.Positional] = tuple(MIXERS)
    """Which mixers, with their default settings."""
    games: tuple[str, ...] = tuple(NEAREST_MONOTONE)
    """On which tables."""
    seeds: int = 16
    """Starting points of each."""
    updates: int = 6000
    """Updates from each."""
    rate: float = 0.01
    """Adam's learning rate."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON; mixers that are there already and not trained now are kept."""


class Learned(eqx.Module):
    mixer: AbstractMixer
    utilities: Float[Array, "N A"]


def table_of(learned: Learned, game: MatrixGame) -> Float[Array, " J"]:
    """The value of every joint action, in row-major order."""
    seen = game.observe(game.snapshot(game.reset(jax.random.key(0))))
    joint = jnp.asarray(list(np.ndindex(*game.payoff.shape)))
    agents = jnp.arange(game.spec.n_agents)
    best = jax.lax.stop_gradient(jnp.max(jnp.where(seen.avail, learned.utilities, -jnp.inf), axis=-1))
    return jax.vmap(lambda u: learned.mixer(learned.utilities[agents, u], best, seen, u).q_tot[0])(joint)


def train(config: AbstractMixerConfig, game: MatrixGame, flags: Flags) -> Float[Array, "seeds J"]:
    """The tables that training ends at."""
    payoff = game.payoff.ravel()
    falls = optax.piecewise_constant_schedule(flags.rate, {int(0.7 * flags.updates): 0.1})
    optimiser = optax.adam(falls)

    def one(key: PRNGKeyArray) -> Float[Array, " J"]:
        mixer_key, utility_key = jax.random.split(key)
        shape = (game.spec.n_agents, game.spec.n_actions)
        start: Any = Learned(config.build(game.spec, mixer_key), 0.1 * jax.random.normal(utility_key, shape))

        def loss(learned: Learned) -> Float[Array, ""]:
            return jnp.mean((table_of(learned, game) - payoff) ** 2)

        def update(_: int, state: tuple[Any, Any]) -> tuple[Any, Any]:
            learned, memory = state
            step, memory = optimiser.update(jax.grad(loss)(learned), memory, learned)
            return eqx.apply_updates(learned, step), memory

        learned, _ = jax.lax.fori_loop(0, flags.updates, update, (start, optimiser.init(start)))
        return table_of(learned, game)

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), flags.seeds))


def main(flags: Flags) -> None:
    found = json.loads(flags.out.read_text()) if flags.out.exists() else {}
    for mixer in flags.mixers:
        rows = {}
        for name in flags.games:
            game = penalty() if name == "penalty" else MatrixGame(PAYOFFS[name])
            payoff = np.asarray(game.payoff).ravel()
            tables = np.asarray(train(MIXERS[mixer], game, flags))
            errors = ((tables - payoff) ** 2).sum(axis=1)
            choices, counts = np.unique(payoff[tables.argmax(axis=1)], return_counts=True)
            rows[name] = {
                "nearest_monotone": NEAREST_MONOTONE[name],
                "squared_errors": np.round(np.sort(errors), 4).tolist(),
                "payoff_of_the_best_joint_action": {
                    f"{choice:g}": int(count) for choice, count in zip(choices, counts, strict=True)
                },
            }
            reached = f"least {errors.min():9.2f}  median {np.median(errors):9.2f}"
            print(f"{mixer:13}{name:16}nearest monotone {NEAREST_MONOTONE[name]:8.2f}  {reached}", flush=True)
        settings = {"seeds": flags.seeds, "updates": flags.updates, "rate": flags.rate, "config": repr(MIXERS[mixer])}
        found[mixer] = {**settings, "tables": rows}
        flags.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
