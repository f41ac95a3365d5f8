"""Statistics against numbers worked out by hand, and intervals against how often they hold the truth."""

import numpy as np
import pytest

from qohort.report import statistics


def strata(*worlds: list[float]) -> list[np.ndarray]:
    return [np.array(scores, np.float64) for scores in worlds]


def test_the_interquartile_mean_leaves_out_a_quarter_at_either_end():
    assert statistics.iqm(strata([100.0, 2.0, 1.0, -50.0])) == 1.5
    # Five runs: one at either end; seven: still one; eight: two.
    assert statistics.iqm(strata([9.0, 1.0, 2.0, 3.0, -7.0])) == 2.0
    assert statistics.iqm(strata([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 60.0])) == 3.0
    assert statistics.iqm(strata([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 9.0, 9.0])) == 2.5


def test_three_runs_have_no_quarters():
    assert statistics.iqm(strata([0.0, 1.0, 5.0])) == 2.0


def test_the_interquartile_mean_takes_all_worlds_together():
    # Sorted: 0 0 1 2 | 3 4 8 8 -> the middle four are 1 2 3 4.
    assert statistics.iqm(strata([0.0, 1.0, 8.0, 3.0], [8.0, 0.0, 2.0, 4.0])) == 2.5


UNEQUAL = strata([0.0, 0.5, 1.0], [1.0, 2.0])
"""With equal weights the first world's runs count twice, the second's three times: twelve in all."""


def test_the_interquartile_mean_counts_worlds_the_same():
    # 0 0 .5 | .5 1 1 1 1 1 | 2 2 2: the middle six come to 5.5. Pooled, one of five at either end: 2.5/3.
    assert statistics.iqm(UNEQUAL) == pytest.approx(5.5 / 6)
    # Eight runs at 0 beside two at 1: half of the middle is of either world.
    assert statistics.iqm(strata([0.0] * 8, [1.0, 1.0])) == 0.5


