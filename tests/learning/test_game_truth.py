"""What is learned by playing: the two-step game, and random Markov games whose optimal values are known."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort import (
    QMIX,
    VDN,
    FeedForward,
    Fresh,
    LinearSchedule,
    Optimiser,
    Qatten,
    Replayed,
    ReplayFree,
    ValueDecomposition,
    make,
)
from qohort.algorithms.registry import preset
from qohort.envs.games.random_games import (
    KnownGame,
    random_additive_game,
    random_misleading_game,
    random_monotone_supermodular_game,
)
from qohort.envs.games.solve import solve
from qohort.envs.games.tabular import TabularGame
from qohort.mixers.base import AbstractMixerConfig
from qohort.training.chunk import Rates, TrainState, first_state, run_chunk
from tests.learning.tables import joint_values

CHUNK = 50


@dataclasses.dataclass(frozen=True)
class Programs:
    begin: Callable[..., TrainState]
    chunk: Callable[..., TrainState]


@functools.cache
def programs(algorithm: ValueDecomposition | ReplayFree) -> Programs:
    """Compiled once for all games of one shape: the world is an argument."""
    return Programs(
        jax.jit(lambda env, key: first_state(algorithm, env, key)),
        jax.jit(lambda env, state, rates: run_chunk(algorithm, env, state, rates=rates, steps=CHUNK)[0]),
    )


def play(algorithm: ValueDecomposition | ReplayFree, env: TabularGame, *, seed: int, chunks: int) -> TrainState:
    """Train under full exploration; the learning rate falls to nothing."""
    compiled = programs(algorithm)
    state = compiled.begin(env, jax.random.key(seed))
    rate = algorithm.optimiser.learning_rate
    for index in range(chunks):
        rates = Rates(exploration=jnp.asarray(1.0), learning_rate=jnp.asarray(rate * (1 - index / chunks)))
        state = compiled.chunk(env, state, rates)
    return state


def learned(state: TrainState, env: TabularGame, where: int, counts: tuple[int, ...]) -> np.ndarray:
    return joint_values(state.learner.params, env.observe(jnp.int32(where)), counts)


def two_step(name: str, seed: int) -> list[np.ndarray]:
    """The learned joint values of the three states, by the QMIX paper's settings."""
    env: Any = make("games/two-step")
    algorithm: Any = preset(name, "games/two-step").algorithm
    state = play(algorithm, env, seed=seed, chunks=400)
    return [learned(state, env, where, (2, 2)) for where in range(3)]


@pytest.mark.parametrize("seed", [0, 1])
def test_qmix_solves_the_two_step_game(seed: int):
    """With γ = 0.99: 6.93 for the safe branch, 7.92 for the other; then all 7, or 0 1 1 8."""
    first, safe, risky = two_step("qmix", seed)
    np.testing.assert_allclose(first, [[6.93, 6.93], [7.92, 7.92]], atol=0.1)
    np.testing.assert_allclose(safe, 7.0, atol=0.1)
    np.testing.assert_allclose(risky, [[0, 1], [1, 8]], atol=0.1)


@pytest.mark.parametrize("name", ["vdn", "qatten"])
def test_additive_mixers_pick_the_safe_branch_of_the_two_step_game(name: str):
    """The best sum for 0 1 1 8 is −1.5 2.5 2.5 6.5: the branch worth 8 looks worse than the one worth 7."""
    first, safe, risky = two_step(name, 0)
    assert first[0].max() > first[1].max() + 0.2
    np.testing.assert_allclose(safe, 7.0, atol=0.15)
    np.testing.assert_allclose(risky, [[-1.5, 2.5], [2.5, 6.5]], atol=0.35)


@functools.cache
def tabular(mixer: AbstractMixerConfig) -> ValueDecomposition:
    return ValueDecomposition(
        mixer=mixer,
        team=FeedForward(hidden=64, last_action=False, agent_id=False, sharing="none"),
        feed=Replayed(sampler="windows", batch=32, length=16, episodes=2000, frames=40_000),
        environments=16,
        gamma=0.9,
        update_every=100,
        update_unit="steps",
        optimiser=Optimiser(kind="adam", learning_rate=3e-3, eps=1e-8),
        epsilon=LinearSchedule(start=1.0, end=1.0, steps=0),
        target_interval=50,
        bootstrap_time_limit=True,
    )


@functools.cache
def replay_free(mixer: AbstractMixerConfig) -> ReplayFree:
    """With full exploration, returns must stop in front of actions that are not greedy."""
    return ReplayFree(
        mixer=mixer,
        team=FeedForward(hidden=64, last_action=False, agent_id=False, sharing="none", norm=True),
        feed=Fresh(length=CHUNK, epochs=4, minibatches=4),
        environments=16,
        gamma=0.9,
        optimiser=Optimiser(kind="adam", learning_rate=3e-3, eps=1e-8),
        estimator="watkins",
        bootstrap_time_limit=True,
    )


def greedy_choices(algorithm: ValueDecomposition | ReplayFree, known: KnownGame, seed: int) -> np.ndarray:
    """The learned best joint action of every state that is not terminal, by agent."""
    env, counts = known.game, known.q.shape[1:]
    state = play(algorithm, env, seed=seed, chunks=60)
    tables = [learned(state, env, where, counts) for where in range(len(known.q) - 1)]
    return np.array([np.unravel_index(int(table.argmax()), counts) for table in tables])


SMALL_QATTEN = Qatten(heads=2, embed=8, hypernet_hidden=16)
SMALL_QMIX = QMIX(embed=8, hypernet_hidden=16)


@pytest.mark.parametrize(
    ("mixer", "draw"),
    [
        (VDN(), random_additive_game),
        (SMALL_QATTEN, random_additive_game),
        (SMALL_QMIX, random_monotone_supermodular_game),
    ],
    ids=["vdn", "qatten", "qmix"],
)
def test_greedy_policies_equal_the_solvers_in_twenty_games(
    mixer: AbstractMixerConfig, draw: Callable[[int], KnownGame]
):
    wrong = []
    for seed in range(20):
        known = draw(seed)
        solution = solve(known.game, known.gamma)
        kind = solution.additive if draw is random_additive_game else solution.supermodular
        assert kind.all()
        if not np.array_equal(greedy_choices(tabular(mixer), known, seed), solution.policy[:-1]):
            wrong.append(seed)
    assert wrong == []


def test_replay_free_policies_equal_the_solvers_in_five_games():
    """Without a target network too."""
    for seed in range(5):
        known = random_additive_game(seed)
        best = solve(known.game, known.gamma).policy[:-1]
        np.testing.assert_array_equal(greedy_choices(replay_free(VDN()), known, seed), best)


def test_vdn_misses_twenty_games_whose_additive_projection_misleads():
    """The control: where the projection's best joint action is another one, a sum must choose it."""
    for seed in range(20):
        known = random_misleading_game(seed)
        best = solve(known.game, known.gamma).policy[:-1]
        assert not np.array_equal(greedy_choices(tabular(VDN()), known, seed), best), seed
