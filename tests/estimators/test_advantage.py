"""Advantages against sums written out and numbers worked out by hand; moments against their definition."""

import jax.numpy as jnp
import numpy as np
import pytest

from qohort.estimators import advantage, value_scale

GAMMA, LAMBDA = 0.9, 0.7


def window(steps: int, batch: int, seed: int) -> dict[str, np.ndarray]:
    """Episodes begin and end anywhere; after a time limit comes a frame in which nothing is decided; blank rows end
    some columns, as stretches of fresh play have them."""
    rng = np.random.default_rng(seed)
    flags = {name: np.zeros((steps, batch), bool) for name in ("terminated", "truncated")}
    first, valid = np.zeros((steps + 1, batch), bool), np.ones((steps, batch), bool)
    for column in range(batch):
        for t in range(steps):
            if t and flags["truncated"][t - 1, column]:
                valid[t, column] = False
                first[t + 1, column] = True
                continue
            kind = rng.integers(5)
            flags["terminated"][t, column] = kind == 0
            flags["truncated"][t, column] = kind == 1
            first[t + 1, column] |= kind == 0
        valid[steps - rng.integers(3) :, column] = False
    return {"first": first, "valid": valid, **flags}


def brute(flags: dict[str, np.ndarray], reward: np.ndarray, values: np.ndarray, *, beyond: bool) -> np.ndarray:
    """The sum of discounted errors for each step by itself, until the episode or the play ends."""
    steps, batch = reward.shape
    out = np.full((steps, batch), np.nan)
    for column in range(batch):
        for t in range(steps):
            total, weight = 0.0, 1.0
            for k in range(t, steps):
                ends = flags["terminated"][k, column] or (flags["truncated"][k, column] and not beyond)
                follows = 0.0 if ends else GAMMA * values[k + 1, column]
                total += weight * (reward[k, column] + follows - values[k, column])
                weight *= GAMMA * LAMBDA
                over = flags["terminated"][k, column] or flags["truncated"][k, column]
                if over or k + 1 == steps or not flags["valid"][k + 1, column]:
                    break
            out[t, column] = total
    return out


@pytest.mark.parametrize("beyond", [True, False])
def test_every_advantage_is_its_own_sum(beyond: bool):
    rng = np.random.default_rng(0)
    for seed in range(20):
        flags = window(9, 6, seed)
        reward, values = rng.normal(size=(9, 6)), rng.normal(size=(10, 6))
        reward[~flags["valid"]] = 1e6
        got, targets = advantage.advantages(
            jnp.asarray(reward[..., None], jnp.float32),
            jnp.asarray(values[..., None], jnp.float32),
            **{name: jnp.asarray(flag) for name, flag in flags.items()},
            gamma=GAMMA,
            lambda_=LAMBDA,
            bootstrap_time_limit=beyond,
        )
        want = brute(flags, reward, values, beyond=beyond)
        where = flags["valid"]
        np.testing.assert_allclose(np.asarray(got)[where, 0], want[where], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(np.asarray(targets)[where, 0], (want + values[:-1])[where], rtol=1e-4, atol=1e-4)
        assert np.isfinite(got).all()


def test_numbers_worked_out_by_hand():
    """Two steps until the time limit, the state that it left, then an episode that terminates.

    Looking beyond: δ = (1 + .9·2 − 1, 2 + .9·4 − 2) = (1.8, 3.6), A = (1.8 + .63·3.6, 3.6) = (4.068, 3.6);
    with the limit as the end the second error is 2 − 2 = 0, and A = (1.8, 0). The last step: 5 − 3 = 2.
    """
    row = {
        "first": [1, 0, 0, 1, 1],
        "terminated": [0, 0, 0, 1],
        "truncated": [0, 1, 0, 0],
        "valid": [1, 1, 0, 1],
    }
    flags = {name: jnp.asarray(flag, bool)[:, None] for name, flag in row.items()}
    for beyond, want in ((True, [4.068, 3.6, 2.0]), (False, [1.8, 0.0, 2.0])):
        got, _ = advantage.advantages(
            jnp.asarray([1.0, 2.0, 0.0, 5.0])[:, None, None],
            jnp.asarray([1.0, 2.0, 4.0, 3.0, 7.0])[:, None, None],
            **flags,
            gamma=GAMMA,
            lambda_=LAMBDA,
            bootstrap_time_limit=beyond,
        )
        np.testing.assert_allclose(np.asarray(got)[np.asarray(flags["valid"])[:, 0], 0, 0], want, rtol=1e-6)


def test_moments_forget_that_they_began_at_zero():
    """After two batches of means 2 and 4 and squares 5 and 17, weighed by β and 1, the mean is 3 and the square 11."""
    moments = value_scale.no_moments()
    everyone = jnp.ones(2, bool)
    for batch in ([1.0, 3.0], [3.0, 5.0]):
        moments = value_scale.observed(moments, jnp.asarray(batch), everyone)
    mean, scale = value_scale.centre_and_scale(moments)
    assert float(moments.weight) == pytest.approx(2e-5, rel=1e-3)
    assert float(mean) == pytest.approx(3.0, rel=1e-3)
    assert float(scale) == pytest.approx(2**0.5, rel=1e-2)
    seen = jnp.asarray([-3.0, 0.5, 8.0])
    np.testing.assert_allclose(
        value_scale.denormalised(moments, value_scale.normalised(moments, seen)), seen, rtol=1e-5, atol=1e-5
    )


def test_rows_that_do_not_count_have_no_say():
    counted = jnp.asarray([True, False, True])
    with_noise, without = (
        value_scale.observed(value_scale.no_moments(), jnp.asarray([1.0, noise, 3.0]), counted) for noise in (1e6, 0.0)
    )
    assert with_noise.mean == without.mean
    got = advantage.standardised(jnp.asarray([1.0, 1e6, 3.0]), counted)
    np.testing.assert_allclose(got, [-1.0, 0.0, 1.0], rtol=1e-4)


def test_before_anything_was_observed_and_without_normalisation():
    """The variance is never below 0.01, as in the published code; without normalisation nothing changes."""
    values = jnp.asarray([-2.0, 3.0])
    np.testing.assert_allclose(value_scale.denormalised(value_scale.no_moments(), values), 0.1 * values, rtol=1e-6)
    np.testing.assert_array_equal(value_scale.denormalised(value_scale.as_they_are(), values), values)
    np.testing.assert_array_equal(value_scale.normalised(value_scale.as_they_are(), values), values)
