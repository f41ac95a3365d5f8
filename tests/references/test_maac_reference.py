"""MAAC against a plain NumPy version: critics, targets, losses, every gradient, and one update."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.joint import pick
from qohort.algorithms.maac import MAAC
from qohort.algorithms.optimiser import Optimiser
from qohort.estimators import policies
from qohort.estimators.moments import Moments
from qohort.networks.attentive import AttentiveCritic, AttentiveValues
from qohort.networks.feedforward import FeedForward
from qohort.replay.window import Window
from tests.references import maac as reference
from tests.references.derivatives import gradients
from tests.references.moments import random_moment, spec_of

SPEC = spec_of(agents=3, actions=2, obs=2, state=1, units=1)
STEPS, EPISODES = 2, 3
SMALL = FeedForward(hidden=2, layers=1, last_action=False, agent_id=False, sharing="none")
CONFIGS = {
    "authors": MAAC(team=SMALL, critic=AttentiveCritic(hidden=4, heads=2), regulariser=0.1),
    "paper, shared, rewards as they are": MAAC(
        team=SMALL,
        critic=AttentiveCritic(hidden=4, heads=2, sharing="all"),
        entropy_discount=True,
        normalise_rewards=False,
        bootstrap_time_limit=False,
        reward_scale=2.0,
    ),
    "uniform": MAAC(team=SMALL, critic=AttentiveCritic(hidden=4, heads=2, attention=False), standardise=False),
}


def random_window(rng: np.random.Generator) -> Window:
    """One task ends, one is cut by the time limit, one row is padding."""
    frames, steps = (STEPS + 1, EPISODES), (STEPS, EPISODES)
    seen = random_moment(SPEC, rng, rows=frames)
    avail = np.asarray(seen.avail)
    terminated, truncated, valid = (np.zeros(steps, bool) for _ in range(3))
    terminated[0, 1] = truncated[0, 2] = True
    valid[:], valid[1, 2] = True, False
    first = np.zeros(frames, bool)
    first[0] = first[1, 1] = True
    return Window(
        observations=seen,
        last_action=jnp.full((*frames, SPEC.n_agents), -1),
        first=jnp.array(first),
        actions=jnp.array((avail[:-1] * rng.random(avail[:-1].shape)).argmax(axis=-1)),
        reward=jnp.array(rng.normal(size=(*steps, 1))),
        terminated=jnp.array(terminated),
        truncated=jnp.array(truncated),
        valid=jnp.array(valid),
        exploration=jnp.ones(steps),
    )


def named(critic: AttentiveValues) -> dict[str, np.ndarray]:
    """The arrays of critics, or of their gradient."""
    arrays = {}
    for field in dataclasses.fields(critic):
        layer: Any = getattr(critic, field.name)
        for kind in ("weight", "bias"):
            if isinstance(array := getattr(layer, kind, None), jax.Array):
                arrays[f"{field.name}.{kind}"] = np.asarray(array)
    return arrays


def rows(array: Any, window: Window) -> np.ndarray:
    """The valid rows, one after another."""
    return np.asarray(array)[np.asarray(window.valid)]


@pytest.mark.parametrize("name", CONFIGS)
def test_an_update_is_what_the_equations_say(name: str) -> None:
    with jax.enable_x64(True):
        config, window = CONFIGS[name], random_window(np.random.default_rng(3))
        learner = config.init(SPEC, jax.random.key(1))
        target = config.init(SPEC, jax.random.key(2)).params
        learner = eqx.tree_at(lambda learner: learner.target, learner, target)
        seen, critic, heads = window.observations, named(learner.params.critic), config.critic.heads

        @jax.jit
        def logits_of(team: Any) -> jax.Array:
            return team(window.memory(team), window.view, window.first)[0].values

        drawn = config.drawn(target.team, window, jax.random.key(5))[1:]
        following, next_obs = rows(drawn, window), rows(seen.obs[1:], window)
        taken = rows(pick(policies.log_probabilities(logits_of(target.team)[1:], seen.avail[1:]), drawn), window)
        values, _ = reference.asked(named(target.critic), next_obs, following, heads, standardise=config.standardise)
        reward = rows(window.reward, window)
        moments = Moments(jnp.array([reward.mean()]), jnp.array([(reward**2).mean()]))
        if config.normalise_rewards:
            reward = (reward - reward.mean()) / np.sqrt(reward.var() + 1e-6)
        ends = window.terminated | (window.truncated & (not config.bootstrap_time_limit))
        batch = reference.Batch(
            obs=rows(seen.obs[:-1], window),
            actions=rows(window.actions, window),
            reward=reward,
            discount=np.where(rows(ends, window), 0.0, config.gamma)[:, None],
        )
        best = np.take_along_axis(np.real(values), following[..., None], axis=-1)[..., 0]
        goal = reference.goals(batch, best, taken, scale=config.reward_scale, inside=config.entropy_discount)
        found = jax.jit(config.goals)(target, window, moments, following=drawn)
        np.testing.assert_allclose(rows(found, window), goal, rtol=1e-9)

        def critic_loss(point: dict) -> Any:
            return reference.critic_loss(
                point,
                batch,
                goal,
                heads=heads,
                standardise=config.standardise,
                regulariser=config.regulariser,
            )

        (loss, _), gradient = jax.jit(jax.value_and_grad(config.critic_loss, has_aux=True))(
            learner.params.critic, window, found
        )
        exact = gradients(critic_loss, critic)
        np.testing.assert_allclose(loss, np.real(critic_loss(critic)), rtol=1e-9)
        for key, array in named(gradient).items():
            np.testing.assert_allclose(array, exact[key], rtol=1e-8, atol=1e-10, err_msg=key)

        now = config.drawn(learner.params.team, window, jax.random.key(6))[:-1]
        acting = rows(now, window)
        values, _ = reference.asked(critic, batch.obs, acting, heads, standardise=config.standardise)
        free, logits = rows(seen.avail[:-1], window), rows(logits_of(learner.params.team)[:-1], window)

        def policy_loss(point: dict) -> Any:
            return reference.policy_loss(
                point["logits"],
                free,
                np.real(values),
                acting,
                scale=config.reward_scale,
                regulariser=config.regulariser,
            )

        (loss, _), gradient = jax.jit(jax.value_and_grad(config.policy_loss, has_aux=True))(
            learner.params.team, learner.params.critic, window, now
        )
        np.testing.assert_allclose(loss, np.real(policy_loss({"logits": logits})), rtol=1e-9)
        # Through the network, whose own gradients are tested elsewhere, the gradient of the logits is theirs.
        outer = np.zeros(window.observations.avail.shape)
        outer[:-1][np.asarray(window.valid)] = gradients(policy_loss, {"logits": logits})["logits"]
        _, back = jax.vjp(logits_of, learner.params.team)
        for ours, theirs in zip(jax.tree.leaves(gradient), jax.tree.leaves(back(jnp.array(outer))[0]), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


def test_what_is_shared_moves_by_the_mean_over_agents_and_targets_follow() -> None:
    """RMSprop with an eps that drowns the root steps by gradient / eps, from which the gradient can be read off."""
    config = dataclasses.replace(
        CONFIGS["authors"],
        weight_decay=0.0,
        target_rate=0.25,
        critic_optimiser=Optimiser(learning_rate=1.0, eps=1e6, clip=1e9),
    )
    with jax.enable_x64(True):
        learner, window = config.init(SPEC, jax.random.key(1)), random_window(np.random.default_rng(3))
        key_next, _ = jax.random.split(jax.random.key(0))
        drawn = config.drawn(learner.target.team, window, key_next)[1:]
        reward = rows(window.reward, window)
        moments = Moments(jnp.array([reward.mean()]), jnp.array([(reward**2).mean()]))
        goal = config.goals(learner.target, window, moments, following=drawn)
        gradient = named(jax.grad(config.critic_loss, has_aux=True)(learner.params.critic, window, goal)[0])
        after, _ = jax.jit(config.update)(learner, window, jax.random.key(0))
        before = named(learner.params.critic)
        rate = config.critic_optimiser.learning_rate
        for key, array in named(after.params.critic).items():
            share = 1 / SPEC.n_agents if key.split(".")[0] in ("query", "key", "value") else 1.0
            step = rate * gradient[key] * share / 1e6
            np.testing.assert_allclose(before[key] - array, step, rtol=1e-4, atol=1e-14, err_msg=key)
        followed = jax.tree.map(lambda old, new: 0.75 * old + 0.25 * new, learner.target, after.params)
        assert eqx.tree_equal(after.target, followed, rtol=1e-12, atol=1e-12)
