"""The ring and its samplers, on a world whose every frame says where it comes from."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import make
from qohort.errors import QohortError
from qohort.mixers import VDN
from qohort.networks.feedforward import FeedForward
from qohort.replay import Replayed, Window, memory
from qohort.sizes import size
from qohort.training.collect import collect, first_actors
from tests.worlds import Clock

ENVS = 3


def played(feed: Replayed, steps: int, limit: int = 6):
    env = Clock(limit)
    algorithm = ValueDecomposition(mixer=VDN(), team=FeedForward(hidden=4), feed=feed, environments=ENVS)
    learner = algorithm.init(env.spec, jax.random.key(0))
    team = learner.params.team
    actors = first_actors(env, team, environments=ENVS, key=jax.random.key(1))
    ring = memory.make_ring(env, feed, ENVS)
    _, ring, account = jax.jit(
        lambda actors, ring: collect(
            algorithm,
            env,
            team,
            actors=actors,
            ring=ring,
            key=jax.random.key(2),
            exploration=jnp.asarray(0.5),
            steps=steps,
        )
    )(actors, ring)
    return env, ring, account


def drawn(feed: Replayed, steps: int, limit: int = 6, draws: int = 8) -> Window:
    env, ring, _ = played(feed, steps, limit)
    assert feed.ready(ring, env.spec)
    keys = jax.random.split(jax.random.key(3), draws)
    draw = jax.jit(lambda key: feed.draw(key, ring, env))
    windows = [draw(key) for key in keys]
    return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves], axis=1), *windows)


@pytest.mark.parametrize("steps", [40, 200])
@pytest.mark.parametrize("frames", [None, 75])
def test_windows_run_on_across_episodes(steps: int, frames: int | None):
    window = drawn(Replayed(sampler="windows", batch=5, length=11, episodes=60, frames=frames), steps)
    episode, time = window.observations.state[..., 0], window.observations.state[..., 1]
    assert window.first[0].all()
    assert window.first[1:].any(), "no window ran on into a second episode"
    assert window.truncated.any()
    assert window.terminated.any()
    np.testing.assert_array_equal(window.first, time == 0)
    for b in range(window.first.shape[1]):
        for t in range(11):
            closed = window.terminated[t, b] or (t > 0 and window.truncated[t - 1, b])
            if closed:  # the next frame begins another episode
                assert window.first[t + 1, b]
            else:  # the same one goes on, the frame that the time limit left included
                assert episode[t + 1, b] == episode[t, b]
                assert time[t + 1, b] == time[t, b] + 1
            held = t > 0 and window.truncated[t - 1, b]
            assert window.valid[t, b] == (not held)
            if held:
                assert time[t, b] == 6
                assert window.reward[t, b] == 0
            else:
                assert window.reward[t, b, 0] == pytest.approx(time[t, b] + window.actions[t, b, 0] / 10)
            if window.first[t, b]:
                assert (window.last_action[t, b] == -1).all()
            else:
                np.testing.assert_array_equal(window.last_action[t, b], window.actions[t - 1, b])
    assert window.exploration[window.valid].min() == 0.5


@pytest.mark.parametrize("frames", [None, 75])
def test_windows_reach_every_step_of_episodes_that_are_longer(frames: int | None):
    """Episodes of up to 10 steps, windows of 4: they begin at 0, 4 and 8, or as late as the newest frames allow."""
    window = drawn(Replayed(sampler="windows", batch=5, length=4, episodes=60, frames=frames), 200, limit=10, draws=80)
    time = np.asarray(window.observations.state[..., 1])
    begun, ends = time[0], []
    assert {0, 4, 8} <= set(begun)
    assert np.isin(begun, (0, 4, 8)).mean() > 0.9
    np.testing.assert_array_equal(window.first, time == 0)
    assert (window.last_action[0][begun == 0] == -1).all()
    assert (window.last_action[0][begun > 0] >= 0).all()
    for b in range(len(begun)):
        run = window.terminated[:, b].argmax() if window.terminated[:, b].any() else 4
        ends.append(begun[b] + run)
    assert max(ends) >= 9, "the ends of long episodes are never learnt from"


def test_every_step_is_drawn_equally_often():
    """Of one long episode and some short ones: windows of 4 steps, an episode of 12 has three of them."""
    feed = Replayed(sampler="windows", batch=2, length=4, episodes=40)
    env, ring, _ = played(feed, 160, limit=12)
    keys = jax.random.split(jax.random.key(5), 4000)

    def begun(key: jax.Array) -> jax.Array:
        state = feed.draw(key, ring, env).observations.state[0]
        return state[:, 0] * 100 + state[:, 1]

    places, counts = np.unique(np.asarray(jax.vmap(begun)(keys)), return_counts=True)
    lengths = np.asarray(ring.episode_length)[np.asarray(ring.episode_length) > 0]
    room = np.asarray(ring.written)[np.asarray(ring.episode_env)] - np.asarray(ring.episode_start) >= 5
    expected = (-(-np.asarray(ring.episode_length) // 4) * room)[np.asarray(ring.episode_length) > 0].sum()
    assert lengths.max() > 8
    assert len(places) <= expected
    old = places % 100 < 4
    assert counts[old].std() < 0.2 * counts[old].mean()
    np.testing.assert_allclose(counts.mean(), 8000 / expected, rtol=0.05)


def test_the_action_before_a_window_is_the_one_that_was_taken():
    """The same episode drawn whole, and in windows: last actions agree."""
    feed = Replayed(sampler="windows", batch=8, length=3, episodes=30)
    env, ring, _ = played(feed, 120, limit=9)
    whole = Replayed(sampler="episodes", batch=20, episodes=30)
    episodes = [jax.jit(lambda key: whole.draw(key, ring, env))(jax.random.key(1))]
    known = {
        (int(batch.observations.state[t, b, 0]), t): np.asarray(batch.last_action[t, b])
        for batch in episodes
        for b in range(20)
        for t in range(9)
        if bool(batch.valid[t, b])
    }
    seen, draw = 0, jax.jit(lambda key: feed.draw(key, ring, env))
    for key in jax.random.split(jax.random.key(2), 8):
        window = draw(key)
        for b in range(8):
            episode, time = window.observations.state[0, b].astype(int).tolist()
            if (episode, time) in known and time > 0:
                np.testing.assert_array_equal(window.last_action[0, b], known[episode, time])
                seen += 1
    assert seen > 5


@pytest.mark.parametrize("steps", [40, 200])
@pytest.mark.parametrize("frames", [None, 75])
def test_episodes_are_whole_and_padded_with_zeros(steps: int, frames: int | None):
    window = drawn(Replayed(sampler="episodes", batch=5, episodes=60, frames=frames), steps)
    time, obs = window.observations.state[..., 1], window.observations.obs
    lengths = window.valid.sum(axis=0)
    assert set(lengths) == {1, 2, 3, 4, 5, 6}
    assert window.truncated.any()
    for b, length in enumerate(lengths):
        cut = window.truncated[length - 1, b]
        assert cut or window.terminated[length - 1, b]
        assert not window.terminated[: length - 1, b].any()
        assert window.valid[:length, b].all()
        np.testing.assert_array_equal(time[:length, b], np.arange(length))
        if cut:  # the state that the time limit left is there to bootstrap from
            assert time[length, b] == length
        beyond = length + int(cut)
        assert not obs[beyond:, b].any()
        assert not window.observations.avail[beyond:, b].any()
        for array in (window.reward, window.actions, window.terminated, window.truncated):
            assert not array[length:, b].any()
        np.testing.assert_array_equal(window.last_action[1 : length + 1, b], window.actions[:length, b])
        assert (window.last_action[0, b] == -1).all()
        assert (window.last_action[length + 1 :, b] == -1).all()
    assert window.first[0].all()
    assert not window.first[1:].any()


def test_a_batch_holds_different_episodes_and_old_ones_are_forgotten():
    feed = Replayed(sampler="episodes", batch=8, episodes=8)
    env, ring, _ = played(feed, 200)
    window = feed.draw(jax.random.key(0), ring, env)
    ids = np.asarray(window.observations.state[0, :, 0])
    assert len(set(ids)) == 8
    starts = np.asarray(ring.episode_start)
    assert starts.min() > np.asarray(ring.written).min() - 8 * 7


def test_the_account_counts_finished_episodes():
    _, ring, account = played(Replayed(batch=5, episodes=400), 100)
    assert account.episodes == ring.finished
    lengths = np.asarray(ring.episode_length)[: int(ring.finished)]
    assert account.sums["length"] == lengths.sum()
    assert account.sums["late"] == (lengths > 3).sum()
    assert int(account.faults["reward"]) == int(account.faults["avail"]) == 0


def test_drawing_waits_until_there_are_enough():
    feed = Replayed(batch=30, episodes=60)
    env, ring, _ = played(feed, 10)
    assert int(ring.finished) < 30
    assert not feed.ready(ring, env.spec)


def test_every_episode_is_drawn_equally_often():
    feed = Replayed(batch=4, episodes=16)
    env, ring, _ = played(feed, 120)
    keys = jax.random.split(jax.random.key(5), 3000)
    ids = jax.vmap(lambda key: feed.draw(key, ring, env).observations.state[0, :, 0])(keys)
    _, counts = np.unique(np.asarray(ids), return_counts=True)
    assert len(counts) == 16
    np.testing.assert_allclose(counts / counts.sum(), 1 / 16, atol=0.01)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"batch": 0}, "feed.batch is 0"),
        ({"episodes": -5}, "feed.episodes is -5"),
        ({"batch": 64, "episodes": 32}, "only 32 episodes are kept"),
        ({"length": 5}, "whole episodes"),
    ],
)
def test_bad_settings_are_refused(settings: dict, says: str):
    with pytest.raises(QohortError, match=says):
        Replayed(**settings)


def test_a_ring_too_small_for_one_window_is_refused():
    feed = Replayed(frames=30, sampler="windows", length=11)
    with pytest.raises(QohortError, match=r"frames is 30.*Give at least 60"):
        feed.frames_each(Clock(6).spec, 3)


def test_a_replay_from_which_no_batch_can_ever_be_drawn_is_refused():
    """Of 20 one-step episodes of two environments, the oldest began ten steps ago, and windows have 32."""
    spec = make("games/gaussian-squeeze").spec
    few = Replayed(batch=3, episodes=20, sampler="windows", length=32)
    with pytest.raises(QohortError, match=r"feed.episodes is 20: .* finish at least 30 .*Keep at least 33"):
        few.frames_each(spec, 2)
    assert dataclasses.replace(few, episodes=100).frames_each(spec, 2) > 100
    assert dataclasses.replace(few, sampler="episodes", length=None).frames_each(spec, 2) > 20


def test_memory_is_told_before_it_is_taken(monkeypatch: pytest.MonkeyPatch):
    env, feed = Clock(6), Replayed(episodes=100)
    shapes = memory.ring_shapes(env, feed, 2)
    ring = memory.make_ring(env, feed, 2)
    real = sum(leaf.nbytes for leaf in jax.tree.leaves(ring))
    assert memory.bytes_of(shapes) == real
    says = memory.check_memory(env, feed, environments=2, copies=1)
    assert "2 environments" in says
    assert size(real) in says
    monkeypatch.setattr(memory, "device_memory", lambda: real - 1)
    with pytest.raises(QohortError, match=r"has .* free.*feed.episodes \d+"):
        memory.check_memory(env, feed, environments=2, copies=1)
