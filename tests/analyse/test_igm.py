"""Violations of IGM are found where they are, and nowhere else."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.analyse.igm import audit, enumerate_all, joint_actions, search
from qohort.analyse.igm_page import findings, numbers, write_igm
from qohort.analyse.subject import Subject
from qohort.envs.games.matrix import MatrixGame
from qohort.errors import QohortError
from qohort.mixers import QMIX, QPLEX, VDN, Independent, Qatten, QattenMixer
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig
from tests.analyse.guard import Guard, subject_of

GAME = MatrixGame(np.zeros((2, 2)))
WIDE = MatrixGame(np.zeros((3, 3, 3, 3)))
VALUES = [[-3.0, 0.0], [0.0, 2.0]]
NONLINEAR = Qatten(heads=1, embed=1, hypernet_layers=1, state_bias=False, nonlinear=True)


def nonlinear(slope: float) -> QattenMixer:
    """One head with λ ∝ exp(slope · Q_i)."""
    mixer = NONLINEAR.build(GAME.spec, jax.random.key(0))
    query = mixer.query.layers[0].weight
    return eqx.tree_at(
        lambda m: (m.query.layers[0].weight, m.key.weight),
        mixer,
        (jnp.ones_like(query), jnp.array([[[0.0, slope]]])),
    )


def team(mixer: AbstractMixer | None, settings: AbstractMixerConfig = NONLINEAR) -> Subject:
    return subject_of(GAME, VALUES, settings, mixer)


def test_a_key_that_reads_the_utility_breaks_igm():
    """λ ∝ exp(2 Q). Greedy are Q = (0, 2); with Q = (−3, 2) the bad agent counts less and Q_tot is greater.

    The derivative is λ_i (1 + 2 (Q_i − Q_tot)).
    """
    found = audit(team(nonlinear(2.0)), episodes=3)
    weights = np.exp([0.0, 4.0]) / np.exp([0.0, 4.0]).sum()
    q_greedy = weights @ [0.0, 2.0]
    other = np.exp([-6.0, 4.0]) / np.exp([-6.0, 4.0]).sum()
    assert len(found.gap) == 1  # all moments of a game without a state are the same one
    np.testing.assert_array_equal(found.greedy, [[1, 1]])
    np.testing.assert_array_equal(found.best, [[0, 1]])
    assert found.gap[0] == pytest.approx(other @ [-3.0, 2.0] - q_greedy, abs=1e-5)
    assert found.enumerated.all()
    np.testing.assert_allclose(found.gradients[0], weights * (1 + 2 * (np.array([0.0, 2.0]) - q_greedy)), atol=1e-5)
    assert found.gradients[0, 0] < 0


def test_a_key_that_hardly_reads_it_does_not():
    found = audit(team(nonlinear(0.01)), episodes=1)
    assert not found.violated.any()
    assert "Nothing speaks against IGM" in findings([found])[-1]


@pytest.mark.parametrize("settings", [QMIX(embed=4), Qatten(heads=2, weighted_head=True), QPLEX(hypernet_hidden=4)])
def test_mixers_with_igm_have_none(settings):
    found = audit(subject_of(WIDE, _random(7), settings), episodes=1)
    assert not found.violated.any()


@pytest.mark.parametrize("seed", range(2))
def test_the_search_finds_what_enumeration_finds(seed):
    """Qatten with keys that read utilities much; four agents with three actions, small enough to ask all 81."""
    settings = Qatten(heads=2, embed=2, hypernet_layers=1, nonlinear=True)
    mixer = settings.build(WIDE.spec, jax.random.key(seed))
    mixer = eqx.tree_at(lambda m: m.key.weight, mixer, 4.0 * mixer.key.weight)
    values = jnp.asarray(_random(seed), jnp.float32)
    seen = WIDE.observe(jnp.int32(0))
    greedy = np.asarray(values.argmax(axis=-1), np.int32)
    best, value = enumerate_all(mixer, values, seen, greedy)
    climbed, reached = search(mixer, values, seen, greedy)
    np.testing.assert_array_equal(climbed, best)
    assert reached == pytest.approx(value, abs=1e-5)


def test_a_search_is_told_from_enumeration():
    found = audit(team(nonlinear(2.0)), episodes=1, most=3)
    assert not found.enumerated.any()
    assert found.violated.all()
    assert "a search was made in the other 1" in findings([found])[1]


def test_joint_actions_are_the_available_ones():
    avail = np.array([[True, False, True], [False, True, False]])
    np.testing.assert_array_equal(joint_actions(avail), [[0, 1], [2, 1]])


def test_the_page_says_where_to_watch(tmp_path):
    audits = [audit(team(nonlinear(2.0)), episodes=1), audit(team(nonlinear(0.01)), episodes=1)]
    paths, no_figures = write_igm(audits, tmp_path)
    assert not no_figures
    assert all(path.stat().st_size > 500 for path in paths)
    page = (tmp_path / "igm.md").read_text()
    assert "agent 0: B → A" in page
    assert "qohort watch runs/by-hand --seed 0 --which best --number 0" in page
    content = json.loads((tmp_path / "igm.json").read_text())
    assert [seed["violations"] for seed in content["seeds"]] == [1, 0]
    assert content["seeds"][0]["list"][0]["best"] == [0, 1]


def test_the_page_says_how_moments_were_met_and_asked(tmp_path):
    write_igm([audit(team(nonlinear(2.0)), episodes=2, stream=3, most=10, exploration=0.25)], tmp_path)
    page = (tmp_path / "igm.md").read_text()
    assert "256 evenly spaced distinct moments of 2 episodes of each seed\n(random stream 3), in which" in page
    assert "agents act at random with probability 0.25; none can be watched again" in page
    assert "asked, where there are at most 10" in page
    assert "qohort watch" not in page
    how = {"episodes": 2, "stream": 3, "moments": 256, "most": 10, "exploration": 0.25}
    assert json.loads((tmp_path / "igm.json").read_text())["how"] == how
    write_igm([audit(team(nonlinear(2.0)), episodes=1)], tmp_path)
    assert "(random stream 0), in which all agents are greedy." in (tmp_path / "igm.md").read_text()


def test_the_mean_derivative_of_an_agent_is_over_its_life():
    """The page lives in two of four moments, the squire in three, the knight in all."""
    found = audit(subject_of(Guard(), [[0.0, 1.0]] * 3, VDN()), episodes=1)
    given = dataclasses.replace(found, gradients=np.array([[1.0, 1, 1], [3, 1, 1], [100, 4, 1], [100, 100, 5]]))
    (seed,) = numbers([given])["seeds"]
    np.testing.assert_allclose(seed["mean_gradient"], [2, 2, 2])


def test_independent_learners_are_refused():
    with pytest.raises(QohortError, match="mixes nothing; IGM says nothing of it"):
        audit(team(None, Independent()), episodes=1)


def _random(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 3))
