"""What a page is told of an episode is what happened in it."""

import dataclasses

import jax
import numpy as np
import pytest

from qohort.envs import make
from qohort.mixers import QMIX, QPLEX, Independent, Qatten
from qohort.mixers.qplex import Importance
from qohort.networks.talking import Talking
from qohort.scene import Circles
from qohort.watch.page import page, script
from qohort.watch.record import record
from tests.watch.unpacked import array_of, header_of
from tests.watch.worlds import RACE, Undrawn, noise, race


@pytest.fixture(scope="module")
def episode():
    return race()


def test_everything_is_told(episode):
    packed = record(episode, step=40, goal=100)
    header = header_of(packed)
    assert header["title"] == "seed 0 on games/relay"
    assert (header["agents"], header["length"]) == (["runner 1", "runner 2", "runner 3"], episode.length)
    assert (header["step"], header["goal"], header["idle"]) == (40, 100, RACE.spec.no_op)
    for name, values in (("values", episode.values), ("chosen", episode.actions), ("returns", episode.returns)):
        np.testing.assert_array_equal(array_of(packed, header[name]), values)
    seen = RACE.observe  # the names and the numbers of what was seen belong together
    first = np.asarray(seen(type(episode.snapshots)(*(leaf[0] for leaf in vars(episode.snapshots).values()))).obs)
    np.testing.assert_allclose(array_of(packed, header["seen"]["obs"])[0], first, atol=1e-4)
    assert header["seen"]["names"] == list(RACE.spec.obs_features)


def test_metrics_that_are_no_numbers_are_left_out(episode):
    """JSON has none of them, and the page could not show them."""
    odd = dataclasses.replace(episode, metrics={"won": 1.0, "closeness": float("inf"), "spread": float("nan")})
    assert header_of(record(odd))["outcome"] == {"return": episode.gained(episode.length), "won": 1.0}


def test_the_parts_of_q_tot_add_up_to_it(episode):
    packed = record(episode)
    joint = header_of(packed)["joint"]
    slopes, rest, q_tot = (array_of(packed, joint[name]) for name in ("slopes", "rest", "q_tot"))
    chosen = np.take_along_axis(episode.values[:-1], episode.actions[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose((slopes * chosen).sum(axis=1) + rest, q_tot[:, 0], atol=1e-5)
    assert joint["linear"]
    np.testing.assert_allclose(array_of(packed, joint["attention"]).sum(axis=1), slopes, atol=1e-5)


def test_a_mixer_without_attention_shows_none():
    joint = header_of(record(race(QMIX(embed=4))))["joint"]
    assert {"slopes", "rest", "q_tot"} <= {*joint}
    assert "attention" not in joint
    assert not joint["linear"]


def test_a_mixer_that_weighs_advantages_shows_their_importance():
    episode = race(QPLEX(importance=Importance(kernels=2, layers=1), hypernet_hidden=4))
    packed = record(episode)
    importance = array_of(packed, header_of(packed)["joint"]["importance"])
    assert importance.shape == (episode.length, 3)
    assert (importance > 0).all()


def test_of_a_team_that_talks_it_is_told_who_hears_whom():
    episode = race(team=Talking(hidden=8, rounds=2))
    packed = record(episode)
    heard = array_of(packed, header_of(packed)["heard"])
    assert heard.shape == (episode.length + 1, 3, 3)
    np.testing.assert_allclose(heard.sum(axis=-1), 1.0, atol=1e-3)
    assert (heard[~np.broadcast_to(episode.alive[:, None, :], heard.shape)] == 0).all()
    assert np.ptp(heard[:, :, 0]) > 1e-3  # the numbers are of this episode, not equal shares


def test_of_a_team_that_is_silent_nothing_is_told(episode):
    assert header_of(record(episode))["heard"] is None
    assert header_of(record(race(team=Talking(hidden=8, rounds=0))))["heard"] is None


def test_where_nothing_is_mixed_there_are_no_weights():
    packed = record(race(Independent()))
    joint = header_of(packed)["joint"]
    assert {*joint} == {"q_tot"}
    assert joint["q_tot"]["shape"][1] == 3


def test_a_world_without_a_drawing_has_no_scene():
    assert header_of(record(race(Qatten(heads=2, embed=4), env=Undrawn())))["scene"] is None


def test_a_scene_says_once_what_never_changes(episode):
    layers = header_of(record(episode))["scene"]["layers"]
    lanes, sight = layers[0], layers[1]
    assert (lanes["kind"], lanes["count"]) == ("rectangles", 3)
    assert all(lanes[name]["still"] and lanes[name]["shape"][0] == 1 for name in ("low", "high", "full", "visible"))
    assert not sight["low"]["still"]


def test_a_long_battle_of_ten_takes_at_most_three_megabytes():
    text = page("noise", [record(noise())])
    assert len(text.encode()) <= 3_000_000


def test_a_page_is_one_script_whose_names_differ():
    lines = script().splitlines()
    assert not [line for line in lines if line.startswith(("import ", "export "))]
    names = [
        line.split()[1 + (line.split()[1] == "function")].split("(")[0].rstrip("=;")
        for line in lines
        if line.startswith(("const ", "let ", "function ", "async function ", "class "))
    ]
    assert len(names) == len({*names})


@pytest.mark.parametrize(
    "name",
    ["games/relay", "foraging/8x8-2p-2f-coop", "pursuit/stag-hunt", "particles/treasure", "particles/rover-tower"],
)
def test_agents_are_where_their_marks_are(name):
    env = make(name)
    scene = jax.jit(lambda key: env.scene(env.snapshot(env.reset(key))))(jax.random.key(0))
    assert scene is not None
    assert scene.agents is not None
    assert scene.agents.shape == (env.spec.n_agents, 2)
    filled = [layer.centre[layer.fill > 0] for layer in scene.layers if isinstance(layer, Circles)]
    marks = np.concatenate([np.asarray(centres) for centres in filled])
    for place in np.asarray(scene.agents):
        assert np.abs(marks - place).max(axis=1).min() < 1e-5


def test_agents_of_a_battle_can_be_pointed_at():
    env = make("battle/2s3z")
    scene = jax.eval_shape(lambda key: env.scene(env.snapshot(env.reset(key))), jax.random.key(0))
    assert (scene.agents.shape, scene.reach.shape) == ((5, 2), (5,))
