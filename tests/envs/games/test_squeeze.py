"""The Gaussian squeezes by hand."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import make
from qohort.envs.games.squeeze import DOMAINS, GaussianSqueeze, Squeeze
from qohort.errors import QohortError
from qohort.scene import Circles

KEY = jax.random.key(0)
ONE, TWO = (GaussianSqueeze(name=name) for name in DOMAINS)
step = eqx.filter_jit(lambda env, state, actions: env.step(KEY, state, actions))


def squeeze(*worth):
    return Squeeze(jnp.array(worth, jnp.float32), jnp.zeros(10, jnp.int32), jnp.array(False))


def gain(env, state, *effort):
    _, outcome = step(env, state, jnp.array(effort))
    assert outcome.terminated
    return float(outcome.reward[0]), {name: float(value) for name, value in outcome.metrics.items()}


EVEN = squeeze(*[1.0] * 10)


@pytest.mark.parametrize(
    ("env", "efforts", "use", "reward"),
    [
        (ONE, [8] * 10, 8.0, 8.0),
        (ONE, [10] * 8 + [0] * 2, 8.0, 8.0),
        (ONE, [8] * 5 + [9] * 5, 8.5, 8.5 * np.exp(-1)),
        (ONE, [5] * 10, 5.0, 0.0),
        (TWO, [5] * 10, 5.0, 5.0),
        (TWO, [6] * 10, 6.0, 6 * np.exp(-1)),
        (TWO, [8] * 10, 8.0, 8 + 8 * np.exp(-9)),
    ],
)
def test_rewards(env, efforts, use, reward):
    gained, metrics = gain(env, EVEN, *efforts)
    assert gained == pytest.approx(reward, abs=1e-5)
    assert metrics["use"] == pytest.approx(use)
    # the greatest reward lies a little beyond 8: x + x² (8 - x) 8 = 0 at 8.0156, where it is 8.0078
    assert metrics["share"] == pytest.approx(reward / 8.0078, abs=2e-3)


def test_efforts_count_by_their_worth():
    gained, metrics = gain(ONE, squeeze(2, 0, 0, 0, 0, 0, 0, 0, 0, 1.5), 10, 9, 9, 9, 9, 9, 9, 9, 9, 4)
    assert metrics["use"] == pytest.approx((20 + 6) / 10)
    assert gained == pytest.approx(2.6 * np.exp(-((2.6 - 8) ** 2) / 0.25), abs=1e-6)


def test_the_share_is_of_what_the_team_can_reach():
    """With half the worth the use is at most 5: that is the best there is."""
    weak = squeeze(*[0.5] * 10)
    assert gain(TWO, weak, *[10] * 10)[1]["share"] == pytest.approx(1.0, abs=2e-2)
    assert gain(TWO, weak, *[8] * 10)[1]["share"] < 0.5


def test_worth_is_drawn_from_0_to_the_spread():
    for spread in (2.0, 1.0):
        worth = jax.vmap(make("games/gaussian-squeeze", spread=spread).reset)(jax.random.split(KEY, 200)).worth
        assert 0 <= worth.min() < 0.02 * spread
        assert 0.98 * spread < worth.max() <= spread


def test_each_agent_has_a_worth_of_its_own():
    worth = np.asarray(jax.vmap(ONE.reset)(jax.random.split(KEY, 400)).worth)
    between = np.corrcoef(worth.T)[~np.eye(10, dtype=bool)]
    assert np.abs(between).max() < 0.25  # five deviations


def test_what_is_seen():
    state = squeeze(*np.arange(10) / 5)
    seen = ONE.observe(state)
    np.testing.assert_allclose(seen.obs[3], [0.6, *np.arange(10) / 5], rtol=1e-6)
    np.testing.assert_allclose(seen.units[:, 0], np.arange(10) / 5, rtol=1e-6)
    seen = make("games/gaussian-squeeze", seen="own").observe(state)
    np.testing.assert_allclose(seen.obs[:, 0], np.arange(10) / 5, rtol=1e-6)
    assert seen.obs.shape == (10, 1)


def test_domains_of_ones_own():
    env = make("games/gaussian-squeeze?domains=[[3, 1], [6, 2]]&agents=2&efforts=7")
    _, outcome = env.step(KEY, Squeeze(jnp.ones(2), jnp.zeros(2, jnp.int32), jnp.array(False)), jnp.array([6, 6]))
    np.testing.assert_allclose(outcome.reward, [6 + 6 * np.exp(-9)], rtol=1e-6)


def test_the_picture_marks_the_use_once_it_is_made():
    before = ONE.scene(EVEN).layers[3]
    assert not before.visible.any()
    played, _ = step(ONE, EVEN, jnp.full(10, 8))
    mark = ONE.scene(played).layers[3]
    assert isinstance(mark, Circles)
    assert mark.visible.all()
    np.testing.assert_allclose(mark.centre[0, 0], 10 * 8 / 20, rtol=1e-5)


def test_the_picture_has_room_for_every_use_and_few_numbers():
    """The mark is at the height of the curve, however narrow its peak is and however far it lies."""
    for options in ("agents=1&domains=[[15, 1]]", "spread=0.05", "spread=1e6", "domains=[[8, 0.001]]"):
        env = make(f"games/gaussian-squeeze?{options}")
        assert isinstance(env, GaussianSqueeze)
        n = env.spec.n_agents
        worth = jnp.full(n, 0.8 * env.spread)
        scene: Any = env.scene(Squeeze(worth, jnp.full(n, 10, jnp.int32), jnp.array(True)))
        left, bottom, right, top = scene.bounds
        x, y = np.asarray(scene.layers[3].centre[0])
        assert left <= x <= right
        assert bottom <= y <= top
        assert 2 < len(scene.layers[4].texts) < 20


def test_a_share_is_of_the_best_however_narrow_the_peak():
    for width in (0.05, 0.01, 0.001):
        env = make(f"games/gaussian-squeeze?domains=[[8, {width}]]")
        _, outcome = step(env, EVEN, jnp.full(10, 8))
        np.testing.assert_allclose(outcome.metrics["share"], 1.0, atol=1e-4)
        np.testing.assert_allclose(step(env, EVEN, jnp.full(10, 9))[1].metrics["share"], 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"agents": 0}, "`agents` is 0"),
        ({"efforts": 1}, "`efforts` is 1, but it must be at least 2"),
        ({"spread": 0.0}, "`spread` is 0"),
        ({"domains": [[8.0, 0.0]]}, "`domains` is .*widths greater than 0"),
        ({"domains": [8.0, 0.5]}, "`domains` is .*a list of pairs"),
        ({"domains": [[8.0, 0.5], [5.0]]}, "`domains` is .*a list of pairs"),
        ({"seen": "none"}, '`seen` is \'none\', but it must be "all" or "own"'),
    ],
)
def test_squeezes_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=f"games/gaussian-squeeze: {words}"):
        make("games/gaussian-squeeze", **option)
