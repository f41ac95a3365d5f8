"""A continuous bandit of two agents: what a mixer's greedy joint action loses, near the maximiser and everywhere.

The payoff has a narrow high hill and a broad lower one. Near the top of the high one, where the theorem speaks, it is a
smooth function with a maximum; over the whole range it misleads whoever averages over what the others do.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from qohort.envs.games.matrix import MatrixGame
from qohort.lab.descent import Descent, Told, silent
from qohort.lab.training import MIXERS, begin, train
from qohort.mixers import QPLEX, Importance

TOP, OTHER = np.array([0.6, 0.6]), np.array([-0.4, -0.4])
HEIGHTS, WIDTHS = (10.0, 8.0), (0.15, 0.5)

RANGES: dict[str, tuple[float, float]] = {"near the maximiser": (0.5, 0.7), "everywhere": (-1.0, 1.0)}
"""Between which actions the agents choose; the tops are on both grids."""

NAMES = ("vdn", "qatten", "qmix", "qplex")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Regrets:
    """What the greedy joint actions of trained mixers lose against exhaustive search, seed by seed."""

    optimum: float
    regrets: dict[str, Float[np.ndarray, " seeds"]]


def payoff(actions: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch"]:
    """What the team gets."""
    hills = [
        height * np.exp(-((actions - place) ** 2).sum(axis=-1) / (2 * width**2))
        for place, height, width in zip((TOP, OTHER), HEIGHTS, WIDTHS, strict=True)
    ]
    return np.asarray(hills[0] + hills[1])


def table(between: tuple[float, float], actions: int = 11) -> Float[np.ndarray, "A A"]:
    """The payoffs of a grid of actions."""
    grid = np.linspace(*between, actions)
    return payoff(np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1))


def regrets(between: tuple[float, float], how: Descent, told: Told = silent) -> Regrets:
    """Train mixers with utilities of their own on all joint actions of a grid."""
    values, found = table(between), {}
    for place, name in enumerate(NAMES):
        # ten kernels of 64 units would take as long as all the rest together
        config = QPLEX(importance=Importance(hidden=16)) if name == "qplex" else MIXERS[name].config
        how = dataclasses.replace(how, rate=MIXERS[name].rate)
        _, reached = train(begin(config, MatrixGame(values), how), values, how)
        chosen = values.ravel()[reached.tables.reshape(how.seeds, -1).argmax(axis=1)]
        found[name] = values.max() - chosen
        told((place + 1) / len(NAMES))
    return Regrets(optimum=float(values.max()), regrets=found)
