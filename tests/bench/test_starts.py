"""Which of SMACv2's starts a battle has, and what is noted of its beginning."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, Int, PRNGKeyArray

from benchmarks.starts import EARLY, Noted, row, surrounded
from qohort.envs.battle import battle, catalogue
from qohort.spec import Outcome
from tests.worlds import Clock, ClockState


class Places(NamedTuple):
    x: Float[Array, " n"]
    y: Float[Array, " n"]


class Deaths(Clock):
    """After step t, t enemies and 2 t allies are dead."""

    def __init__(self) -> None:
        super().__init__(limit=30)
        self.spec = dataclasses.replace(self.spec, metrics=("dead_enemies", "dead_allies"))

    def step(self, key: PRNGKeyArray, state: ClockState, actions: Int[Array, " N"]) -> tuple[ClockState, Outcome]:
        state, outcome = super().step(key, state, actions)
        dead = {"dead_enemies": 1.0 * state.time, "dead_allies": 2.0 * state.time}
        return state, eqx.tree_at(lambda told: told.metrics, outcome, dead)

    def snapshot(self, state: ClockState) -> Any:
        return Places(jnp.full(2, 16.0), jnp.full(2, 17.0))


@pytest.mark.parametrize("name", ["zerg_5_vs_5", "protoss_20_vs_20"])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_starts_are_told_apart(name: str, share: float):
    scenario = catalogue.named(name)
    assert scenario.teams is not None
    env = battle(
        scenario=dataclasses.replace(scenario, teams=dataclasses.replace(scenario.teams, surrounded=share)),
    )
    width, height = env.terrain.walkable.shape
    states = jax.vmap(env.reset)(jax.random.split(jax.random.key(0), 64))
    found = jax.vmap(lambda state: surrounded(env.snapshot(state), env.spec.n_agents, (width / 2, height / 2)))(states)
    assert float(found.mean()) == share


def test_who_is_dead_early_is_who_is_dead_after_ten_steps():
    env = Noted(Deaths(), middle=(16.0, 16.0))
    state = env.reset(jax.random.key(0))
    told = []
    for _ in range(EARLY + 3):
        state, outcome = env.step(jax.random.key(1), state, jnp.zeros(2, jnp.int32))
        told.append(outcome.metrics)
    assert [int(now["killed_early"]) for now in told] == [*range(1, EARLY + 1), EARLY, EARLY, EARLY]
    assert told[-1]["lost_early"] == 2 * EARLY
    assert told[-1]["dead_enemies"] == EARLY + 3
    assert all(now["surrounded"] == 1 for now in told)


def test_a_row_counts_the_battles_of_its_kind():
    played = {"won": np.array([1.0, 0, 0, 1]), "killed_early": np.arange(4.0), "lost_early": np.zeros(4)}
    assert row(np.array([True, True, False, False]), played) == {
        "battles": 2,
        "won": 50.0,
        "interval": [9.5, 90.5],
        "killed_early": 0.5,
        "lost_early": 0.0,
    }
