"""An episode to watch is one of those that evaluation counts, and its caption says what happens."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.games import Relay
from qohort.envs.games.relay import RelayState
from qohort.errors import QohortError
from qohort.report.episode import Episode, figures, watch
from qohort.report.joint import Joint
from qohort.training.load import evaluate, load
from tests.report.conftest import SHORT

WAIT, LEFT, AHEAD, RIGHT = range(4)


@pytest.mark.parametrize(("seed", "which", "number"), [(0, "best", 0), (1, "last", 3)])
def test_it_is_the_episode_that_evaluation_counts(finished, seed, which, number):
    episode = watch(finished, seed=seed, which=which, number=number, env=SHORT)
    team = load(finished, seed=seed, which=which, env=SHORT)
    counted = evaluate(team, SHORT, episodes=5, seed=seed)
    for name, value in figures(episode).items():
        assert value == counted["won" if name == "win_rate" else name][number]


def test_everything_in_it_belongs_together(finished):
    """Each action is the greedy one of its moment, and playing the actions again gives the same moments."""
    episode = watch(finished, env=SHORT)
    steps = episode.length
    assert episode.values.shape == (steps + 1, 2, 4)
    legal = np.where(episode.avail, episode.values, -np.inf)
    np.testing.assert_array_equal(legal[:-1].argmax(axis=-1), episode.actions)
    state: RelayState = jax.tree.map(lambda leaf: leaf[0], episode.snapshots)
    outcome = None
    for t in range(steps):
        state, outcome = SHORT.step(jax.random.key(0), state, jnp.asarray(episode.actions[t]))
        assert float(outcome.reward[0]) == episode.rewards[t, 0]
        for seen, again in zip(jax.tree.leaves(episode.snapshots), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(seen[t + 1], again)
    assert outcome is not None
    assert bool(outcome.terminated) == episode.terminated
    assert bool(outcome.terminated | outcome.truncated)


def test_other_numbers_and_streams_are_other_episodes(finished):
    first = watch(finished, env=SHORT)
    for episode in (watch(finished, env=SHORT, number=1), watch(finished, env=SHORT, stream=1)):
        start, begun = first.snapshots.hurdles[0], episode.snapshots.hurdles[0]
        assert not np.array_equal(start, begun)


def test_what_cannot_be_asked_for(finished):
    with pytest.raises(QohortError, match="number is -1; it must be at least 0"):
        watch(finished, number=-1, env=SHORT)
    with pytest.raises(QohortError, match="number is 100000000000000000000; it must be at most 99,999"):
        watch(finished, number=10**20, env=SHORT)
    with pytest.raises(QohortError, match="has no seed 7; it has 0, 1"):
        watch(finished, seed=7, env=SHORT)
    with pytest.raises(QohortError, match="is not a run folder"):
        watch(Path(finished) / "seed-0")


def written(agents: int) -> Episode:
    """Two steps by hand: all go ahead, then the first goes left; only the first has a choice in the second."""
    choices = np.ones((3, agents, 4), bool)
    choices[1, 1:, 1:] = False
    return Episode(
        env=Relay(runners=agents),
        title="by hand",
        snapshots=None,
        values=np.zeros((3, agents, 4)),
        avail=choices,
        alive=np.ones((3, agents), bool),
        actions=np.array([[AHEAD] * agents, [LEFT] + [WAIT] * (agents - 1)]),
        rewards=np.array([[1.0], [-2.5]]),
        terminated=False,
        metrics={"won": 0.0, "hurdles": 3.0},
    )


def test_captions_name_who_has_a_choice_and_add_up_rewards():
    episode = written(2)
    assert episode.caption(0) == ("step 1, reward so far 0", "runner 1: ahead; runner 2: ahead")
    assert episode.caption(1) == ("step 2, reward so far 1", "runner 1: left")
    assert episode.caption(2) == ("after 2 steps, reward so far -1.5", "lost: the time limit was hit; hurdles 3")


def test_many_agents_are_counted():
    assert written(5).caption(0)[1] == "5 x ahead"


def test_individual_rewards_are_averaged():
    episode = dataclasses.replace(written(2), rewards=np.array([[1.0, 3.0], [0.0, 2.0]]))
    assert episode.gained(1) == 2
    assert episode.gained(2) == 3


def test_teams_can_start_alike(finished):
    one, other = (watch(finished, seed=seed, start=1, env=SHORT) for seed in (0, 1))
    np.testing.assert_array_equal(one.snapshots.hurdles[0], other.snapshots.hurdles[0])
    own = watch(finished, seed=0, env=SHORT)
    assert not np.array_equal(own.snapshots.hurdles[0], other.snapshots.hurdles[0])


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_mixer_is_shown_beside_the_team_that_it_was_learned_with(finished, which):
    episode = watch(finished, which=which, env=SHORT)
    assert isinstance(episode.joint, Joint)
    chosen = np.take_along_axis(episode.values[:-1], episode.actions[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(episode.joint.q_tot[:, 0], chosen.sum(axis=1), rtol=1e-5)
