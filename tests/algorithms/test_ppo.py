"""The PPO learner: its losses against their formulas, pieces of stretches, death, and the published settings."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.pieces import Batch
from qohort.algorithms.ppo import PPO, PPOLearner
from qohort.algorithms.registry import preset
from qohort.errors import QohortError
from qohort.networks import FeedForward, Normalised, Recurrent
from qohort.networks.critic import Critic
from qohort.replay.fresh import Fresh
from qohort.replay.window import Window
from tests.algorithms.cases import BATCH, SPEC, STEPS, window_of

SMALL = PPO(
    team=Normalised(hidden=4, layers=1, gain=1.0),
    critic=Critic(hidden=4, layers=1),
    feed=Fresh(length=STEPS, epochs=2),
    environments=BATCH,
    backprop=None,
)


def begun(algorithm: PPO) -> PPOLearner:
    return algorithm.init(SPEC, jax.random.key(1))


def play(**changes: Any) -> Window:
    """Random numbers in which everything that was done was allowed."""
    window = window_of()
    seen = dataclasses.replace(window.observations, avail=jnp.ones_like(window.observations.avail))
    return dataclasses.replace(window, observations=seen, **changes)


def with_death(window: Window, *, agent: int) -> Window:
    """An agent is dead in the first two steps of every column."""
    alive = window.observations.alive.at[:2, :, agent].set(False)
    return dataclasses.replace(window, observations=dataclasses.replace(window.observations, alive=alive))


def same(one: object, other: object) -> bool:
    return all(bool(jnp.array_equal(a, b)) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_the_losses_are_their_formulas():
    """Behaviour that differs from the policy by up to 40 %, values by up to 0.5; some agents are dead."""
    algorithm = dataclasses.replace(SMALL, team=FeedForward(hidden=4), clip=0.1, entropy=0.02, huber=0.3)
    learner, window = begun(algorithm), with_death(play(), agent=1)
    batch, _, _ = algorithm.behaviour(learner, window)
    rng = np.random.default_rng(3)
    shift, move = rng.uniform(-0.4, 0.4, batch.log_prob.shape), rng.uniform(-0.5, 0.5, batch.value.shape)
    now = np.asarray(batch.value, float)
    old = dataclasses.replace(
        batch, log_prob=batch.log_prob - jnp.asarray(shift, jnp.float32), value=jnp.asarray(now - move, jnp.float32)
    )
    loss, looked = algorithm.loss(learner.params, old, learner.moments)

    acting, counted = np.asarray(batch.acting), np.asarray(batch.counted)
    assert acting.sum() < counted.sum()
    ratio, advantage = np.exp(shift), np.asarray(batch.advantage, float)
    gain = np.minimum(ratio * advantage, np.clip(ratio, 0.9, 1.1) * advantage)[acting].mean()
    view = window.view
    logits = np.asarray(learner.params.team((), view, window.first)[0].values, float)
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    entropy = -(probs * np.log(probs)).sum(axis=-1)[:-1][acting[:-1]].mean()

    def huber(error: np.ndarray) -> np.ndarray:
        return np.where(np.abs(error) <= 0.3, 0.5 * error**2, 0.3 * (np.abs(error) - 0.15))

    target = np.asarray(batch.target, float) / 0.1  # before anything was observed the scale is 0.1
    near = now - move + np.clip(move, -0.1, 0.1)
    value_loss = np.maximum(huber(now - target), huber(near - target))[counted].mean()
    assert float(looked["policy_loss"]) == pytest.approx(-gain, rel=1e-4)
    assert float(looked["entropy"]) == pytest.approx(entropy, rel=1e-4)
    assert float(looked["value_loss"]) == pytest.approx(value_loss, rel=1e-4)
    assert float(looked["clipped"]) == pytest.approx((np.abs(ratio - 1) > 0.1)[acting].mean(), rel=1e-4)
    assert float(loss) == pytest.approx(-gain - 0.02 * entropy + value_loss, rel=1e-4)


def test_one_epoch_is_an_advantage_actor_critic():
    """Where nothing has changed yet, the clip is silent: the gradient is that of −A log π and of the squared error."""
    learner, window = begun(SMALL), play()
    batch, _, _ = SMALL.behaviour(learner, window)
    free = dataclasses.replace(SMALL, clip=None)
    slopes = [jax.grad(a.loss, has_aux=True)(learner.params, batch, learner.moments)[0] for a in (SMALL, free)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), *slopes)


def rows(batch: Batch, pieces: int) -> dict[str, np.ndarray]:
    """A batch of pieces put together again."""
    out = {}
    for name in ("log_prob", "value", "advantage", "target", "acting"):
        leaf = np.asarray(getattr(batch, name))
        length, _, agents = leaf.shape
        out[name] = np.moveaxis(leaf.reshape(length, pieces, BATCH, agents), 1, 0).reshape(-1, BATCH, agents)[:STEPS]
    return out


def test_pieces_are_the_stretch_with_shorter_gradients():
    learner, window = begun(SMALL), play()
    whole, reached, _ = SMALL.behaviour(learner, window)
    short = dataclasses.replace(SMALL, backprop=2)
    cut, reached_too, _ = short.behaviour(learner, window)
    assert cut.first.shape == (2, 3 * BATCH)
    for name, wanted in rows(whole, 1).items():
        np.testing.assert_allclose(rows(cut, 3)[name], wanted, rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(reached, reached_too, rtol=1e-5, atol=1e-6)
    losses = [a.loss(learner.params, b, learner.moments)[0] for a, b in ((SMALL, whole), (short, cut))]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-4)


def test_the_critic_remembers_from_stretch_to_stretch():
    """What it knows at the end is what it had read until the last step that was played, with the weights of then."""
    learner, window = begun(SMALL), play()
    first = jnp.zeros_like(window.first)
    window = dataclasses.replace(window, first=first)
    _, states = learner.params.critic(learner.memory, window.observations, first)
    last = np.asarray(window.valid).shape[0] - 1 - np.argmax(np.asarray(window.valid)[::-1], axis=0)
    wanted = np.asarray(states)[last, np.arange(BATCH)]
    after, _ = SMALL.update(learner, window, jax.random.key(0))
    np.testing.assert_allclose(after.memory, wanted, rtol=1e-4, atol=1e-6)
    assert len(set(last.tolist())) > 1
    remembering = dataclasses.replace(learner, memory=after.memory)
    before, then = (SMALL.behaviour(held, window)[0].value[0] for held in (learner, remembering))
    assert not np.allclose(before, then, atol=1e-4)


def test_death():
    """What the dead did changes nothing; the critic sees no more of them than their id, and learns its worth."""
    learner, window = begun(SMALL), with_death(play(), agent=0)
    other = dataclasses.replace(window, actions=window.actions.at[:2, :, 0].set((window.actions[:2, :, 0] + 1) % 3))
    after, after_other = (SMALL.update(learner, w, jax.random.key(0))[0] for w in (window, other))
    assert same(after, after_other)
    obs = window.observations.obs.at[:2, :, 0].add(1.0)
    elsewhere = dataclasses.replace(window, observations=dataclasses.replace(window.observations, obs=obs))
    for critic, blind in ((SMALL.critic, True), (dataclasses.replace(SMALL.critic, mask_dead=False), False)):
        values = critic.build(SPEC, jax.random.key(0))
        one, two = (values(values.initial(BATCH), w.observations, w.first)[0] for w in (window, elsewhere))
        assert bool(jnp.array_equal(one, two)) == blind
    masked = dataclasses.replace(SMALL, mask_values=True)
    taught = [a.behaviour(learner, window)[0].counted for a in (SMALL, masked)]
    assert np.asarray(taught[0])[0, :, 0].any()
    assert not np.asarray(taught[1])[:2, :, 0].any()


@pytest.mark.parametrize("reads", ["observation", "state", "agent-state"])
def test_what_critics_read(reads):
    values = Critic(reads=reads, hidden=4, memory=False).build(SPEC, jax.random.key(0))
    seen, first = play().observations, play().first
    said = values(values.initial(BATCH), seen, first)[0]
    assert said.shape == (STEPS + 1, BATCH, SPEC.n_agents)
    state = values((), dataclasses.replace(seen, state=seen.state + 1), first)[0]
    sight = np.asarray(values((), dataclasses.replace(seen, obs=seen.obs.at[:, :, 0].add(1)), first)[0])
    assert bool(jnp.array_equal(said, state)) == (reads == "observation")
    assert np.array_equal(said[..., 0], sight[..., 0]) == (reads == "state")
    assert np.array_equal(said[..., 1], sight[..., 1])
    assert bool(jnp.array_equal(said[..., 0], said[..., 1])) == (reads == "state")


def test_each_agent_learns_from_its_own_reward():
    own = jnp.zeros((STEPS, BATCH, 2)).at[..., 0].set(1.0)
    algorithm = dataclasses.replace(SMALL, standardise=False, gamma=0.0)
    learner = begun(algorithm)
    kept = {
        reduction: np.asarray(
            dataclasses.replace(algorithm, reward_reduction=reduction).behaviour(learner, play(reward=own))[0].target
        )[0, 0]
        for reduction in ("none", "sum", "mean")
    }
    np.testing.assert_allclose(kept["none"], [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(kept["sum"], [1.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(kept["mean"], [0.5, 0.5], atol=1e-6)


def test_orthogonal_weights():
    team: Any = Normalised(hidden=6, layers=1).build(SPEC, jax.random.key(0))
    trunk = team.agent.trunk
    gates = jnp.concatenate([trunk.gru.weight_hr, trunk.gru.weight_hz, trunk.gru.weight_hn])
    np.testing.assert_allclose(gates.T @ gates, np.eye(6), atol=1e-5)
    np.testing.assert_allclose(trunk.head.weight @ trunk.head.weight.T, 1e-4 * np.eye(3), atol=1e-8)
    np.testing.assert_allclose(trunk.layers[0].weight @ trunk.layers[0].weight.T, 2 * np.eye(6), atol=1e-5)
    assert not np.any(trunk.layers[0].bias)
    out = trunk.input_norm(jnp.asarray([1.0, 3.0] * 4))
    np.testing.assert_allclose(out, [-1, 1] * 4, atol=1e-4)


def test_the_paper_presets_are_the_published_scripts():
    usual: Any = preset("mappo", "battle/3m", "paper").algorithm
    assert (usual.optimiser.kind, usual.optimiser.learning_rate, usual.optimiser.eps) == ("adam", 5e-4, 1e-5)
    assert (usual.feed.length, usual.feed.epochs, usual.feed.minibatches, usual.environments) == (400, 15, 1, 8)
    assert (usual.clip, usual.gamma, usual.gae_lambda, usual.entropy, usual.huber) == (0.2, 0.99, 0.95, 0.01, 10.0)
    assert (usual.backprop, usual.optimiser.clip, usual.value_weight, usual.team.gain) == (10, 10.0, 1.0, 0.01)
    assert not usual.bootstrap_time_limit
    hard: Any = preset("mappo", "battle/MMM2?spread=0.5", "paper").algorithm
    assert (hard.feed.epochs, hard.feed.minibatches, hard.team.gain, hard.clip) == (5, 2, 1.0, 0.2)
    near: Any = preset("ippo", "battle/5m_vs_6m", "paper").algorithm
    assert (near.feed.epochs, near.clip, near.critic.reads) == (10, 0.05, "observation")
    assert not preset("mappo", "battle/corridor", "paper").algorithm.team.memory  # pyright: ignore
    talk: Any = preset("tarmac", "battle/3m", "paper").algorithm
    assert (talk.clip, talk.feed.epochs) == (None, 1)
    assert (talk.optimiser.kind, talk.optimiser.learning_rate) == ("rmsprop", 7e-4)
    assert (talk.team.signature, talk.team.message, talk.entropy, talk.critic.reads) == (16, 32, 0.01, "state")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": 0.0}, "clip is 0.0"),
        ({"backprop": 0}, "backprop is 0"),
        ({"gae_lambda": 1.5}, "gae_lambda is 1.5"),
        ({"entropy": -0.1}, "entropy is -0.1"),
        ({"environments": 0}, "environments is 0"),
    ],
)
def test_settings_that_cannot_be(changes, words):
    with pytest.raises(QohortError, match=words):
        dataclasses.replace(SMALL, **changes)


def test_parts_must_be_equal():
    with pytest.raises(QohortError, match="minibatches is 2; it must divide the number of environments, which is 3"):
        dataclasses.replace(SMALL, feed=Fresh(minibatches=2)).check(SPEC)


def test_any_team_can_act():
    """A GRU of another kind and agents without a memory are unrolled in pieces too."""
    window = play()
    for team in (Recurrent(hidden=4), FeedForward(hidden=4)):
        algorithm = dataclasses.replace(SMALL, team=team, backprop=3)
        batch, _, _ = algorithm.behaviour(begun(algorithm), window)
        assert bool(jnp.isfinite(batch.log_prob).all())
