"""PPO against a plain NumPy version: from a raw stretch to the weights after several epochs."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.ppo import PPO, Params
from qohort.estimators.value_scale import ValueScale
from qohort.networks import Normalised
from qohort.networks.critic import Critic
from qohort.replay.fresh import Fresh
from qohort.replay.window import Window
from tests.references import ppo as reference
from tests.references.moments import random_moment, spec_of

SPEC = spec_of(agents=2, actions=2, obs=1, state=1, units=1)
STEPS, COLUMNS, HIDDEN = 4, 2, 2
TEAM = Normalised(hidden=HIDDEN, layers=1, gain=1.0)
ADAM = Optimiser(kind="adam", learning_rate=0.05, eps=1e-5, clip=0.5)
CONFIGS = {
    "mappo": PPO(
        team=TEAM,
        critic=Critic(hidden=HIDDEN, layers=1),
        feed=Fresh(length=STEPS, epochs=3),
        optimiser=ADAM,
        environments=COLUMNS,
        backprop=3,
    ),
    "ippo, halves, squares, the dead unheard": PPO(
        team=dataclasses.replace(TEAM, memory=False),
        critic=Critic(reads="observation", hidden=HIDDEN, layers=1, mask_dead=False, input_norm=False),
        feed=Fresh(length=STEPS, epochs=2, minibatches=2),
        optimiser=ADAM,
        environments=COLUMNS,
        backprop=None,
        bootstrap_time_limit=False,
        clip_values=False,
        clip=0.05,
        huber=None,
        mask_values=True,
        value_weight=0.5,
    ),
    "plain actor-critic": PPO(
        team=dataclasses.replace(TEAM, layer_norm=False, orthogonal=False),
        critic=Critic(reads="state", hidden=HIDDEN, layers=2, memory=False),
        feed=Fresh(length=STEPS),
        optimiser=ADAM,
        environments=COLUMNS,
        clip=None,
        huber=0.1,
        entropy=0.2,
        normalise_values=False,
        standardise=False,
    ),
}


def random_stretch(rng: np.random.Generator, memory: Any) -> Window:
    """It begins inside of episodes; one ends, one is cut by the time limit and leaves a frame, agents die."""
    frames, steps = (STEPS + 1, COLUMNS), (STEPS, COLUMNS)
    seen = random_moment(SPEC, rng, rows=frames)
    alive = np.ones(seen.alive.shape, bool)
    alive[1:, 0, 1] = alive[3, 1, 0] = False
    seen = dataclasses.replace(seen, alive=jnp.array(alive))
    avail = np.asarray(seen.avail)
    terminated, truncated, valid = (np.zeros(steps, bool) for _ in range(3))
    terminated[1, 0] = truncated[1, 1] = True
    valid[:], valid[2, 1] = True, False
    first = np.zeros(frames, bool)
    first[2, 0] = first[3, 1] = True
    return Window(
        observations=seen,
        last_action=jnp.array(rng.integers(-1, SPEC.n_actions, size=(*frames, SPEC.n_agents))),
        first=jnp.array(first),
        actions=jnp.array((avail[:-1] * rng.random(avail[:-1].shape)).argmax(axis=-1)),
        reward=jnp.array(rng.normal(size=(*steps, 1))),
        terminated=jnp.array(terminated),
        truncated=jnp.array(truncated),
        valid=jnp.array(valid),
        exploration=jnp.ones(steps),
        carry=memory,
    )


def named(params: Params) -> dict[str, np.ndarray]:
    """The weights of both trunks, under the names of their fields."""
    team: Any = params.team
    return {
        f"{who}.{jax.tree_util.keystr(path, simple=True, separator='.')}": np.asarray(leaf, float)
        for who, trunk in (("actor", team.agent.trunk), ("critic", params.critic.trunk))
        for path, leaf in jax.tree_util.tree_flatten_with_path(trunk)[0]
    }


def for_each_agent(memory: Any) -> np.ndarray:
    """Memories by column and agent; a network without any has an empty one."""
    leaves = jax.tree.leaves(memory)
    if not leaves:
        return np.zeros((COLUMNS, SPEC.n_agents, 0))
    return np.broadcast_to(np.asarray(leaves[0]), (COLUMNS, SPEC.n_agents, leaves[0].shape[-1]))


def orders(config: PPO, key: jax.Array) -> list[reference.Pieces]:
    """Which pieces each minibatch has: columns of the first piece, then of the second."""
    length = min(config.backprop or STEPS + 1, STEPS + 1)
    every = [(piece * length, b) for piece in range(math.ceil((STEPS + 1) / length)) for b in range(COLUMNS)]
    found = []
    for epoch in jax.random.split(key, config.feed.epochs):
        order = np.asarray(jax.random.permutation(epoch, len(every)))
        found += [[every[c] for c in some] for some in order.reshape(config.feed.minibatches, -1)]
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_an_update_is_what_the_equations_say(name: str) -> None:
    with jax.enable_x64(True):
        config, rng = CONFIGS[name], np.random.default_rng(7)
        learner = config.init(SPEC, jax.random.key(1))

        def moved(tree: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf + jnp.array(0.3 * rng.normal(size=leaf.shape)), tree)

        params = moved(learner.params)  # no bias is 0, no scale 1
        window = random_stretch(rng, moved(params.team.initial(COLUMNS)))
        moments = (
            ValueScale(jnp.array(0.2), jnp.array(0.7), jnp.array(0.5)) if config.normalise_values else learner.moments
        )
        opt_state = (config.optimiser.init(params.team), config.optimiser.init(params.critic))
        learner = dataclasses.replace(
            learner, params=params, moments=moments, opt_state=opt_state, memory=moved(learner.memory)
        )
        key = jax.random.key(3)
        after, looked = jax.jit(config.update)(learner, window, key)

        own: dict[str, Any] = {"reads": config.critic.reads, "mask_dead": config.critic.mask_dead}
        of_steps: dict[str, Any] = {
            "learning_rate": config.optimiser.learning_rate,
            "eps": config.optimiser.eps,
            "norm": config.optimiser.clip,
        }
        fields = [field.name for field in dataclasses.fields(reference.Settings)]
        shared = {field: getattr(config, field) for field in fields if field not in (*own, *of_steps)}
        seen = {field: getattr(window.observations, field) for field in ("obs", "state", "avail", "alive")}
        rest = [field.name for field in dataclasses.fields(reference.Stretch) if field.name not in seen]
        play = {**seen, **{field: getattr(window, field) for field in rest}}
        weights, known, done, told = reference.update(
            named(params),
            reference.Stretch(**{field: np.asarray(array) for field, array in play.items()}),
            (float(moments.mean), float(moments.square), float(moments.weight)),
            start={"actor": for_each_agent(window.carry), "critic": for_each_agent(learner.memory)},
            order=orders(config, key),
            settings=reference.Settings(**shared, **own, **of_steps),
        )

        averages = np.mean(told, axis=0)
        for figure, wanted in zip(("policy_loss", "value_loss", "entropy"), averages, strict=True):
            np.testing.assert_allclose(looked[figure], wanted, rtol=1e-8, err_msg=figure)
        for key_, array in named(after.params).items():
            np.testing.assert_allclose(array, weights[key_], rtol=1e-7, atol=1e-9, err_msg=key_)
        for ours, theirs in zip((after.moments.mean, after.moments.square, after.moments.weight), known, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)
        np.testing.assert_allclose(for_each_agent(after.memory), done.after, rtol=1e-9)
        if config.clip is not None:
            assert float(looked["clipped"]) > 0, "the clip was never reached"
