"""Stretches of fresh play, on a world whose every frame says where it comes from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.mixers import VDN
from qohort.networks.recurrent import Recurrent
from qohort.replay import Fresh, memory
from qohort.training.collect import collect, first_actors
from tests.worlds import Clock

ENVS, CHUNK = 4, 5


@pytest.fixture(scope="module")
def stretches():
    """Three stretches of ten steps, each played in two chunks, and what the agents remembered before each."""
    env, feed = Clock(limit=4), Fresh(length=2 * CHUNK)
    algorithm = ValueDecomposition(mixer=VDN(), team=Recurrent(hidden=4), environments=ENVS)
    team = algorithm.init(env.spec, jax.random.key(0)).params.team
    actors = first_actors(env, team, environments=ENVS, key=jax.random.key(1))
    ring = memory.make_ring(env, feed, ENVS)
    mark = feed.mark(ring, actors.carry)
    play = jax.jit(
        lambda actors, ring, key: collect(
            algorithm, env, team, actors=actors, ring=ring, key=key, exploration=jnp.asarray(0.5), steps=CHUNK
        )
    )
    drawn, remembered, reached = [], [actors.carry], []
    for index in range(6):
        actors, ring, _ = play(actors, ring, jax.random.key(index))
        updates = jnp.asarray(index % 2)
        if updates:
            drawn.append(feed.draw(jax.random.key(0), ring, env, mark=mark))
            reached.append(ring.written)
            remembered.append(actors.carry)
        mark = feed.marked_again(mark, ring, carry=actors.carry, updates=updates)
    return jax.device_get((drawn, remembered, reached))


def test_every_decision_is_in_exactly_one_stretch(stretches):
    drawn, _, reached = stretches
    written = np.zeros(ENVS, int)
    for window, now in zip(drawn, reached, strict=True):
        assert window.valid.sum(axis=0).tolist() == [2 * CHUNK] * ENVS
        frames = now - written  # decisions, and one more for each time limit
        held = window.truncated.sum(axis=0)
        np.testing.assert_array_equal(frames, 2 * CHUNK + held)
        written = now


def test_steps_follow_each_other(stretches):
    """Also from one stretch to the next, and from a held state to the beginning of an episode."""
    drawn, _, _ = stretches
    assert any(window.truncated.any() for window in drawn)
    assert any(window.terminated.any() for window in drawn)
    for env in range(ENVS):
        before = None
        for window in drawn:
            for row in np.flatnonzero(window.valid[:, env]):
                episode, time = window.observations.state[row, env]
                reward = window.reward[row, env, 0]
                np.testing.assert_allclose(reward, time + window.actions[row, env, 0] / 10, rtol=1e-6)
                assert window.first[row, env] == (time == 0)
                if before is None or before[2]:
                    assert time == 0
                    assert (window.last_action[row, env] == -1).all()
                else:
                    assert (episode, time) == (before[0], before[1] + 1)
                    np.testing.assert_array_equal(window.last_action[row, env], before[3])
                ended = window.terminated[row, env] | window.truncated[row, env]
                before = (episode, time, ended, window.actions[row, env])


def test_the_frame_after_a_step_holds_the_state_it_reached(stretches):
    drawn, _, _ = stretches
    for window in drawn:
        for row, env in np.argwhere(window.valid & ~window.terminated):
            episode, time = window.observations.state[row, env]
            assert window.observations.state[row + 1, env].tolist() == [episode, time + 1]
            if window.truncated[row, env] and row + 1 < window.valid.shape[0]:
                assert not window.valid[row + 1, env]


def test_what_was_remembered_comes_with_the_stretch(stretches):
    drawn, remembered, _ = stretches
    for window, carry in zip(drawn, remembered, strict=False):
        jax.tree.map(np.testing.assert_array_equal, window.carry, carry)
    assert any(np.any(leaf) for window in drawn[1:] for leaf in jax.tree.leaves(window.carry))


def test_rows_after_the_last_frame_are_blank(stretches):
    drawn, _, _ = stretches
    blank = 0
    for window in drawn:
        rows = window.valid.shape[0] + 1
        for env in range(ENVS):
            last = np.flatnonzero(window.valid[:, env])[-1]
            assert not np.any(window.observations.state[last + 2 :, env])
            assert not np.any(window.reward[last + 1 :, env])
            blank += rows - (last + 2)
    assert blank > 0


def test_chunks_have_to_fit():
    Fresh(length=128).check_chunk(32)
    with pytest.raises(QohortError, match="--chunk 32"):
        Fresh(length=128).check_chunk(50)
    with pytest.raises(QohortError, match="minibatches is 3"):
        Fresh(minibatches=3).check_environments(8)
    with pytest.raises(QohortError, match=r"feed\.epochs is 0"):
        Fresh(epochs=0)
