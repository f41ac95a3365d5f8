"""A batch gives the same update whole and in blocks; padding and its averages included."""

import dataclasses

import jax
import numpy as np
import pytest

from qohort import QMIX, Qatten, QohortError, Replayed, ValueDecomposition
from qohort.algorithms.blocks import ROWS, episodes_at_once
from qohort.bench.update import SHAPES, random_window, spec_of
from qohort.mixers.base import AbstractMixerConfig

SHAPE = dataclasses.replace(SHAPES[0], steps=5)


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("mixer", [Qatten(heads=2), QMIX()], ids=["qatten", "qmix"])
def test_blocks_change_rounding_only(mixer: AbstractMixerConfig, at_once: int):
    window = random_window(SHAPE, 4)
    valid = window.valid.at[3:, 1].set(False).at[4:, 0].set(False).at[4:, 2:].set(False)  # nobody plays the last row
    window = dataclasses.replace(window, valid=valid)
    whole = ValueDecomposition(mixer=mixer, feed=Replayed(batch=4), estimator="td-lambda", at_once=4)
    learner = whole.init(spec_of(SHAPE), jax.random.key(0))
    target = jax.tree.map(lambda leaf: 0.9 * leaf, learner.target)
    loss, figures, gradient = whole.gradient(learner.params, target, window)
    parted = dataclasses.replace(whole, at_once=at_once).gradient(learner.params, target, window)
    assert parted[0] == pytest.approx(float(loss), rel=1e-5)
    assert {name: pytest.approx(float(value), rel=1e-4, abs=1e-6) for name, value in figures.items()} == parted[1]
    for ours, theirs in zip(jax.tree.leaves(parted[2]), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    assert float(loss) == pytest.approx(float(whole.loss(learner.params, target, window)[0]), rel=1e-6)


def test_blocks_are_divisors_that_fit():
    assert episodes_at_once(rows=ROWS // 4, batch=32) == 4
    assert episodes_at_once(rows=ROWS // 7, batch=32) == 4
    assert episodes_at_once(rows=1, batch=32) == 32
    assert episodes_at_once(rows=10 * ROWS, batch=32) == 1


def test_a_block_that_does_not_divide_the_batch_is_refused():
    with pytest.raises(QohortError, match=r"at_once is 5; it must divide feed.batch, which is 32"):
        ValueDecomposition(at_once=5)
