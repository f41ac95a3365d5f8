"""Presets learn what they are for."""

from typing import Any

import jax
import pytest

from qohort import make
from qohort.algorithms.registry import METHODS, preset
from qohort.training.evaluation import evaluation_key
from qohort.training.programs import Programs, functions_of

TRIED = ("qatten", "pqn-vdn")
"""The methods whose fast preset is tried every time; those of the others are slow."""


def scores(name: str, world: str, which: str | None, steps: int) -> tuple[Programs, dict[str, float]]:
    """Train for so many environment steps and play 64 greedy episodes."""
    settings = preset(name, world, which)
    algorithm: Any = settings.algorithm
    chunk = settings.run.get("chunk", 50)
    functions_of.cache_clear()
    programs = Programs(algorithm, make(world), chunk=chunk, together=False)
    state = programs.begin([0])
    for step in range(0, steps, chunk * algorithm.environments):
        state, _ = programs.chunk(
            state, exploration=algorithm.exploration().at(step), learning_rate=algorithm.learning_rate().at(step)
        )
    played = programs.evaluate(state.learner.params.team, [evaluation_key(0, 0)], episodes=64)
    return programs, {metric: float(value.mean()) for metric, value in played.items()}


@pytest.mark.parametrize("name", TRIED)
def test_the_fast_preset_wins_the_relay(name: str):
    programs, played = scores(name, "games/relay", "fast", 16_000)
    assert played["won"] >= 0.9
    assert programs.traces == {"begin": 1, "chunk": 1, "evaluate": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if "fast" in method.presets and name not in TRIED]
)
def test_the_fast_preset_wins_the_relay_with_every_method(name: str):
    assert scores(name, "games/relay", "fast", 24_000)[1]["won"] >= 0.9


@pytest.mark.slow
def test_the_fast_preset_wins_three_marines():
    """After two fifths of its steps: seeds 20 to 24 won 80 to 100 % of 128 battles then (results/battle-v3/3m-fast)."""
    assert scores("qatten", "battle/3m", "fast", 64_000)[1]["won"] >= 0.75


@pytest.mark.slow
@pytest.mark.parametrize("which", ["paper", "pymarl2"])
def test_published_presets_win_the_relay(which: str):
    """Their exploration lasts 50,000 and 100,000 steps; the team is good before."""
    steps = {"paper": 60_000, "pymarl2": 100_000}[which]
    assert scores("qatten", "games/relay", which, steps)[1]["won"] >= 0.9


def test_the_paper_preset_is_the_pymarl_protocol():
    """The numbers of PyMARL's default.yaml, typed here once more."""
    algorithm: Any = preset("qmix", "anything", "paper").algorithm
    assert (algorithm.optimiser.kind, algorithm.optimiser.learning_rate, algorithm.optimiser.eps) == (
        "rmsprop",
        5e-4,
        1e-5,
    )
    assert (algorithm.feed.sampler, algorithm.feed.batch, algorithm.feed.episodes) == ("episodes", 32, 5000)
    assert (algorithm.environments, algorithm.update_every, algorithm.update_unit) == (1, 1, "episodes")
    assert (algorithm.target_interval, algorithm.gamma, algorithm.optimiser.clip) == (200, 0.99, 10.0)
    assert [algorithm.exploration().at(step) for step in (0, 50_000, 10**6)] == [1.0, 0.05, 0.05]
    assert not algorithm.bootstrap_time_limit
    assert algorithm.double_q
    assert (algorithm.team.hidden, algorithm.team.last_action, algorithm.team.agent_id) == (64, True, True)
    assert (algorithm.mixer.embed, algorithm.mixer.hypernet_layers, algorithm.mixer.hypernet_hidden) == (32, 2, 64)


def test_qattens_published_settings():
    mixer: Any = preset("qatten", "anything", "paper").algorithm
    assert (mixer.mixer.heads, mixer.mixer.embed, mixer.mixer.hypernet_hidden) == (4, 32, 64)
    assert (mixer.mixer.regulariser, mixer.mixer.state_bias) == (0.01, True)
    assert (mixer.mixer.weighted_head, mixer.mixer.nonlinear) == (False, False)
    assert jax.tree.leaves(mixer) == [mixer]  # settings are static: nothing in them is traced
