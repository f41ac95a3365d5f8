"""Battles to look at without training."""

import numpy as np

from qohort.envs import make
from qohort.envs.battle.env import Battle
from qohort.report.raster import pictures
from qohort.report.scripted import scripted_episode


def test_an_episode_ends_where_the_battle_ends():
    env = make("battle/3m")
    assert isinstance(env, Battle)
    episode = scripted_episode(env)
    alive = np.asarray(episode.snapshots.alive)
    assert 10 < episode.length <= env.spec.limit
    assert len(alive) == episode.length + 1
    assert episode.terminated
    assert episode.metrics["won"] == alive[-1, :3].any()
    assert not (alive[-1, :3].any() and alive[-1, 3:].any())
    assert (alive[-2, :3].any(), alive[-2, 3:].any()) == (True, True)
    assert np.take_along_axis(episode.avail[:-1], episode.actions[..., None], axis=-1).all()
    assert episode.rewards.sum() > 0
    assert len({picture.size for picture in pictures(episode, width=100)}) == 1
