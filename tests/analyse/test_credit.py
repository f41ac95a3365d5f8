"""Credit is compared with a truth that is worked out by hand."""

import dataclasses
import json

import numpy as np
import pytest

from qohort.analyse.credit import compared, weigh
from qohort.analyse.credit_page import findings, write_credit
from qohort.analyse.influence import Replays, by_replay, by_tables
from qohort.analyse.played import play
from qohort.analyse.shapley import counterfactual, shapley
from qohort.envs.games.matrix import MatrixGame
from qohort.envs.games.two_step import two_step
from qohort.errors import QohortError
from qohort.mixers import VDN, Independent
from tests.analyse.guard import Guard, subject_of

GUARD = Guard()
WORKING = [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]


@pytest.fixture(scope="module")
def guards():
    subject = subject_of(GUARD, WORKING, VDN())
    return subject, play(subject, episodes=1, resumable=True)


def test_play_taken_up_again_tells_what_each_one_adds(guards):
    """Worth 1, 2 and 4, half of which is expected of those left out; the bonus of 3 is AND's: 3/8 of it each.

    From the third step on the first guard is dead and the bonus out of reach.
    """
    subject, played = guards
    values = by_replay(subject, played, how=Replays(gamma=0.9))
    credit = shapley(np.moveaxis(values, 1, 0))[..., 0].T
    np.testing.assert_allclose(credit[0], [0.5 + 1.125, 1 + 1.125, 2], atol=1e-5)
    np.testing.assert_allclose(credit[1], credit[0], atol=1e-5)
    np.testing.assert_allclose(credit[2:], [[0, 1, 2], [0, 0, 2]], atol=1e-5)
    alone = counterfactual(np.moveaxis(values, 1, 0))[..., 0].T
    np.testing.assert_allclose(alone[0], [0.5 + 1.5, 1 + 1.5, 2], atol=1e-5)


def test_everyone_acting_gets_the_discounted_return(guards):
    subject, played = guards
    values = by_replay(subject, played, how=Replays(gamma=0.9))
    np.testing.assert_allclose(values[0, -1], 10 + 0.9 * 10 + 0.81 * 6 + 0.729 * 4, rtol=1e-5)
    np.testing.assert_allclose(values[3, -1], 4, rtol=1e-5)


def test_longer_absence_costs_more_and_is_drawn(guards):
    """Left out for two steps, the knight is expected to lose half of 4 twice; draws are common to all coalitions."""
    subject, played = guards
    values = by_replay(subject, played.at(slice(0, 1)), how=Replays(gamma=1.0, hold=2, draws=400))
    assert values.shape == (1, 8, 400)
    alone = counterfactual(values[0].mean(axis=-1))
    assert alone[2] == pytest.approx(4, abs=0.35)
    np.testing.assert_allclose(values[0, -1], 30, rtol=1e-5)


def test_tables_give_the_optimal_values():
    """At 2B of the two-step game both choose B: 8, less what chance gives; before it, agent 0 alone decides."""
    game = two_step()
    subject = subject_of(game, [[0.0, 1.0], [0.0, 1.0]], VDN())
    values = by_tables(game, play(subject, episodes=1), gamma=0.5)[..., 0]
    np.testing.assert_allclose(values[0], [(3.5 + 4) / 2, 4, (3.5 + 4) / 2, 4])
    np.testing.assert_allclose(values[1], [2.5, 4.5, 4.5, 8])


def test_measures_of_an_additive_game_are_its_credit():
    """Payoff 5 u₀ + u₁, and utilities that say so: the advantage is the Shapley value of half the difference."""
    game = MatrixGame([[0.0, 1.0], [5.0, 6.0]])
    found = weigh(subject_of(game, [[0.0, 5.0], [0.0, 1.0]], VDN()), episodes=2)
    np.testing.assert_allclose(found.shapley, [[2.5, 0.5]] * 2, atol=1e-6)
    np.testing.assert_allclose(found.measures["weight x advantage"], [[2.5, 0.5]] * 2, atol=1e-6)
    np.testing.assert_allclose(found.measures["weight"], 1)
    assert found.exact
    assert found.ranks["weight x advantage"] == pytest.approx((1, 1))
    assert np.isnan(found.ranks["weight"][0])  # all weights are equal: they order nobody


