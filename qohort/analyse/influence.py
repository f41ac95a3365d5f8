"""What each agent's action was truly worth: coalitions of agents that act, while the others act at random.

In a world with tables the optimal values of all joint actions are known and the answer is exact, for optimal play after
the moment. Elsewhere play is taken up again from the moment itself, with every coalition, and the team goes on as it
plays; that is exact where the world draws nothing and all joint actions are tried, and a mean over draws elsewhere.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.analyse.igm import joint_actions
from qohort.analyse.played import Played
from qohort.analyse.shapley import coalition_values, coalitions
from qohort.analyse.subject import Subject
from qohort.envs.base import AbstractEnv
from qohort.envs.games.matrix import MatrixGame
from qohort.envs.games.solve import solve
from qohort.envs.games.tabular import TabularGame
from qohort.networks.base import AbstractTeam
from qohort.training.collect import Actors
from qohort.training.moments import look_and_step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replays:
    """How play is taken up again in worlds without tables."""

    gamma: float = 0.99
    """The discount of the rewards that follow."""
    hold: int = 1
    """For so many steps those outside the coalition act at random; afterwards everyone is greedy again."""
    draws: int = 16
    """How often each coalition is played; at least twice, since halves of the draws are compared."""
    most: int = 512
    """Up to so many joint actions, all of them are tried (if `hold` is 1)."""


def game_of(env: AbstractEnv) -> TabularGame | MatrixGame | None:
    """The world, if it has tables."""
    return env if isinstance(env, TabularGame | MatrixGame) else None


def by_tables(game: TabularGame | MatrixGame, played: Played, *, gamma: float) -> Float[np.ndarray, "Z C 1"]:
    """Values of coalitions under optimal continuation, from the exact optimal values of the game."""
    q = solve(game, gamma).q
    avail = np.asarray(played.observation.avail)
    states = np.asarray(played.snapshots).astype(int)
    rows = [coalition_values(q[s], u, a) for s, u, a in zip(states, played.actions, avail, strict=True)]
    return np.stack(rows)[..., None]


def by_replay(subject: Subject, played: Played, *, how: Replays) -> Float[np.ndarray, "Z C D"]:
    """Values of coalitions from playing on: the discounted rewards from the moment to the end, for every draw.

    One column stands for all draws if all joint actions could be tried and the world drew nothing in any moment.
    """
    found = []
    for row in range(played.moments):
        actors = jax.tree.map(lambda leaf, row=row: jnp.asarray(leaf)[row][None], played.actors)
        avail, actions = np.asarray(played.observation.avail[row]), played.actions[row]
        key = jax.random.fold_in(jax.random.key(subject.seed), row)
        found.append(_values(subject, actors, actions, avail, how=how, key=key))
    draws = max(values.shape[1] for values in found)
    return np.stack([np.broadcast_to(values, (len(values), draws)) for values in found])


def _values(
    subject: Subject,
    actors: Actors,
    actions: Int[np.ndarray, " N"],
    avail: Bool[np.ndarray, "N A"],
    *,
    how: Replays,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "C D"]:
    """All coalitions in one moment."""
    members = coalitions(len(actions))
    if how.hold == 1 and np.prod(avail.sum(axis=-1), dtype=float) <= how.most:
        every = joint_actions(avail)
        filled = every[np.arange(_rounded(len(every))) % len(every)]
        outside = np.zeros(filled.shape, bool)
        drawn = np.repeat(filled[:, None], how.draws, axis=1)
        returns = _play_on(subject, actors, drawn, outside, how=how, key=key)[: len(every)]
        if np.all(returns == returns[:, :1]):  # nothing is drawn here: one column says it all
            returns = returns[:, :1]
        shape = tuple(int(row.sum()) for row in avail)
        chosen = np.array([int(row[:action].sum()) for row, action in zip(avail, actions, strict=True)])
        allowed = np.ones((len(shape), max(shape)), bool)
        return np.stack([coalition_values(table.reshape(shape), chosen, allowed) for table in returns.T], axis=-1)
    rng = np.random.default_rng(int(jax.random.bits(key)))
    random = np.stack([rng.choice(np.flatnonzero(row), size=how.draws) for row in avail], axis=-1)
    forced = np.where(members[:, None], actions[None, None], random[None]).astype(np.int32)
    return _play_on(subject, actors, forced, ~members, how=how, key=key)


def _rounded(count: int) -> int:
    """The next power of two, so that few programs are compiled."""
    return 1 << (count - 1).bit_length()


def _play_on(
    subject: Subject,
    actors: Actors,
    forced: Int[np.ndarray, "R D N"],
    outside: Bool[np.ndarray, "R N"],
    *,
    how: Replays,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "R D"]:
    returns = _returns(
        subject.algorithm,
        subject.env,
        subject.team,
        actors,
        jnp.asarray(forced),
        outside=jnp.asarray(outside),
        gamma=jnp.float32(how.gamma),
        hold=jnp.int32(how.hold),
        key=key,
    )
    return np.asarray(returns, np.float64)


@eqx.filter_jit
def _returns(
    algorithm: AbstractAlgorithm,
    env: AbstractEnv,
    team: AbstractTeam,
    actors: Actors,
    forced: Int[Array, "R D N"],
    *,
    outside: Bool[Array, "R N"],
    gamma: Float[Array, ""],
    hold: Int[Array, ""],
    key: PRNGKeyArray,
) -> Float[Array, "R D"]:
    """Discounted rewards after each row of first actions; all rows meet the same random numbers."""
    draws = forced.shape[1]
    begin = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (draws, *leaf.shape[1:])), actors)

    def row(forced: Int[Array, "D N"], outside: Bool[Array, " N"]) -> Float[Array, " D"]:
        def going_on(state: tuple) -> Bool[Array, ""]:
            return jnp.any(state[1]) & (state[3] < env.spec.limit)

        def play(state: tuple) -> tuple:
            actors, going, total, time = state
            step_key, random_key = jax.random.split(jax.random.fold_in(key, time))

            def instead(actions: Int[Array, "D N"], avail: Bool[Array, "D N A"]) -> Int[Array, "D N"]:
                random = jax.random.categorical(random_key, jnp.where(avail, 0.0, -jnp.inf), axis=-1)
                later = jnp.where(outside[None] & (time < hold), random.astype(actions.dtype), actions)
                return jnp.where(time == 0, forced, later)

            actors, moment = look_and_step(algorithm, env, team, actors, key=step_key, instead=instead)
            gain = gamma**time * jnp.mean(moment.reward, axis=-1)
            total = total + jnp.where(going, gain, 0.0)
            return actors, going & ~(moment.terminated | moment.truncated), total, time + 1

        state = (begin, jnp.ones(draws, bool), jnp.zeros(draws), jnp.int32(0))
        return jax.lax.while_loop(going_on, play, state)[2]

    return jax.vmap(row)(forced, outside)
