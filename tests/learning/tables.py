"""Learned joint values by enumeration, and windows that hold every joint action once."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.q_learning import QLearner
from qohort.algorithms.value_decomposition import Params, ValueDecomposition
from qohort.envs.games.matrix import MatrixGame
from qohort.networks.base import View
from qohort.replay.window import Window
from qohort.spec import Observation


def joint_actions(counts: Sequence[int]) -> jnp.ndarray:
    """Every joint action, in row-major order."""
    return jnp.asarray(list(itertools.product(*map(range, counts))), jnp.int32)


def joint_values(params: Params, seen: Observation, counts: Sequence[int]) -> np.ndarray:
    """Q_tot of every joint action in one moment, in which nothing was done before."""
    n = len(counts)
    row = jax.tree.map(lambda leaf: leaf[None, None], seen)
    view = View(obs=row.obs, avail=row.avail, alive=row.alive, last_action=jnp.full((1, 1, n), -1))
    out, _ = params.team(params.team.initial(1), view, jnp.ones((1, 1), bool))
    utilities = out.values[0, 0]
    actions = joint_actions(counts)
    chosen = utilities[jnp.arange(n), actions]
    best = jnp.max(jnp.where(seen.avail, utilities, -jnp.inf), axis=-1)
    q_tot = jax.vmap(lambda c, u: params.mixer(c, best, seen, u).q_tot[0])(chosen, actions)
    return np.asarray(q_tot).reshape(tuple(counts))


def enumerated(game: MatrixGame, payoff: np.ndarray) -> Window:
    """One step for every joint action: uniform data without any noise."""
    actions = joint_actions(payoff.shape)
    batch = len(actions)
    seen = game.observe(game.snapshot(game.reset(jax.random.key(0))))
    frames = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (2, batch, *leaf.shape)), seen)
    first = jnp.stack([jnp.ones(batch, bool), jnp.zeros(batch, bool)])
    none = jnp.full((1, *actions.shape), -1, jnp.int32)
    return Window(
        observations=frames,
        last_action=jnp.concatenate([none, actions[None]]),
        first=first,
        actions=actions[None],
        reward=jnp.asarray(payoff, jnp.float32).reshape(1, batch, 1),
        terminated=jnp.ones((1, batch), bool),
        truncated=jnp.zeros((1, batch), bool),
        valid=jnp.ones((1, batch), bool),
        exploration=jnp.ones((1, batch)),
    )


def train_on(
    algorithm: ValueDecomposition, learner: QLearner, window: Window, rates: Sequence[tuple[int, float]]
) -> QLearner:
    """Update on the same window again and again, with so many steps at each learning rate."""

    @jax.jit
    def some(learner: QLearner, rate: jnp.ndarray, count: jnp.ndarray) -> QLearner:
        def once(_: int, learner: QLearner) -> QLearner:
            return algorithm.update(learner, window, jax.random.key(0))[0]

        learner = QLearner(learner.params, learner.target, learner.opt_state, rate, learner.updates)
        return jax.lax.fori_loop(0, count, once, learner)

    for count, rate in rates:
        learner = some(learner, jnp.asarray(rate), jnp.asarray(count))
    return learner
