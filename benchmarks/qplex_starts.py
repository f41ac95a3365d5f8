"""From how many starting points QPLEX reproduces QTRAN's matrix, one thing varied at a time.

    python benchmarks/qplex_starts.py [--seeds 20]

Every joint action counts the same, as under full exploration; the starting points, the optimiser and the steps at each
learning rate are those of `tests/learning/test_matrix_truth.py`. Beside the tables that are reproduced it tells what
became of the weights w of the utilities and of λ.
"""

import dataclasses
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float

from qohort import QPLEX, FeedForward, Importance, Optimiser, Qatten, QPLEXQatten, ValueDecomposition
from qohort.algorithms.value_decomposition import Params
from qohort.envs.games.matrix import PAYOFFS, MatrixGame
from qohort.mixers import AbstractMixerConfig, MixerOutput
from qohort.networks.base import View

RESULTS = pathlib.Path(__file__).parent / "results" / "qplex-starts.json"
PAYOFF = np.asarray(PAYOFFS["qtran-matrix"], float)
RATES = ((3000, 3e-3), (2000, 3e-4))
NEAR = 0.3
"""How far off an entry may be."""

LARGE = FeedForward(hidden=32, sharing="none")
SMALL = FeedForward(hidden=4, layers=1, sharing="none")
ON_QATTEN = QPLEXQatten(
    attention=Qatten(heads=2, embed=8, hypernet_hidden=16, regulariser=0.001), importance=Importance()
)
SETTINGS: dict[str, tuple[AbstractMixerConfig, FeedForward]] = {
    "no transformation, small agents": (QPLEX(transformation=False), SMALL),
    "on Qatten, small agents": (ON_QATTEN, SMALL),
    "transformation, small agents": (QPLEX(), SMALL),
    "transformation, large agents": (QPLEX(), LARGE),
    "no transformation, large agents": (QPLEX(transformation=False), LARGE),
    "on Qatten, large agents": (ON_QATTEN, LARGE),
}


@dataclasses.dataclass(frozen=True)
class Flags:
    seeds: int = 20
    """Starting points: 0, 1, 2 and so on."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write a row for each setting."""
    rows = []
    for name, (mixer, team) in SETTINGS.items():
        tables, weights, importance = trained(mixer, team, flags.seeds)
        errors = np.abs(tables - PAYOFF.ravel()).max(1)
        chosen, times = np.unique(PAYOFF.ravel()[tables.argmax(1)], return_counts=True)
        rows.append(
            {
                "setting": name,
                "reproduced": int((errors < NEAR).sum()),
                "chosen": dict(zip(map(str, chosen.tolist()), times.tolist(), strict=True)),
                "greatest_error": errors.tolist(),
                "least_weight": weights.min(1).tolist(),
                "greatest_importance": importance.max(1).tolist(),
            }
        )
        print(name, rows[-1]["reproduced"], rows[-1]["chosen"], flush=True)
        flags.out.write_text(json.dumps({"seeds": flags.seeds, "rates": RATES, "rows": rows}, indent=1) + "\n")
    print(flags.out)


def trained(
    mixer: AbstractMixerConfig, team: FeedForward, seeds: int
) -> tuple[Float[np.ndarray, "seeds J"], Float[np.ndarray, "seeds N"], Float[np.ndarray, "seeds JN"]]:
    """The tables that are found, the weights w, and λ of every joint action."""
    game = MatrixGame(PAYOFF)
    algorithm = ValueDecomposition(
        mixer=mixer, team=team, optimiser=Optimiser(kind="adam", learning_rate=RATES[0][1], eps=1e-8)
    )
    payoff = jnp.asarray(PAYOFF.ravel(), jnp.float32)

    def loss(params: Params) -> Float[Array, ""]:
        mixed = every_action(params, game)
        return jnp.mean((mixed.q_tot[:, 0] - payoff) ** 2) + jnp.mean(mixed.regulariser)

    def update(params: Params, memory: Any, rate: Array) -> tuple[Params, Any]:
        gradient = jax.grad(loss)(params)
        params, memory, _ = algorithm.optimiser.step(params, gradient, opt_state=memory, learning_rate=rate)
        return params, memory

    @jax.jit
    def updates(state: tuple[Params, Any], count: Array, rate: Array) -> tuple[Params, Any]:
        every: Any = jax.vmap(update, in_axes=(0, 0, None))
        return jax.lax.fori_loop(0, count, lambda _, state: every(state[0], state[1], rate), state)

    params = jax.vmap(lambda seed: algorithm.draw(game.spec, jax.random.key(seed)))(jnp.arange(seeds))
    state = params, jax.vmap(algorithm.optimiser.init)(params)
    for count, rate in RATES:
        state = updates(state, jnp.asarray(count), jnp.asarray(rate))
    mixed = jax.jit(jax.vmap(lambda params: every_action(params, game)))(state[0])
    importance = np.asarray(mixed.aux["importance"]).reshape(seeds, -1)
    return np.asarray(mixed.q_tot[..., 0]), np.asarray(mixed.aux["weights"][:, 0]), importance


def every_action(params: Params, game: MatrixGame) -> MixerOutput:
    """The mixer's output for every joint action, in row-major order."""
    seen = game.observe(game.snapshot(game.reset(jax.random.key(0))))
    row = jax.tree.map(lambda leaf: leaf[None, None], seen)
    agents = jnp.arange(game.spec.n_agents)
    view = View(obs=row.obs, avail=row.avail, alive=row.alive, last_action=jnp.full((1, 1, len(agents)), -1))
    utilities = params.team(params.team.initial(1), view, jnp.ones((1, 1), bool))[0].values[0, 0]
    joint = jnp.asarray(np.stack(np.unravel_index(np.arange(PAYOFF.size), PAYOFF.shape), axis=1), jnp.int32)
    best = jax.lax.stop_gradient(utilities.max(axis=1))
    return jax.vmap(lambda u: params.mixer(utilities[agents, u], best, seen, u))(joint)


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
