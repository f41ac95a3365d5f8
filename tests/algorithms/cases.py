"""Every method, made small, and a window of random numbers to learn from."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.base import AbstractAlgorithm
from qohort.algorithms.registry import METHODS, REPLAY_FREE
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.networks.talking import Talking
from qohort.replay.fresh import Fresh
from qohort.replay.samplers import Replayed
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation
from tests.worlds import Clock

CHUNK = 40
STEPS, BATCH = 5, 3
SPEC = Clock().spec


FEEDS: dict[type, dict[str, Any]] = {
    Replayed: {"batch": BATCH, "episodes": 100, "frames": None},
    Fresh: {"length": CHUNK // 2, "minibatches": 1},
}
SIZES: dict[str, Any] = {
    "team": {"hidden": 8},
    "critic": {"hidden": 8},
    "environments": 2,
    "update_every": 4,
    "target_interval": 2,
}
"""What makes feeds and algorithms compile in a moment, as far as they have such settings."""


def small(settings: Any, sizes: dict[str, Any]) -> Any:
    known = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    changes = {
        name: small(known[name], size) if isinstance(size, dict) else size
        for name, size in sizes.items()
        if name in known
    }
    return dataclasses.replace(settings, **changes)


def tiny(algorithm: AbstractAlgorithm) -> Any:
    """The same algorithm, with small networks and a small feed."""
    return small(algorithm, {**SIZES, "feed": FEEDS[type(algorithm.feed)]})


MIXED_ALIKE = [f"pqn-{mixer}" for mixer in REPLAY_FREE if mixer != "qatten"]
"""Methods that another one differs from in the mixer alone: they are updated once, and not trained."""

CASES: dict[str, Any] = {
    **{f"qatten-{name}": tiny(build("").algorithm) for name, build in METHODS["qatten"].presets.items()},
    **{
        name: tiny(method.presets["paper"]("").algorithm)
        for name, method in METHODS.items()
        if name not in ("qatten", *MIXED_ALIKE)
    },
}
"""Every method with its paper's settings, and one under every preset of value decomposition."""

VARIANTS: dict[str, Any] = {
    **{name: tiny(METHODS[name].presets["paper"]("").algorithm) for name in MIXED_ALIKE},
    **{
        f"estimator-{estimator}": dataclasses.replace(CASES["vdn"], estimator=estimator)
        for estimator in ("n-step", "watkins", "q-lambda-pymarl2")
    },
    **{
        f"sharing-{sharing}-{type(team).__name__}": dataclasses.replace(
            CASES["vdn"], team=dataclasses.replace(team, sharing=sharing)
        )
        for sharing in ("all", "none", "groups")
        for team in (Recurrent(hidden=8), FeedForward(hidden=8))
    },
    "no-inputs-but-obs": dataclasses.replace(CASES["vdn"], team=Recurrent(hidden=8, last_action=False, agent_id=False)),
    **{
        f"talking-{name}": dataclasses.replace(CASES[name], team=Talking(hidden=8, rounds=2))
        for name in ("vdn", "qmix", "qatten-paper", "qplex")
    },
    "time-limit": dataclasses.replace(CASES["vdn"], bootstrap_time_limit=True),
    "single-q": dataclasses.replace(CASES["vdn"], double_q=False),
    "soft-target": dataclasses.replace(CASES["vdn"], target_rate=0.05, target_interval=1),
}
"""What does not depend on the mixer, with the one that compiles fastest; agents that talk, with a few of them."""

MIXERS = tuple(REPLAY_FREE)

LEARNERS = ("one-step", "td-lambda", "q-lambda", "replay-free")
"""What any mixer can be learnt with: some estimators on replayed play, and fresh play."""


def mixed(mixer: str, learner: str) -> Any:
    """A mixer with one of the learners, under the paper's settings, and the agents that compile fastest."""
    fresh = learner == "replay-free"
    algorithm = tiny(METHODS[f"pqn-{mixer}" if fresh else mixer].presets["paper"]("").algorithm)
    changes = {} if fresh else {"estimator": learner}
    return dataclasses.replace(algorithm, team=FeedForward(hidden=8, norm=fresh), **changes)


KINDS = {(type(algorithm), type(algorithm.team)): name for name, algorithm in reversed(CASES.items())}
"""The first name of each kind of learner, for what does not depend on mixers."""

FIRST_OF_THEIR_KIND = [name if name in KINDS.values() else pytest.param(name, marks=pytest.mark.slow) for name in CASES]


def window_of(spec: EnvSpec = SPEC, seed: int = 0) -> Window:
    """Random numbers: an episode ends inside of the first column, the second is cut by the limit, the third padded."""
    rng = np.random.default_rng(seed)
    frames, steps, n = (STEPS + 1, BATCH), (STEPS, BATCH), spec.n_agents

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    avail = rng.random((*frames, n, spec.n_actions)) < 0.7
    avail[..., 0] = True
    first = np.zeros(frames, bool)
    first[0] = True
    first[3, 0] = True
    terminated, truncated, valid = np.zeros(steps, bool), np.zeros(steps, bool), np.ones(steps, bool)
    terminated[2, 0] = truncated[4, 1] = terminated[1, 2] = True
    valid[2:, 2] = False
    return Window(
        observations=Observation(
            obs=normal(*frames, n, spec.obs_size),
            state=normal(*frames, spec.state_size),
            units=normal(*frames, n, spec.unit_size),
            avail=jnp.asarray(avail),
            alive=jnp.ones((*frames, n), bool),
        ),
        last_action=jnp.asarray(rng.integers(-1, spec.n_actions, (*frames, n)), jnp.int32),
        first=jnp.asarray(first),
        actions=jnp.asarray(rng.integers(0, spec.n_actions, (*steps, n)), jnp.int32),
        reward=normal(*steps, spec.n_rewards),
        terminated=jnp.asarray(terminated),
        truncated=jnp.asarray(truncated),
        valid=jnp.asarray(valid),
        exploration=jnp.zeros(steps),
    )


def finite(tree: object) -> bool:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return all(bool(jnp.isfinite(leaf).all()) for leaf in floats)
