"""What the methods with a critic beside the agents learn of the QTRAN matrix from every joint action alike.

Sums and QMIX end at a worthless action there (see `test_matrix_truth.py`); these find the one worth 8.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort import QMIX, FeedForward, Optimiser
from qohort.algorithms.q_learning import AbstractQLearning
from qohort.algorithms.qtran import QTRAN
from qohort.algorithms.weighted_qmix import WeightedQMIX
from qohort.envs.games.matrix import PAYOFFS, MatrixGame
from qohort.mixers import Central
from tests.learning.tables import enumerated

PAYOFF = np.asarray(PAYOFFS["qtran-matrix"], float)
BEST = 0  # both agents' first action, in row-major order
SMALL: dict[str, Any] = {
    "team": FeedForward(hidden=32, sharing="none"),
    "optimiser": Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8),
}
RATES = {"qtran": ((3000, 3e-4), (500, 3e-5)), "qmix": ((2000, 1e-3), (500, 1e-4))}
"""Updates and their learning rates, by kind of method. With 1e-3 some of QTRAN's critics end as a sum."""
METHODS: dict[str, AbstractQLearning] = {
    "qtran": QTRAN(**SMALL),
    "qtran-alt": QTRAN(variant="alt", **SMALL),
    "ow-qmix": WeightedQMIX(mixer=QMIX(embed=8, hypernet_hidden=16), central=Central(embed=32), **SMALL),
    "cw-qmix": WeightedQMIX(
        mixer=QMIX(embed=8, hypernet_hidden=16), central=Central(embed=32), weighting="cw", **SMALL
    ),
}
SLOW = pytest.mark.slow
SEEDS = [3, pytest.param(20, marks=SLOW)]


@functools.cache
def learned(name: str, seeds: int) -> dict[str, np.ndarray]:
    """What the loss is made of after training, for every seed and every joint action."""
    algorithm, game = METHODS[name], MatrixGame(PAYOFF)
    window = enumerated(game, PAYOFF)

    @jax.jit
    @jax.vmap
    def train(key: jax.Array) -> dict[str, jax.Array]:
        learner = algorithm.init(game.spec, key)
        for count, rate in RATES["qtran" if isinstance(algorithm, QTRAN) else "qmix"]:
            learner = type(learner)(
                learner.params, learner.target, learner.opt_state, jnp.asarray(rate), learner.updates
            )
            learner = jax.lax.fori_loop(0, count, lambda _, old: algorithm.update(old, window, key)[0], learner)
        looked = algorithm.loss(learner.params, learner.target, window)[1]
        return {entry: value.reshape(-1) for entry, value in looked.items()}

    return {entry: np.asarray(value) for entry, value in train(jax.random.split(jax.random.key(0), seeds)).items()}


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", ["qtran", "qtran-alt"])
def test_qtran_finds_the_optimum_with_gaps_as_its_theorem_wants_them(name: str, seeds: int):
    """Q is the payoff, û is worth 8, D(û) = 0 and D ≥ 0 everywhere."""
    looked = learned(name, seeds)
    np.testing.assert_allclose(looked["q_joint"], np.tile(PAYOFF.ravel(), (seeds, 1)), atol=0.1)
    np.testing.assert_allclose(looked["q_joint_best"], 8.0, atol=0.1)
    assert (looked["q_sum"].argmax(axis=1) == BEST).all()
    np.testing.assert_allclose(looked["gap"][:, BEST], 0.0, atol=0.1)
    assert looked["gap"].min() >= -0.1


@pytest.mark.parametrize("seeds", SEEDS)
def test_qtran_alt_draws_every_agents_least_gap_to_zero(seeds: int):
    """Whatever the other does, some action of each has D = 0. QTRAN-base, of which nothing asks that, lets some be."""
    gaps = learned("qtran-alt", seeds)["gap"].reshape(seeds, 3, 3)
    for axis in (1, 2):
        np.testing.assert_allclose(gaps.min(axis=axis), 0.0, atol=0.1)
    assert learned("qtran", seeds)["gap"].reshape(seeds, 3, 3).min(axis=1).max() > 1.0


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("name", "rest"), [("ow-qmix", -12 / 11), pytest.param("cw-qmix", -6.0, marks=SLOW)])
def test_weighted_qmix_finds_what_qmix_misses(name: str, rest: float, seeds: int):
    """The unrestricted value is the payoff; the monotone one is 8 where that is, and one number elsewhere.

    Of the eight other cells four are −12 and four are 0. With all weights α = 0.1 (CW) it is their mean, −6; with
    weight 1 where it is too low (OW), the x that makes 0.1 (x + 12)² + x² least.
    """
    looked = learned(name, seeds)
    np.testing.assert_allclose(looked["q_central"], np.tile(PAYOFF.ravel(), (seeds, 1)), atol=0.1)
    np.testing.assert_allclose(looked["q_tot"], np.tile([8.0] + [rest] * 8, (seeds, 1)), atol=0.1)
