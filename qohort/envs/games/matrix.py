"""One-step matrix games, of which the literature has a handful that every method is shown on."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.games.tables import ArrayLike, Tables, tables
from qohort.errors import QohortError
from qohort.spec import EnvSpec, Observation, Outcome

PAYOFFS: dict[str, list[list[float]]] = {
    "and": [[0, 0], [0, 1]],
    "or": [[0, 1], [1, 1]],
    # Son et al. 2019 (QTRAN), table 1
    "qtran-matrix": [[8, -12, -12], [-12, 0, 0], [-12, 0, 0]],
    # Wang et al. 2021 (QPLEX)
    "qplex-matrix-1": [[10.4, 0, 10], [0, 10, 10], [10, 10, 10]],
    "qplex-matrix-3": [[8, -12, -12], [-12, 6, 0], [-12, 0, 6]],
    # Claus and Boutilier 1998
    "climbing": [[11, -30, 0], [-30, 7, 0], [0, 6, 5]],
}


class MatrixGame(AbstractEnv):
    """Everyone acts once; the payoff tensor says what the team gets.

    There is nothing to see: observation, state and units are the single feature `one`, which is 1, so that
    networks have something to read. The episode terminates with its only step. An agent with fewer actions
    than the others has the rest of the list unavailable. The metric `optimal` is 1 if the joint action
    attains the greatest payoff, else 0.
    """

    spec: EnvSpec = eqx.field(static=True)
    payoff: Float[Array, "..."]
    avail: Bool[Array, "N A"]

    def __init__(self, payoff: ArrayLike, *, name: str = "games/matrix", actions: Sequence[str] | None = None) -> None:
        """Check the payoff and keep it.

        Args:
            payoff: `[A1, ..., AN]`, an axis for each agent.
            name: the world's name.
            actions: a name for each action of the longest list; default: A, B, C and so on.
        """
        values = np.array(payoff, np.float64)
        if values.ndim < 1 or 0 in values.shape or not np.isfinite(values).all():
            raise QohortError(
                f"`payoff` has the shape {values.shape}, but it needs an axis for each agent, at least one action "
                "along each, and finite entries."
            )
        longest = max(values.shape)
        letters = tuple(chr(ord("A") + k) for k in range(longest)) if longest <= 26 else None
        self.spec = EnvSpec(
            name=name,
            agents=tuple(f"agent {i}" for i in range(values.ndim)),
            actions=tuple(actions or letters or (f"action {k}" for k in range(longest))),
            obs_features=("one",),
            state_features=("one",),
            unit_features=("one",),
            limit=1,
            metrics=("optimal",),
        )
        if self.spec.n_actions != longest:
            raise QohortError(f"`actions` holds {self.spec.n_actions} names, but the longest axis has {longest}.")
        self.payoff = jnp.asarray(values, jnp.float32)
        self.avail = jnp.asarray(np.arange(longest)[None, :] < np.array(values.shape)[:, None])

    def tabular(self) -> Tables:
        """The game for the solver: state 0 is played, in state 1 it is over."""
        payoff = np.asarray(self.payoff, np.float64)
        transitions = np.zeros((2, *payoff.shape, 2))
        transitions[..., 1] = 1.0
        return tables(
            transitions,
            np.stack([payoff, np.zeros_like(payoff)]),
            terminal=np.array([False, True]),
            observations=np.ones((2, payoff.ndim, 1)),
        )

    def reset(self, key: PRNGKeyArray) -> Int[Array, ""]:
        return jnp.int32(0)

    def step(
        self, key: PRNGKeyArray, state: Int[Array, ""], actions: Int[Array, " N"]
    ) -> tuple[Int[Array, ""], Outcome]:
        reward = self.payoff[tuple(actions)]
        return state + 1, Outcome(
            reward=reward[None],
            terminated=jnp.array(True),
            truncated=jnp.array(False),
            metrics={"optimal": (reward == self.payoff.max()).astype(jnp.float32)},
        )

    def snapshot(self, state: Int[Array, ""]) -> Int[Array, ""]:
        return state

    def observe(self, snapshot: Int[Array, ""]) -> Observation:
        n_agents = self.spec.n_agents
        return Observation(
            obs=jnp.ones((n_agents, 1)),
            state=jnp.ones(1),
            units=jnp.ones((n_agents, 1)),
            avail=self.avail,
            alive=jnp.ones(n_agents, bool),
        )


def named(matrix: str) -> MatrixGame:
    """A game of the table `PAYOFFS`."""
    return MatrixGame(PAYOFFS[matrix], name=f"games/{matrix}")


def penalty(k: float = -100.0) -> MatrixGame:
    """Claus and Boutilier's penalty game: two best joint actions, and a penalty for mixing them up.

    Args:
        k: what mixing them up costs; at most 0.
    """
    if k > 0:
        raise QohortError(f"games/penalty: `k` is {k:g}, but a penalty is at most 0.")
    return MatrixGame([[k, 0.0, 10.0], [0.0, 2.0, 0.0], [10.0, 0.0, k]], name="games/penalty")
