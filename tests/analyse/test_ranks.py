"""Entropies, rank correlations, intervals and exchanges of keys, with numbers worked out by hand."""

import math
import tracemalloc

import numpy as np
import pytest

from qohort.analyse.ranks import (
    correlation,
    exchanged,
    known_mean,
    known_quantile,
    normalised_entropy,
    over_seeds,
    rank_directions,
)

EVERYONE = np.ones((1, 4), bool)


def test_entropy_is_over_the_living_and_divided_by_what_uniform_has():
    shares = np.array([[0.25, 0.25, 0.25, 0.25], [0.5, 0.25, 0.25, 0.0], [0.2, 0.2, 0.6, 0.0], [0.1, 0.2, 0.3, 0.4]])
    among = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]], bool)
    half = 0.5 * math.log(2) + 0.5 * math.log(4)
    found = normalised_entropy(shares, among)
    np.testing.assert_allclose(found[:3], [1.0, half / math.log(4), 1.0])
    assert np.isnan(found[3])


def test_ranks_among_the_living_with_ties():
    """Health 5, 3, 3, and a dead one; λ 0.5, 0.3, 0.1. Ranks 2, 0.5, 0.5 and 2, 1, 0: r = 1.5 / √(1.5 · 2)."""
    among = np.array([[True, True, True, False]])
    health, share = np.array([[5.0, 3.0, 3.0, 9.0]]), np.array([[0.5, 0.3, 0.1, 0.9]])
    found = correlation(rank_directions(health, among), rank_directions(share, among))
    assert found == pytest.approx(math.sqrt(0.75))
    opposite = correlation(rank_directions(-health, among), rank_directions(share, among))
    assert opposite == pytest.approx(-math.sqrt(0.75))


def test_ranks_by_comparing_all_pairs():
    """Twice the rank less its mean is how many are below less how many are above; dead ones are neither."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, size=(3, 50, 6)).astype(np.float32)
    alive = rng.random((50, 6)) < 0.7
    pairs = alive[:, :, None] & alive[:, None, :]
    above = np.where(pairs, np.sign(values[..., :, None] - values[..., None, :]), 0).sum(axis=-1)
    found = rank_directions(values, alive[None])
    assert found.dtype == np.float32
    length = np.sqrt((above**2).sum(axis=-1, keepdims=True))
    np.testing.assert_array_equal(found, np.divide(above, length, out=np.zeros_like(above), where=length > 0))


def test_a_row_with_an_unknown_value_has_no_order():
    everyone = np.ones((1, 3), bool)
    assert not rank_directions(np.array([[1.0, np.nan, 2.0]]), everyone).any()
    dead = np.array([[True, False, True]])
    np.testing.assert_allclose(rank_directions(np.array([[1.0, np.nan, 2.0]]), dead), [[-(0.5**0.5), 0, 0.5**0.5]])


def test_ranks_of_many_agents_take_no_table_of_pairs():
    """A table of pairs is 128 MB for these 800 kB."""
    values, alive = np.random.default_rng(0).random((10, 10, 1000)), np.ones((10, 1000), bool)
    tracemalloc.start()
    rank_directions(values, alive[None])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * values.nbytes


def test_moments_without_an_order_are_not_counted():
    left = rank_directions(np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]]), np.ones((2, 4), bool))
    right = rank_directions(np.array([[1.0, 2.0, 4.0, 3.0], [1.0, 2.0, 3.0, 4.0]]), np.ones((2, 4), bool))
    assert correlation(left, right) == pytest.approx(0.8)  # 1 − 6 · 2 / (4 · 15) of the first moment alone
    assert np.isnan(correlation(left[1:], right[1:]))


def test_what_is_unknown_everywhere_stays_unknown():
    values = np.array([[1.0, np.nan, 3.0], [3.0, np.nan, np.nan]])
    np.testing.assert_array_equal(known_mean(values, axis=0), [2.0, np.nan, 3.0])
    np.testing.assert_array_equal(known_quantile(values, 0.5), [2.0, np.nan, 3.0])
    np.testing.assert_array_equal(known_quantile(values[:, 1], [0.1, 0.9]), [np.nan, np.nan])


def test_intervals_are_students():
    """1, 2, 3: mean 2, deviation 1, so 2 ± 4.303 / √3; one seed has no interval, unknown ones are left out."""
    found = over_seeds(np.array([1.0, 2.0, np.nan, 3.0]))
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 2.4843, 2 + 2.4843), abs=1e-3)
    assert over_seeds(np.array([0.1, 0.9, 0.9]), least=0.0, greatest=1.0).high == 1
    assert np.isnan(over_seeds(np.array([1.0])).low)
    assert np.isnan(over_seeds(np.array([np.nan])).value)


def test_keys_are_exchanged_among_the_living_for_a_whole_episode():
    rng = np.random.default_rng(0)
    alive = np.array([[1, 1, 1, 1, 1]] * 3 + [[1, 0, 1, 1, 0]] * 2 + [[1, 1, 1, 1, 1]] * 3, bool)
    episode = np.array([4] * 5 + [7] * 3)
    draws = [exchanged(alive, episode, rng) for _ in range(200)]
    for source in draws:
        for row, living in zip(source, alive, strict=True):
            assert sorted(row[living]) == np.flatnonzero(living).tolist()
            np.testing.assert_array_equal(row[~living], np.flatnonzero(~living))
        np.testing.assert_array_equal(source[0], source[2])
        np.testing.assert_array_equal(source[5], source[7])
    first = np.array([source[0] for source in draws])
    assert all(abs((first[:, 0] == giver).mean() - 0.2) < 0.12 for giver in range(5))
    assert any((source[0] != source[5]).any() for source in draws)
