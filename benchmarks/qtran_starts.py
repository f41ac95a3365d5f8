"""From how many starting points QTRAN's critic learns the QTRAN matrix, by learning rate and width of the agents.

    python -m benchmarks.qtran_starts [--seeds 20]

Every joint action counts the same, as in `tests/learning/test_critic_truth.py`. Where the critic does not learn the
table it tells how far off it is, and how far from the nearest sum.
"""

import dataclasses
import json
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Float

from qohort import FeedForward, Optimiser
from qohort.algorithms.qtran import QTRAN
from qohort.envs.games.matrix import PAYOFFS, MatrixGame
from tests.learning.tables import enumerated

RESULTS = pathlib.Path(__file__).parent / "results" / "qtran-starts.json"
PAYOFF = np.asarray(PAYOFFS["qtran-matrix"], float)
NEAREST_SUM = PAYOFF.mean(1, keepdims=True) + PAYOFF.mean(0) - PAYOFF.mean()
UPDATES = 3000, 500
"""At a rate, and then at a tenth of it."""
NEAR = 0.1
"""How far off an entry may be."""


@dataclasses.dataclass(frozen=True)
class Flags:
    seeds: int = 20
    """Starting points."""
    rates: tuple[float, ...] = (1e-3, 3e-4)
    """Adam's learning rates."""
    hidden: tuple[int, ...] = (32, 64)
    """Units of the agents."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write a row for each setting."""
    rows = []
    variants: tuple[Literal["base", "alt"], ...] = ("base", "alt")
    for variant in variants:
        for hidden in flags.hidden:
            for rate in flags.rates:
                tables = learned(variant, hidden, rate, flags.seeds)
                errors = off(tables, PAYOFF)
                row = {"variant": variant, "hidden": hidden, "rate": rate, "learned": int((errors < NEAR).sum())}
                rows.append(
                    row | {"greatest_error": errors.tolist(), "from_the_nearest_sum": off(tables, NEAREST_SUM).tolist()}
                )
                print(row, flush=True)
                told = {"seeds": flags.seeds, "updates": UPDATES, "rows": rows}
                flags.out.write_text(json.dumps(told, indent=1) + "\n")
    print(flags.out)


def learned(variant: Literal["base", "alt"], hidden: int, rate: float, seeds: int) -> Float[np.ndarray, "seeds J"]:
    """The critic's values of every joint action, for every starting point."""
    game = MatrixGame(PAYOFF)
    window = enumerated(game, PAYOFF)
    algorithm = QTRAN(
        variant=variant,
        team=FeedForward(hidden=hidden, sharing="none"),
        optimiser=Optimiser(kind="adam", learning_rate=rate, eps=1e-8),
    )

    @jax.jit
    @jax.vmap
    def train(key: jax.Array) -> jax.Array:
        learner = algorithm.init(game.spec, key)
        for count, now in zip(UPDATES, (rate, rate / 10), strict=True):
            learner = dataclasses.replace(learner, learning_rate=jnp.asarray(now))
            learner = jax.lax.fori_loop(0, count, lambda _, old: algorithm.update(old, window, key)[0], learner)
        return algorithm.loss(learner.params, learner.target, window)[1]["q_joint"].reshape(-1)

    return np.asarray(train(jax.random.split(jax.random.key(0), seeds)))


def off(tables: Float[np.ndarray, "seeds J"], truth: Float[np.ndarray, "M K"]) -> Float[np.ndarray, " seeds"]:
    """The greatest difference of an entry."""
    return np.abs(tables - truth.ravel()).max(1)


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
