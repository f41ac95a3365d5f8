"""Every algorithm plays and learns in every kind of world.

What is always run is a sum: a diagonal through the kinds of learners and the kinds of worlds, and the other games with
the learner that compiles fastest. The product is slow.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs import AbstractEnv, make, names
from qohort.envs.battle import Battle, Group, Hold, Kind, Scenario, battle
from qohort.envs.games.tabular import TabularGame
from qohort.errors import QohortError
from qohort.mixers import VDN, Independent
from qohort.networks.feedforward import FeedForward
from qohort.training.programs import Programs, functions_of
from tests.algorithms.cases import CASES, CHUNK, KINDS, VARIANTS, finite
from tests.worlds import Clock


def individual_game() -> TabularGame:
    """Two states, two agents; each is paid for its own action."""
    own = np.indices((2, 2, 2))[1:].astype(float)
    return TabularGame(np.full((2, 2, 2, 2), 0.5), own, limit=5)


def duel() -> Battle:
    """Two Marines against one, until the twelfth step."""
    sides = [Group(kind=Kind.MARINE, count=count, at=at) for count, at in ((2, (12.0, 16.0)), (1, (16.0, 16.0)))]
    scenario = Scenario(
        name="duel", limit=12, terrain="band", allies=tuple(sides[:1]), enemies=tuple(sides[1:]), plan=Hold()
    )
    return battle(scenario=scenario)


WORLDS: dict[str, Callable[[], AbstractEnv]] = {"individual": individual_game, "clock": Clock, "duel": duel}
"""Rewards of each agent's own; a time limit; a battle."""

KINDS_OF_WORLDS = [
    *("games/two-step", "games/relay", "games/gaussian-squeeze", *WORLDS, "traffic/easy", "particles/rover-tower"),
    *("pursuit/qtran-prey?limit=12", "pursuit/stag-hunt?limit=12", "foraging/8x8-2p-2f-coop?limit=12"),
    *("particles/treasure?limit=12", "rooms/pass?limit=12"),
]
"""Where episodes are long they are cut, so that some end while a test plays."""

LEARNERS = list(KINDS.values())

DIAGONAL = [
    (LEARNERS[i % len(LEARNERS)], KINDS_OF_WORLDS[i % len(KINDS_OF_WORLDS)])
    for i in range(max(len(LEARNERS), len(KINDS_OF_WORLDS)))
]
"""Every kind of learner, and every kind of world, at least once."""

OTHER_GAMES = [name for name in names() if name.startswith("games/") and name not in KINDS_OF_WORLDS]


@pytest.mark.parametrize("world", [*OTHER_GAMES, "individual"])
def test_every_game(world: str):
    """Where each agent is paid for itself, each learns for itself."""
    mixer = Independent() if world == "individual" else VDN()
    plays_and_learns(dataclasses.replace(CASES["vdn"], mixer=mixer, team=FeedForward(hidden=8)), made(world))


@pytest.mark.parametrize(("name", "world"), DIAGONAL)
def test_every_kind_of_learner_somewhere(name: str, world: str):
    plays_and_learns(CASES[name], made(world))


@pytest.mark.slow
@pytest.mark.parametrize("world", KINDS_OF_WORLDS)
@pytest.mark.parametrize("name", CASES | VARIANTS)
def test_every_algorithm_on_every_kind_of_world(name: str, world: str):
    algorithm, env = (CASES | VARIANTS)[name], made(world)
    needs_labels = getattr(algorithm.team, "sharing", "all") == "groups"
    if needs_labels and not env.spec.groups:
        with pytest.raises(QohortError, match="names no `groups`"):
            plays_and_learns(algorithm, env)
    else:
        plays_and_learns(algorithm, env)


def made(world: str) -> AbstractEnv:
    return WORLDS.get(world, lambda: make(world))()


def plays_and_learns(algorithm: AbstractAlgorithm, env: AbstractEnv) -> None:
    """A few chunks: play and learning are finite, and one program does it."""
    settings: Any = algorithm
    try:
        settings.check(env.spec)
    except QohortError:  # agents are paid one by one, and one value is learnt
        settings = dataclasses.replace(settings, reward_reduction="sum")
        settings.check(env.spec)
    functions_of.cache_clear()
    programs = Programs(settings, env, chunk=CHUNK // 2, together=False)
    state = programs.begin([0])
    updates = episodes = 0
    for _ in range(6):
        state, report = programs.chunk(state, exploration=0.5, learning_rate=1e-3)
        assert finite((state.learner, report.learnt))
        assert {name: int(count) for name, count in report.played.faults.items()} == {"reward": 0, "avail": 0}
        updates += int(report.updates)
        episodes += int(report.played.episodes)
    scores = programs.evaluate(state.learner.params.team, [jax.random.key(1)], episodes=4)
    assert set(scores) == {"return", "length", *env.spec.metrics}
    assert finite(scores)
    assert float(scores["length"].max()) <= env.spec.limit
    assert updates > 0
    assert episodes > 0
    assert dict(programs.traces) == {"begin": 1, "chunk": 1, "evaluate": 1}
