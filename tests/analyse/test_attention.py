"""What is said of attention is true of attention that was made by hand."""

import dataclasses
import json
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.analyse.attention import Attention, ask, gaze_of
from qohort.analyse.attention_page import findings, write_attention
from qohort.analyse.attention_summary import summarise
from qohort.analyse.played import Played, copies, mixed, play
from qohort.analyse.subject import Subject
from qohort.errors import QohortError
from qohort.mixers import VDN, Qatten, QattenMixer
from tests.analyse.guard import Guard, subject_of

GUARD = Guard()
VALUES = [[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]
SETTINGS = Qatten(heads=2, embed=1, hypernet_layers=1, biases=True, state_bias=False)


def gazing(*factors: tuple[float, float, float]) -> QattenMixer:
    """Heads whose logits are sums of an agent's features by these factors, whatever the state."""
    mixer = SETTINGS.build(GUARD.spec, jax.random.key(0))

    def parts(mixer: QattenMixer) -> tuple:
        last = mixer.query.layers[-1]
        return last.weight, last.bias, mixer.key.weight, mixer.key.bias

    weight, bias, _, key_bias = parts(mixer)
    keys = jnp.asarray(factors)[:, None, :]
    return eqx.tree_at(parts, mixer, (jnp.zeros_like(weight), jnp.ones_like(bias), keys, jnp.zeros_like(key_bias)))


def gazer(*factors: tuple[float, float, float], seed: int = 0) -> Subject:
    return subject_of(GUARD, VALUES, SETTINGS, gazing(*factors), seed=seed)


@pytest.fixture(scope="module")
def watched() -> Played:
    """One watch: health (2, 3, 4), (1, 2, 3), (0, 1, 2), (0, 0, 1); the living work, for utilities of 1, 2 and 3."""
    return play(gazer((1, 0, 0), (-1, 0, 0)), episodes=1)


@pytest.fixture(scope="module")
def found(watched) -> Attention:
    return ask(gazer((1, 0, 0), (-1, 0, 0)), watched)


def softmax(*logits: float) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


def test_all_moments_of_an_episode_are_there(watched):
    np.testing.assert_array_equal(watched.time, [0, 1, 2, 3])
    np.testing.assert_array_equal(watched.observation.units[..., 0], [[2, 3, 4], [1, 2, 3], [0, 1, 2], [0, 0, 1]])
    np.testing.assert_array_equal(watched.actions, [[1, 1, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1]])
    assert watched.scores == {"return": 10 + 10 + 6 + 4, "length": 4}


def test_features_that_order_nobody_or_alike_are_left_out(found):
    """`same` is the same for all living, so is what is lost, and the utility orders them as health does."""
    assert found.features == ("is young", "health", "rank")


def test_correlations_by_hand(found):
    """Health goes by the first head and against the second; the others follow from the ranks of each moment."""
    young, rank = (-2 * math.sqrt(0.75) - 1) / 3, (-0.5 - 0.5 + 1) / 3
    np.testing.assert_allclose(found.correlations[0], [young, 1, rank], atol=1e-6)
    np.testing.assert_allclose(found.correlations[1], [-young, -1, -rank], atol=1e-6)
    np.testing.assert_allclose(found.within[0], [np.nan, 1, -1], atol=1e-6)


def test_unevenness_by_hand(found):
    """Two moments with weights ∝ 1, e, e², one with two living ones ∝ 1, e; the last has one living agent."""
    three, two = softmax(0, 1, 2), softmax(0, 1)
    entropy = [-(p * np.log(p)).sum() / math.log(len(p)) for p in (three, three, two)]
    np.testing.assert_allclose(found.entropy[:2], np.mean(entropy), atol=1e-6)
    np.testing.assert_allclose(found.largest[:2], (6 * three[2] + 2 * two[1]) / 3, atol=1e-6)


def test_the_dead_and_the_survivor_by_hand(found):
    """One dead with logit 0 beside 1 and 2, then two dead beside 1; heads are averaged."""
    one = (softmax(0, 1, 2)[0] + softmax(0, -1, -2)[0]) / 2
    two = (softmax(0, 0, 1)[:2].sum() + softmax(0, 0, -1)[:2].sum()) / 2
    assert found.dead_share == pytest.approx((one + two) / 2)
    assert found.dead_count == pytest.approx(0.5)
    assert (found.survivor, found.survivor_moments) == (1, 1)
    shy = ask(gazer((-1, 0, 0), (-1, 0, 0)), found.played)
    assert shy.survivor == 0


def test_uniform_weights_are_those_of_a_mixer_that_sees_no_difference(found, watched):
    learned, uniform = (
        np.asarray(mixed(m, watched).q_tot)[:, 0] for m in (found.subject.mixer, gazing(*[(0, 0, 0)] * 2))
    )
    expected = np.sqrt(np.mean((learned - uniform) ** 2)) / learned.std()
    assert found.uniform_shift == pytest.approx(expected, rel=1e-4)
    # among the living alone: means of (1, 2, 3), (1, 2, 3), (2, 3) and (3), in two heads
    living = np.sqrt(np.mean((learned - 2 * np.array([2, 2, 2.5, 3])) ** 2)) / learned.std()
    assert found.living_shift == pytest.approx(living, rel=1e-4)


def test_exchanged_keys_are_exchanged_weights(watched):
    """Keys read an agent's own row alone: permuting weights is what permuting keys does."""
    mixer, order = gazing((1, 0, 0), (0.5, -1, 0)), [2, 0, 1]
    other = eqx.tree_at(lambda seen: seen.units, watched.observation, watched.observation.units[:, order])
    other = dataclasses.replace(watched, observation=other)
    np.testing.assert_allclose(gaze_of(mixer, other).shares, gaze_of(mixer, watched).shares[..., order], atol=1e-6)


def test_untrained_mixers_follow_features_too(found):
    """λ of any mixer is a smooth function of the features: the null is far from 0."""
    assert found.untrained.shape == (32, 3, 3)
    assert np.abs(found.untrained[:, 0, 1]).mean() > 0.2
    assert len(np.unique(found.untrained[:, 0, 1].round(3))) > 5


def test_copies_of_an_episode_make_chance_no_narrower(found):
    """Greedy guards play the same watch every time; three of them say no more than one."""
    subject = found.subject
    thrice = play(subject, episodes=3)
    np.testing.assert_array_equal(thrice.episode, np.repeat([0, 1, 2], 4))
    np.testing.assert_array_equal(copies(thrice), np.zeros(12))
    np.testing.assert_allclose(ask(subject, thrice).chance, found.chance, atol=1e-6)
    early = thrice.observation.units.copy()
    early[4] += 1
    other = dataclasses.replace(thrice, observation=eqx.tree_at(lambda o: o.units, thrice.observation, early))
    np.testing.assert_array_equal(copies(other), np.repeat([0, 1, 0], 4))


def test_seeds_with_heads_in_another_order_are_matched(found, watched, tmp_path):
    """The page names the roles that are common, and its JSON holds the numbers."""
    swapped = [ask(gazer((-2, 0, 0), (2, 0, 0), seed=seed), watched, seed=seed) for seed in (1,)]
    summary = summarise([found, *swapped])
    np.testing.assert_array_equal(summary.order, [[0, 1], [1, 0]])
    np.testing.assert_allclose(summary.correlations[:, 0, 1], 1, atol=1e-6)
    assert summary.agreement == pytest.approx(1)
    paths, no_figures = write_attention(summary, tmp_path)
    assert not no_figures
    assert all(path.stat().st_size > 1000 for path in paths)
    assert {path.name for path in paths if path.suffix == ".png"} == {
        "attention-correlations.png",
        "attention-unevenness.png",
        *(f"attention-map-seed-{seed}.png" for seed in (0, 1)),
    }
    page = (tmp_path / "attention.md").read_text()
    assert "health (1.00 [1.00, 1.00]" in page
    content = json.loads((tmp_path / "attention.json").read_text())
    assert [seed["heads"] for seed in content["seeds"]] == [[1, 2], [2, 1]]
    assert content["seeds"][1]["correlations"]["health"][0] == pytest.approx(1)


def test_one_seed_is_set_beside_single_untrained_mixers(found):
    """It has no interval; what it follows more than 97.5 % of them do is named all the same."""
    sentences = findings(summarise([found]))
    told = next(sentence for sentence in sentences if "more closely than" in sentence)
    assert told.startswith("The heads of this seed follow health (1.00, untrained ")
    assert told.endswith("one seed says nothing of how sure that is.")


@pytest.mark.parametrize(
    ("agreement", "said"),
    [
        (0.9, "training gave them something in common"),
        (0.4, "no common roles that can be told from chance"),
        (-0.1, "less alike than they were"),
    ],
)
def test_agreement_is_set_beside_its_null_on_both_sides(found, watched, agreement, said):
    other = ask(gazer((1, 0, 0), (-1, 0, 0), seed=1), watched, seed=1)
    summary = summarise([found, other])
    told = findings(dataclasses.replace(summary, agreement=agreement, untrained_agreement=(0.1, 0.6)))
    assert said in next(sentence for sentence in told if sentence.startswith("After matching"))


def test_heads_without_any_order_are_unknown_and_warn_of_nothing(watched, tmp_path):
    """Constant keys: λ is uniform to the last digit, so no rank correlation exists."""
    even = ask(gazer((0, 0, 0), (0, 0, 0)), watched)
    summary = summarise([even])
    assert np.isnan(summary.strength()).all()
    assert "follow no feature more closely" in " ".join(findings(summary))
    write_attention(summary, tmp_path)
    assert "| health | – | – | – |" in (tmp_path / "attention.md").read_text()


def test_what_has_no_attention_or_other_heads_is_refused(found, watched):
    with pytest.raises(QohortError, match="VDNMixer has no attention over agents"):
        gaze_of(VDN().build(GUARD.spec, jax.random.key(0)), watched)
    fewer = dataclasses.replace(found.gaze, weights=found.gaze.weights[:, :1])
    with pytest.raises(QohortError, match="have 1 and 2 heads"):
        summarise([found, dataclasses.replace(found, gaze=fewer)])
