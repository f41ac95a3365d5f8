"""Replay-free learning: its targets against sums written out step by step, its minibatches, what it refuses."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.registry import METHODS, REPLAY_FREE, preset
from qohort.algorithms.replay_free import ReplayFree
from qohort.algorithms.targets import EstimatorName
from qohort.algorithms.value_decomposition import Params, ValueDecomposition
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import VDN, Independent
from qohort.networks.feedforward import FeedForward
from qohort.replay.fresh import Fresh
from qohort.replay.window import Window
from tests.references.moments import random_moment, spec_of
from tests.worlds import Clock

SPEC = spec_of(agents=2, actions=3, obs=2, state=3, units=1)
STEPS, ENVS = 7, 3
GAMMA, LAMBDA = 0.9, 0.7


def stretch(seed: int = 0) -> Window:
    """In the first environment step 2 terminates, in the second it hits the time limit, and a frame holds the state
    reached; the third plays through. All are cut by the end of the stretch, and the third began before it.
    """
    rng = np.random.default_rng(seed)
    seen = random_moment(SPEC, rng, rows=(STEPS + 1, ENVS))
    avail = np.asarray(seen.avail[:-1])
    terminated, truncated = np.zeros((2, STEPS, ENVS), bool)
    first, valid = np.zeros((STEPS + 1, ENVS), bool), np.ones((STEPS, ENVS), bool)
    terminated[2, 0] = first[3, 0] = truncated[2, 1] = first[4, 1] = True
    valid[3, 1] = False
    return Window(
        observations=seen,
        last_action=jnp.asarray(rng.integers(-1, 3, (STEPS + 1, ENVS, 2))),
        first=jnp.asarray(first),
        actions=jnp.asarray((avail * rng.random(avail.shape)).argmax(axis=-1)),
        reward=jnp.asarray(rng.normal(size=(STEPS, ENVS, 1)), jnp.float32),
        terminated=jnp.asarray(terminated),
        truncated=jnp.asarray(truncated),
        valid=jnp.asarray(valid),
        exploration=jnp.zeros((STEPS, ENVS)),
        carry=jnp.asarray(rng.normal(size=(ENVS, 2, 4)), jnp.float32),
    )


@dataclasses.dataclass(frozen=True)
class Brute:
    """One environment of a stretch, and returns as they are defined."""

    window: Window
    values: np.ndarray
    env: int
    beyond: bool
    """Whether to look beyond the time limit."""

    def value(self, t: int) -> float:
        """The sum over the agents of the best available utility."""
        avail = np.asarray(self.window.observations.avail)[t, self.env]
        return float(np.where(avail, self.values[t, self.env], -np.inf).max(axis=-1).sum())

    def taken(self, t: int) -> float:
        actions = np.asarray(self.window.actions)[t, self.env]
        return float(self.values[t, self.env, np.arange(len(actions)), actions].sum())

    def future(self, t: int) -> list[int]:
        """Step t and those that follow it in the episode and the stretch."""
        ends = np.asarray(self.window.terminated | self.window.truncated)[:, self.env]
        last = next((s for s in range(t, STEPS) if ends[s]), STEPS - 1)
        return list(range(t, last + 1))

    def one_step(self, t: int) -> float:
        truncated, terminated = (bool(flag[t, self.env]) for flag in (self.window.truncated, self.window.terminated))
        over = terminated or (truncated and not self.beyond)
        return float(self.window.reward[t, self.env, 0]) + (0.0 if over else GAMMA * self.value(t + 1))

    def k_step(self, t: int, k: int) -> float:
        *before, last = self.future(t)[:k]
        rewards = sum(GAMMA ** (s - t) * float(self.window.reward[s, self.env, 0]) for s in before)
        return rewards + GAMMA ** (last - t) * self.one_step(last)

    def averaged(self, t: int, longest: int) -> float:
        weights = [(1 - LAMBDA) * LAMBDA ** (k - 1) for k in range(1, longest)] + [LAMBDA ** (longest - 1)]
        return sum(weight * self.k_step(t, k) for k, weight in enumerate(weights, start=1))

    def target(self, estimator: EstimatorName, t: int) -> float:
        steps = self.future(t)
        match estimator:
            case "one-step":
                return self.one_step(t)
            case "n-step":
                return self.k_step(t, min(3, len(steps)))
            case "td-lambda":
                return self.averaged(t, len(steps))
            case "q-lambda":
                errors = [(LAMBDA * GAMMA) ** (s - t) * (self.one_step(s) - self.taken(s)) for s in steps]
                return self.taken(t) + sum(errors)
            case "watkins":
                explored = [s for s in steps[1:] if not np.isclose(self.taken(s), self.value(s))]
                return self.averaged(t, (explored[0] if explored else steps[-1] + 1) - t)
            case _:
                raise AssertionError(estimator)


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("estimator", ["one-step", "n-step", "td-lambda", "q-lambda", "watkins"])
def test_targets_are_the_returns_of_the_stretch(estimator: EstimatorName, beyond: bool):
    window = stretch()
    values = np.random.default_rng(7).normal(size=(STEPS + 1, ENVS, 2, 3)).astype(np.float32)
    # Some actions are greedy, or Watkins' returns would be one-step ones.
    best = np.where(np.asarray(window.observations.avail), values, -np.inf).argmax(axis=-1)[:-1]
    often = np.random.default_rng(8).random((STEPS, ENVS, 1)) < 0.6
    window = dataclasses.replace(window, actions=jnp.where(often, best, window.actions))
    algorithm = ReplayFree(mixer=VDN(), gamma=GAMMA, td_lambda=LAMBDA, estimator=estimator, bootstrap_time_limit=beyond)
    params = Params(FeedForward(hidden=2).build(SPEC, jax.random.key(0)), VDN().build(SPEC, jax.random.key(0)))
    got = algorithm.targets(params, jnp.asarray(values), window)
    assert got.shape == (STEPS, ENVS, 1)
    for t, env in np.argwhere(np.asarray(window.valid)):
        want = Brute(window, values, env, beyond).target(estimator, int(t))
        np.testing.assert_allclose(got[t, env, 0], want, rtol=1e-4, atol=1e-5, err_msg=f"step {t}, environment {env}")


def test_columns_take_the_memory_along():
    window = stretch()
    some = window.columns(jnp.array([2, 0]))
    np.testing.assert_array_equal(some.observations.obs, window.observations.obs[:, [2, 0]])
    np.testing.assert_array_equal(some.reward, window.reward[:, [2, 0]])
    assert window.carry is not None
    np.testing.assert_array_equal(some.carry, window.carry[jnp.array([2, 0])])
    assert dataclasses.replace(window, carry=None).columns(jnp.array([1])).carry is None


def test_updates_fall_due_once_a_stretch():
    algorithm = ReplayFree(feed=Fresh(length=8), environments=4)
    assert (algorithm.pace().every, algorithm.pace().unit, algorithm.pace().updates) == (32, "steps", 1)


@pytest.mark.parametrize("name", REPLAY_FREE)
def test_every_network_of_the_presets_is_normalised(name: str):
    """Without layer normalisation nothing would stand in for the target network."""
    for which in METHODS[f"pqn-{name}"].presets:
        algorithm = preset(f"pqn-{name}", "battle/3m", which).algorithm
        assert isinstance(algorithm, ReplayFree)
        assert norms_of(algorithm.team) == [True]
        assert algorithm.mixer == REPLAY_FREE[name]
        assert all(norms_of(algorithm.mixer))
        assert norms_of(algorithm.mixer) or isinstance(algorithm.mixer, Independent | VDN)  # without hidden units


def norms_of(settings: Any) -> list[bool]:
    """What settings, and those that are in them, say of layer normalisation."""
    within = [getattr(settings, field.name) for field in dataclasses.fields(settings)]
    deeper = [norm for part in within if dataclasses.is_dataclass(part) for norm in norms_of(part)]
    return [getattr(settings, field.name) for field in dataclasses.fields(settings) if field.name == "norm"] + deeper


@pytest.mark.parametrize("name", REPLAY_FREE)
def test_a_mixer_without_replay_is_that_of_its_method(name: str):
    """But for its layer normalisation."""
    with_replay = preset(name, "battle/3m", "fast").algorithm
    assert isinstance(with_replay, ValueDecomposition)
    assert without_norms(REPLAY_FREE[name]) == without_norms(with_replay.mixer)


def without_norms(settings: Any) -> dict[str, Any]:
    """Settings as nested dictionaries, without those of layer normalisation."""
    given = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {
        name: without_norms(value) if dataclasses.is_dataclass(value) else value
        for name, value in given.items()
        if name != "norm"
    }


def test_the_paper_preset_is_that_of_smax():
    """The numbers of pqn_vdn_rnn_smax.yaml, typed here once more."""
    algorithm = preset("pqn-vdn", "anything", "paper").algorithm
    assert isinstance(algorithm, ReplayFree)
    assert (algorithm.environments, algorithm.feed.length) == (128, 128)
    assert (algorithm.feed.epochs, algorithm.feed.minibatches) == (4, 16)
    assert (algorithm.gamma, algorithm.td_lambda, algorithm.estimator) == (0.99, 0.85, "td-lambda")
    assert (algorithm.optimiser.kind, algorithm.optimiser.clip) == ("radam", 1.0)
    rates = [algorithm.learning_rate().at(step) for step in (0, 5_000_000, 10_000_000)]
    assert rates == [pytest.approx(rate) for rate in (2.5e-4, 1.25e-4, 0.0)]
    assert [algorithm.exploration().at(step) for step in (0, 1_000_000)] == [1.0, 0.01]
    assert getattr(algorithm.team, "hidden", None) == 512


def test_agents_that_learn_by_themselves_have_smaller_minibatches_on_battles():
    """With those of the mixers they do not come far enough on 3m: docs/methods/replay-free.md."""
    feeds = {}
    for name in ("pqn-iql", "pqn-vdn"):
        for world in ("battle/3m", "games/relay"):
            algorithm = preset(name, world, "fast").algorithm
            assert isinstance(algorithm, ReplayFree)
            feeds[name, world] = algorithm.feed
    mixed = feeds["pqn-vdn", "battle/3m"]
    assert feeds["pqn-iql", "battle/3m"] == dataclasses.replace(mixed, minibatches=2 * mixed.minibatches)
    assert feeds["pqn-iql", "games/relay"] == feeds["pqn-vdn", "games/relay"]


def test_what_cannot_be_is_said():
    with pytest.raises(QohortError, match=r"td_lambda is 1\.5"):
        ReplayFree(td_lambda=1.5)
    with pytest.raises(QohortError, match=r"gamma is -1"):
        ReplayFree(gamma=-1.0)
    with pytest.raises(QohortError, match="environments is 0"):
        ReplayFree(environments=0)
    with pytest.raises(QohortError, match=r"epsilon\.end is 2"):
        ReplayFree(epsilon=LinearSchedule(start=1.0, end=2.0, steps=1))
    with pytest.raises(QohortError, match=r"feed\.minibatches is 16; it must divide .* which is 8"):
        ReplayFree(environments=8).check(SPEC)
    with pytest.raises(QohortError, match="rewards each of its 2 agents"):
        ReplayFree().check(Clock(individual=True).spec)
    ReplayFree(reward_reduction="sum").check(Clock(individual=True).spec)