def test_a_gap_and_a_profile_count_worlds_the_same():
    # The first world's runs fall short by 1, 0.5 and 0, the second's by nothing; pooled it would be 0.3.
    assert statistics.optimality_gap(UNEQUAL) == pytest.approx(0.25)
    profile = statistics.performance_profile(UNEQUAL, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(profile, [(2 / 3 + 1) / 2, (1 / 3 + 1) / 2, 1 / 4])


def test_runs_that_are_there_twice_change_nothing():
    """Not the world's share of the aggregate, and not the middle half, where a quarter of all is whole."""
    worlds = strata([0.1, 0.4, 0.9, 0.2], [0.7, 0.3, 0.8, 0.6])
    doubled = [np.tile(worlds[0], 2), worlds[1]]
    for statistic in (statistics.iqm, statistics.mean, statistics.median, statistics.optimality_gap):
        assert statistic(doubled) == pytest.approx(float(statistic(worlds)), rel=1e-14)


@pytest.mark.parametrize("runs", [1, 3, 5, 8])
def test_with_equally_many_runs_all_of_them_are_pooled(runs: int):
    worlds = list(np.random.default_rng(runs).random((3, runs)))
    every = np.sort(np.concatenate(worlds))
    cut = len(every) // 4
    assert statistics.iqm(worlds) == pytest.approx(every[cut : len(every) - cut].mean(), rel=1e-14)
    assert statistics.optimality_gap(worlds, target=0.5) == pytest.approx(0.5 - np.minimum(every, 0.5).mean())
    profile = statistics.performance_profile(worlds, np.array([0.25, 0.75]))
    np.testing.assert_allclose(profile, [(every > 0.25).mean(), (every > 0.75).mean()])


def test_mean_and_median_are_over_worlds_of_the_mean_over_runs():
    worlds = strata([0.0, 2.0], [10.0], [3.0, 4.0, 5.0, 4.0])
    assert statistics.mean(worlds) == 5.0
    assert statistics.median(worlds) == 4.0


def test_the_median_of_one_world_is_over_its_runs():
    assert statistics.median(strata([1.0, 2.0, 30.0])) == 2.0


def test_the_optimality_gap_gives_nothing_for_more_than_the_target():
    assert statistics.optimality_gap(strata([0.5, 1.0], [3.0, 0.0])) == pytest.approx(0.375)
    assert statistics.optimality_gap(strata([1.0, 2.0]), target=2.0) == 0.5


def test_a_profile_is_the_fraction_strictly_above():
    profile = statistics.performance_profile(strata([0.0, 0.5], [0.5, 1.0]), np.array([0.0, 0.25, 0.5, 1.0]))
    assert profile.tolist() == [0.75, 0.75, 0.25, 0.0]


def test_probability_of_improvement_counts_ties_half_and_averages_worlds():
    better, worse = strata([1.0, 2.0], [0.0]), strata([1.0, 0.0, 3.0], [5.0])
    # World 1: of six pairs 1>0, 2>1, 2>0 are won and 1=1 is a tie: 3.5/6; world 2: none.
    assert statistics.probability_of_improvement(better, worse) == pytest.approx(3.5 / 12)
    assert statistics.probability_of_improvement(worse, better) == pytest.approx(1 - 3.5 / 12)


def test_the_interval_of_two_runs_by_enumeration():
    """Of two runs, resamples are 00, 01, 10 and 11: the extremes have a quarter each, so they are the bounds."""
    interval = statistics.interval(strata([0.0, 1.0]), statistics.mean)
    assert (interval.value, interval.low, interval.high) == (0.5, 0.0, 1.0)


def test_resamples_stay_in_their_world():
    """Worlds without spread have no uncertainty, however far they are apart."""
    interval = statistics.interval(strata([0.0, 0.0, 0.0], [9.0, 9.0]), statistics.mean)
    assert (interval.low, interval.high) == (4.5, 4.5)


def test_one_run_has_no_interval():
    for interval in (
        statistics.interval(strata([3.0]), statistics.iqm),
        statistics.improvement_interval(strata([3.0]), strata([2.0])),
    ):
        assert np.isnan([interval.low, interval.high]).all()
    assert statistics.improvement_interval(strata([3.0]), strata([2.0])).value == 1.0
    band = statistics.profile_band(strata([3.0]), np.array([1.0, 4.0]))
    assert band.value.tolist() == [1.0, 0.0]
    assert np.isnan(band.low).all()


def test_the_interval_of_an_improvement_by_enumeration():
    """One of the two runs wins, the other loses: resampled, none to all of the pairs are won."""
    interval = statistics.improvement_interval(strata([0.0, 2.0]), strata([1.0, 1.0]))
    assert (interval.value, interval.low, interval.high) == (0.5, 0.0, 1.0)


def test_intervals_are_the_same_every_time_and_other_seeds_give_others():
    scores = strata(list(np.random.default_rng(0).random(10)))
    first, again = (statistics.interval(scores, statistics.mean) for _ in range(2))
    assert first == again
    assert statistics.interval(scores, statistics.mean, seed=1) != first


def test_a_mean_of_many_runs_has_the_interval_that_theory_says():
    scores = np.random.default_rng(1).normal(size=400)
    interval = statistics.interval([scores], statistics.mean, resamples=8000)
    width = 1.96 * scores.std() / 20
    assert interval.low == pytest.approx(scores.mean() - width, abs=0.01)
    assert interval.high == pytest.approx(scores.mean() + width, abs=0.01)


@pytest.mark.parametrize(("runs", "least", "most"), [(20, 0.89, 0.98), (5, 0.75, 0.93)])
def test_how_often_an_interval_holds_the_truth(runs: int, least: float, most: float):
    """Near 95 % of twenty runs, clearly less of five: the sentence about few seeds is earned."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        interval = statistics.interval([rng.normal(size=runs)], statistics.iqm, resamples=500)
        held += interval.low <= 0 <= interval.high
    assert least < held / 300 < most


def test_a_curve_is_the_mean_of_the_middle_at_every_point():
    runs = np.array([[0.0, 4.0], [1.0, 1.0], [2.0, 2.0], [90.0, 3.0]])
    band = statistics.curve_band([runs])
    assert band.value.tolist() == [1.5, 2.5]
    assert band.alive.tolist() == [4, 4]
    assert (band.low <= band.value).all()
    assert (band.value <= band.high).all()


def test_where_runs_are_missing_the_others_are_taken():
    runs = np.array([[0.0, 1.0, np.nan], [2.0, np.nan, np.nan]])
    band = statistics.curve_band([runs])
    assert band.value[:2].tolist() == [1.0, 1.0]
    assert np.isnan(band.value[2])
    assert band.alive.tolist() == [2, 1, 0]
    assert (band.low[0], band.high[0]) == (0.0, 2.0)
    assert np.isnan(band.low[1:]).all()


def test_a_curve_over_worlds_is_nowhere_where_a_world_is_missing():
    band = statistics.curve_band([np.array([[1.0, 1.0]]), np.array([[3.0, np.nan]])])
    assert band.value[0] == 2.0
    assert np.isnan(band.value[1])
    assert band.alive.tolist() == [2, 0]


def test_a_curve_over_worlds_counts_them_the_same_whichever_runs_are_there():
    """The first world has three runs and then one; the second always one."""
    band = statistics.curve_band([np.array([[0.0, 0.0], [0.0, np.nan], [0.0, np.nan]]), np.array([[1.0, 1.0]])])
    # Of 0 0 0 1 1 1 the middle four, then of 0 1 both; pooled the first would be the mean of 0 0.
    assert band.value.tolist() == [0.5, 0.5]
    assert band.alive.tolist() == [4, 2]
    assert (band.low[0], band.high[0]) == (0.5, 0.5)


def test_a_profile_has_bounds_where_worlds_have_different_numbers_of_runs():
    band = statistics.profile_band(strata([0.0, 1.0], [1.0]), np.array([0.5]))
    assert (band.value[0], band.low[0], band.high[0]) == (0.75, 0.5, 1.0)


def test_bands_are_those_of_the_points_alone():
    runs = np.random.default_rng(3).random((6, 40))
    band = statistics.curve_band([runs])
    alone = statistics.interval([runs[:, 7]], statistics.iqm)
    assert (band.value[7], band.low[7], band.high[7]) == pytest.approx((alone.value, alone.low, alone.high))


def test_the_first_evaluation_at_or_above_counts():
    steps, values = np.array([0, 10, 20, 30]), np.array([0.0, 0.4, 0.5, 0.3])
    assert statistics.first_reach(steps, values, 0.5) == 20.0
    assert statistics.first_reach(steps, values, 0.2) == 10.0
    assert statistics.first_reach(steps, values, 0.51) == np.inf


def test_a_mean_that_was_rounded_to_single_precision_reaches_what_it_is():
    """19 of 20 won was written as 0.949999988079071; 18 of 20, and a value truly below, are still below."""
    steps = np.array([0, 10])
    won = np.array([0.9, float(np.mean(np.arange(20, dtype=np.float32) > 0, dtype=np.float32))])
    assert won[1] < 0.95
    assert statistics.first_reach(steps, won, 0.95) == 10.0
    assert statistics.first_reach(steps, won - 1e-7, 0.95) == np.inf


@pytest.mark.parametrize(
    ("times", "median"),
    [
        ([10.0, 30.0, np.inf], 30.0),
        ([10.0, np.inf, np.inf], np.inf),
        ([10.0, 20.0, 30.0, np.inf], 25.0),
        ([10.0, 20.0, np.inf, np.inf], np.inf),
        ([7.0], 7.0),
        ([np.inf], np.inf),
    ],
)
def test_the_median_counts_runs_that_never_got_there(times: list[float], median: float):
    assert statistics.censored_median(np.array(times)) == median


def test_the_area_is_the_mean_height_up_to_a_step():
    steps, values = np.array([0, 10, 20]), np.array([0.0, 1.0, 1.0])
    assert statistics.area_under_curve(steps, values, 20) == 0.75
    assert statistics.area_under_curve(steps, values, 10) == 0.5
    assert statistics.area_under_curve(steps, values, 15) == pytest.approx((5 + 5) / 15)
    assert statistics.area_under_curve(steps, values, 0) == 0.0
    assert np.isnan(statistics.area_under_curve(steps, values, 21))


def test_nothing_is_drawn_beyond_a_run():
    grid = np.array([0.0, 5.0, 10.0, 15.0, 25.0])
    line = statistics.on_grid(np.array([5, 15]), np.array([1.0, 3.0]), grid)
    assert line[1:4].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(line[[0, 4]]).all()


def test_wilsons_interval_is_that_of_the_textbook():
    """8 of 10: Agresti and Coull (1998) give (0.490, 0.943); at the ends it stays within 0 and 1."""
    assert statistics.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert statistics.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert statistics.wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_ranks_of_equals_are_shared():
    assert statistics.ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [2.5, 0.0, 2.5, 1.0]


def test_spearmans_correlation():
    """Ranks 0 1 2 3 against 0 2 1 3: 1 − 6·(1 + 1) / (4·15) = 0.8. Any monotone change of values leaves it."""
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 30.0, 20.0, 40.0])
    assert statistics.spearman(a, b) == pytest.approx(0.8)
    assert statistics.spearman(np.exp(a), b) == pytest.approx(0.8)
    assert statistics.spearman(a, -b) == pytest.approx(-0.8)
    assert np.isnan(statistics.spearman(a, np.ones(4)))
