"""QTRAN's predator-prey with numbers of its own for every state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.prey_optimum import MOVES, Rules
from benchmarks.prey_tables import METHODS, Flags, greedy_of, learned, summed
from qohort.envs.grids.qtran_prey import STAY, QtranPrey

SMALL = QtranPrey(size=3)
UTILITIES = jnp.array([[[0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 5.0, 0.0, 0.0]]])


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules(SMALL)


def test_the_best_moves_are_worth_what_value_iteration_says(rules: Rules) -> None:
    best = rules.looked_ahead(np.zeros(len(rules.states)), 1.5).argmax(axis=1)
    assert rules.worth(best, 1.5, steps=1) == pytest.approx(rules.values(1.5, steps=1, best=True).mean())
    # Who stays twice is worth what a look ahead at having stayed once says.
    still = np.full(len(rules.states), STAY * MOVES + STAY)
    stay_once = rules.looked_ahead(np.zeros(len(rules.states)), 1.5)[:, still[0]]
    twice = rules.looked_ahead(stay_once, 1.5)[:, still[0]].mean()
    assert rules.worth(still, 1.5, steps=2) == pytest.approx(twice)
    assert twice < stay_once.mean() < 0


@pytest.mark.parametrize("name", METHODS)
def test_every_form_is_greedy_where_its_utilities_are(name: str) -> None:
    method = METHODS[name]
    joint = method.mix(method.start(jax.random.key(0), 1), UTILITIES)
    value, moves = greedy_of(method, UTILITIES, method.start(jax.random.key(0), 1))
    assert moves.tolist() == [4 * MOVES + 2]
    assert value[0] == joint.max()


def test_importance_counts_advantages() -> None:
    # λ of the first predator is e where both take action 0: 0 + 0 + (e − 1)(0 − 4); of the second 1, so 0 more.
    log_importance = jnp.zeros((1, 2, MOVES, MOVES)).at[0, 0, 0, 0].set(1.0)
    joint = METHODS["QPLEX"].mix(log_importance, UTILITIES)
    assert joint[0, 0, 0] == pytest.approx(-4 * (np.e - 1))
    assert jnp.array_equal(joint.at[0, 0, 0].set(0), summed(UTILITIES))


def test_qplex_hunts_where_vdn_stays_away(rules: Rules) -> None:
    flags = Flags(rounds=12, judge_every=12)
    hunters = learned(METHODS["QPLEX, λ five times as fast"], rules, flags, seed=0, steps=SMALL.spec.limit)[0][-1]
    others = learned(METHODS["VDN"], rules, flags, seed=0, steps=SMALL.spec.limit)[0][-1]
    best = rules.values(1.5, steps=SMALL.spec.limit, best=True).mean()
    assert hunters > 0.8 * best
    assert others < 0.5 * hunters
