"""Targets against sums written out step by step, and against numbers worked out by hand."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qohort.estimators import returns

GAMMA = 0.9


def stretch(ends: str, seed: int = 0) -> dict[str, np.ndarray]:
    """A stretch of play. One letter a step: `.` goes on, `e` terminates, `c` is cut by the time limit (and looked
    beyond), `x` is cut and counted as the end. After a cut step comes one frame in which nothing is decided: `h`.
    """
    rng = np.random.default_rng(seed)
    steps = len(ends)
    closes = np.array([letter in "ecx" for letter in ends])
    held = np.array([letter == "h" for letter in ends])
    after_known = np.append(~held[1:] & ~closes[:-1], False)
    return {
        "reward": rng.normal(size=steps),
        "discount": np.where([letter in "ex" for letter in ends], 0.0, GAMMA),
        "value_next": rng.normal(size=steps),
        "taken_next": rng.normal(size=steps),
        "connected": after_known,
        "greedy_next": rng.random(steps) < 0.5,
        "decided": ~held,
    }


STRETCHES = ["....", "..e..", "..ch..", "..xh..", ".ch.e...", "e", "ch", "..........", "eee", "....e"]


def future(s: dict[str, np.ndarray], t: int) -> list[int]:
    """The steps of the same episode that follow step t inside the stretch."""
    out = []
    while s["connected"][t]:
        t += 1
        out.append(t)
    return out


def k_step(s: dict[str, np.ndarray], t: int, k: int) -> float:
    """Rewards of `k` steps and the value after them, or what there is before the end."""
    chain = [t, *future(s, t)][:k]
    total, weight = 0.0, 1.0
    for step in chain:
        total += weight * s["reward"][step]
        weight *= s["discount"][step]
    return total + weight * s["value_next"][chain[-1]]


def brute_td_lambda(s: dict[str, np.ndarray], t: int, lambda_: float, length: int | None = None) -> float:
    """The λ-weighted average of all k-step targets; the last one takes the weight that is left."""
    longest = len(future(s, t)) + 1 if length is None else length
    weights = [(1 - lambda_) * lambda_ ** (k - 1) for k in range(1, longest)] + [lambda_ ** (longest - 1)]
    return sum(w * k_step(s, t, k) for w, k in zip(weights, range(1, longest + 1), strict=True))


def brute_q_lambda(s: dict[str, np.ndarray], t: int, lambda_: float) -> float:
    """Q(s_t, u_t) plus the sum of discounted, λ-weighted TD errors; the current value cancels."""
    chain = [t, *future(s, t)]
    total, weight = s["reward"][t] + s["discount"][t] * s["value_next"][t], 1.0
    for before, step in itertools.pairwise(chain):
        weight *= lambda_ * s["discount"][before]
        error = s["reward"][step] + s["discount"][step] * s["value_next"][step] - s["taken_next"][before]
        total += weight * error
    return total


def arrays(s: dict[str, np.ndarray], *names: str) -> list[jnp.ndarray]:
    return [jnp.asarray(s[name], bool if s[name].dtype == bool else jnp.float32) for name in names]


BASE = ("reward", "discount", "value_next")


@pytest.mark.parametrize("ends", STRETCHES)
@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_td_lambda_is_the_weighted_average_of_k_step_targets(ends: str, lambda_: float):
    s = stretch(ends)
    got = returns.td_lambda(*arrays(s, *BASE), connected=jnp.asarray(s["connected"]), lambda_=lambda_)
    want = [brute_td_lambda(s, t, lambda_) for t in range(len(ends))]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ends", STRETCHES)
@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_q_lambda_is_the_sum_of_td_errors(ends: str, lambda_: float):
    s = stretch(ends)
    got = returns.q_lambda(*arrays(s, *BASE, "taken_next"), connected=jnp.asarray(s["connected"]), lambda_=lambda_)
    want = [brute_q_lambda(s, t, lambda_) for t in range(len(ends))]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ends", STRETCHES)
def test_watkins_cuts_in_front_of_the_first_exploratory_action(ends: str):
    s = stretch(ends, seed=3)
    got = returns.watkins_q_lambda(
        *arrays(s, *BASE),
        greedy_next=jnp.asarray(s["greedy_next"]),
        connected=jnp.asarray(s["connected"]),
        lambda_=0.7,
    )
    for t in range(len(ends)):
        length = 1
        for before in [t, *future(s, t)][:-1]:
            if not s["greedy_next"][before]:
                break
            length += 1
        assert got[t] == pytest.approx(brute_td_lambda(s, t, 0.7, length), abs=1e-5)


@pytest.mark.parametrize("ends", STRETCHES)
@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_n_step_sums_n_rewards_or_what_there_is(ends: str, n: int):
    s = stretch(ends)
    got = returns.n_step(*arrays(s, *BASE), connected=jnp.asarray(s["connected"]), n=n)
    want = [k_step(s, t, min(n, len(future(s, t)) + 1)) for t in range(len(ends))]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=".e", min_size=6, max_size=6), st.floats(0, 1), st.integers(0, 1000))
def test_any_pattern_of_ends(ends: str, lambda_: float, seed: int):
    s = stretch(ends, seed)
    connected = jnp.asarray(s["connected"])
    got = returns.td_lambda(*arrays(s, *BASE), connected=connected, lambda_=lambda_)
    corrected = returns.q_lambda(*arrays(s, *BASE, "taken_next"), connected=connected, lambda_=lambda_)
    np.testing.assert_allclose(got, [brute_td_lambda(s, t, lambda_) for t in range(6)], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(corrected, [brute_q_lambda(s, t, lambda_) for t in range(6)], rtol=1e-4, atol=1e-4)


def test_lambda_zero_is_one_step_and_lambda_one_is_monte_carlo():
    s = stretch("...e")
    connected = jnp.asarray(s["connected"])
    one = returns.one_step(*arrays(s, *BASE))
    np.testing.assert_allclose(returns.td_lambda(*arrays(s, *BASE), connected=connected, lambda_=0.0), one, rtol=1e-6)
    mc = returns.td_lambda(*arrays(s, *BASE), connected=connected, lambda_=1.0)
    assert mc[0] == pytest.approx(sum(GAMMA**k * s["reward"][k] for k in range(4)), rel=1e-5)


def test_by_hand():
    """γ = 0.5, λ = 0.5, rewards 1 2 3, the last step terminates; V(s₁) = 4, V(s₂) = 6.

    G₂ = 3;  G₁ = 2 + 0.5 (0.5·6 + 0.5·3) = 4.25;  G₀ = 1 + 0.5 (0.5·4 + 0.5·4.25) = 3.0625.
    With Q(s₁,u₁) = 5 and Q(s₂,u₂) = 2, Q(λ): G₁ = 2 + 0.5 (6 + 0.5 (3 − 2)) = 5.25;
    G₀ = 1 + 0.5 (4 + 0.5 (5.25 − 5)) = 3.0625.
    """
    reward, discount = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.5, 0.5, 0.0])
    value_next, taken_next = jnp.array([4.0, 6.0, 99.0]), jnp.array([5.0, 2.0, 99.0])
    connected = jnp.array([True, True, False])
    chain = {"connected": connected, "lambda_": 0.5}
    np.testing.assert_allclose(returns.td_lambda(reward, discount, value_next, **chain), [3.0625, 4.25, 3.0])
    got = returns.q_lambda(reward, discount, value_next, taken_next, **chain)
    np.testing.assert_allclose(got, [3.0625, 5.25, 3.0])


def test_the_released_q_lambda_is_the_right_one_plus_the_gap_of_the_step_itself():
    s = stretch("......e")
    rng = np.random.default_rng(5)
    value, taken = rng.normal(size=8), rng.normal(size=8)
    base = (jnp.asarray(s["reward"]), jnp.asarray(s["discount"]), jnp.asarray(value[1:]))
    chain = {"connected": jnp.asarray(s["connected"]), "lambda_": 0.6}
    released = returns.q_lambda_pymarl2(*base, value=jnp.asarray(value[:-1]), taken=jnp.asarray(taken[:-1]), **chain)
    right = returns.q_lambda(*base, jnp.asarray(taken[1:]), **chain)
    np.testing.assert_allclose(released - right, value[:-1] - taken[:-1], rtol=1e-4, atol=1e-5)


def test_q_lambda_keeps_the_optimum_where_td_lambda_does_not():
    """With exact Q*, a target that corrects for exploration reproduces Q*; an uncorrected one is pulled away."""
    rng = np.random.default_rng(1)
    value = rng.normal(size=9) + 3
    taken = value - rng.exponential(size=9)  # exploratory actions are worth less
    reward = taken[:-1] - GAMMA * value[1:]
    base = (jnp.asarray(reward), jnp.full(8, GAMMA), jnp.asarray(value[1:]))
    chain = {"connected": jnp.array([True] * 7 + [False]), "lambda_": 0.8}
    right = returns.q_lambda(*base, jnp.asarray(taken[1:]), **chain)
    np.testing.assert_allclose(right, taken[:-1], rtol=1e-5, atol=1e-5)
    assert np.max(np.abs(returns.td_lambda(*base, **chain) - taken[:-1])) > 0.1