def test_wrong_credit_is_told(guards, tmp_path):
    """Utilities that value the first guard most although the last one is worth most."""
    _, played = guards
    upside_down = subject_of(GUARD, [[0.0, 4.0], [0.0, 2.0], [0.0, 1.0]], VDN())
    played = play(upside_down, episodes=1, resumable=True).at(slice(0, 2))
    found = compared(upside_down, played, by_replay(upside_down, played, how=Replays()))
    # credit 2, 1, 0.5 beside the truth 1.625, 2.125, 2: ranks 2, 1, 0 and 0, 2, 1
    assert found.ranks["weight x advantage"][0] == pytest.approx(-0.5)
    write_credit([found], tmp_path, how=Replays())
    assert "rank correlation of -0.50" in (tmp_path / "credit.md").read_text()
    content = json.loads((tmp_path / "credit.json").read_text())
    assert content["seeds"][0]["moments"][0]["shapley"] == pytest.approx([1.625, 2.125, 2])
    assert (tmp_path / "credit-agreement.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("env", "utilities", "sentence", "continuation"),
    [
        (two_step(), WORKING[:2], "Afterwards everyone plays optimally; the discount is 0.99", "optimal"),
        (GUARD, WORKING, "Afterwards the team goes on as it plays; the discount is 0.99", "team"),
    ],
)
def test_the_page_names_what_comes_after_the_moment(env, utilities, sentence, continuation, tmp_path):
    found = weigh(subject_of(env, utilities, VDN()), episodes=1, moments=2)
    assert found.exact
    write_credit([found], tmp_path, how=Replays())
    assert sentence in (tmp_path / "credit.md").read_text()
    assert json.loads((tmp_path / "credit.json").read_text())["continuation"] == continuation


def test_a_sampled_truth_says_how_sure_it_is(guards):
    subject, played = guards
    values = by_replay(subject, played.at(slice(0, 2)), how=Replays(hold=2, draws=32))
    found = compared(subject, played.at(slice(0, 2)), values)
    assert not found.exact
    assert 0 < found.reliability <= 1
    assert "between two halves of the draws" in findings([found])[-1]
    for halves, said in ((0.5, "would come to about 0.82"), (-0.1, "nothing can be told"), (np.nan, "is not known")):
        assert said in findings([dataclasses.replace(found, reliability=halves)])[-1]
    assert "The weight alone reaches" in findings([found])[1]


def test_where_the_world_draws_the_truth_is_a_mean_of_draws():
    """All joint actions are tried, but each reward has noise: no single play is the truth, the mean of many is near."""
    chancy = Guard(luck=1.0)
    subject = subject_of(chancy, WORKING, VDN())
    played = play(subject, episodes=1, resumable=True).at(slice(0, 1))
    values = by_replay(subject, played, how=Replays(gamma=0.9, draws=200))
    assert values.shape == (1, 8, 200)
    assert values[0, -1].std() == pytest.approx(np.sqrt(sum(0.9 ** (2 * t) for t in range(4))), rel=0.2)
    found = compared(subject, played, values)
    assert not found.exact
    np.testing.assert_allclose(found.shapley[0], [0.5 + 1.125, 1 + 1.125, 2], atol=0.5)
    assert compared(subject, played, by_replay(subject_of(GUARD, WORKING, VDN()), played, how=Replays())).exact


def test_what_cannot_be_asked(guards):
    for how, said in (
        (Replays(draws=1), "draws is 1; it must be at least 2"),
        (Replays(draws=10**12), "draws is 1000000000000; it must be at most 100,000"),
        (Replays(gamma=float("nan")), "gamma is nan; it must lie between 0 and 1"),
    ):
        with pytest.raises(QohortError, match=said):
            weigh(guards[0], episodes=1, how=how)
    tables = subject_of(two_step(), [[0.0, 1.0]] * 2, VDN())
    for how, said in (
        (Replays(hold=4), "hold is 4, but games/two-step has tables.*Leave hold at 1"),
        (Replays(draws=32), "draws is 32, but games/two-step has tables.*Leave draws at 16"),
    ):
        with pytest.raises(QohortError, match=said):
            weigh(tables, episodes=1, how=how)
    alone = subject_of(GUARD, WORKING, Independent())
    with pytest.raises(QohortError, match="mixes nothing; there is no credit to weigh"):
        weigh(alone, episodes=1)
