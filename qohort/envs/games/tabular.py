"""Markov games given by their tables."""

from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.games.tables import ArrayLike, Tables, tables
from qohort.errors import QohortError
from qohort.spec import EnvSpec, Observation, Outcome


class TabularState(eqx.Module):
    """Where the game is, and since how many steps it has been going on."""

    state: Int[Array, ""]
    time: Int[Array, ""]


class TabularGame(AbstractEnv):
    """A Markov game that is played by drawing from its transition table.

    An agent with fewer actions than the others has the rest of the list unavailable. An agent's units are
    its observation. The episode terminates on entering a terminal state and is truncated at the limit.
    """

    spec: EnvSpec = eqx.field(static=True)
    transitions: Float[Array, "S ... S"]
    rewards: Float[Array, "M S ..."]
    terminal: Bool[Array, " S"]
    initial: Float[Array, " S"]
    observations: Float[Array, "S N O"]
    states: Float[Array, "S F"]
    avail: Bool[Array, "N A"]

    def __init__(
        self,
        transitions: ArrayLike,
        rewards: ArrayLike,
        *,
        terminal: ArrayLike | None = None,
        initial: ArrayLike | None = None,
        observations: ArrayLike | None = None,
        states: ArrayLike | None = None,
        limit: int = 100,
        name: str = "games/tabular",
        actions: Sequence[str] | None = None,
        obs_features: Sequence[str] | None = None,
        state_features: Sequence[str] | None = None,
    ) -> None:
        """Check the tables and keep them.

        Args:
            transitions: `[S, A1, ..., AN, S]`, probabilities of the next state.
            rewards: `[S, A1, ..., AN]` for the team, or `[N, S, A1, ..., AN]` for individual rewards.
            terminal: `[S]`, states in which the episode is over; default: none.
            initial: `[S]`, probabilities of the first state; default: state 0.
            observations: `[S, N, O]`; default: every agent sees the state, one-hot.
            states: `[S, F]`, the features that only training sees; default: the state, one-hot.
            limit: the number of steps after which an episode is truncated.
            name: the world's name.
            actions: a name for each action of the longest list.
            obs_features: a name for each entry of an observation.
            state_features: a name for each entry of `states`.
        """
        checked = tables(transitions, rewards, terminal=terminal, initial=initial, observations=observations)
        n_states, counts = checked.n_states, checked.action_counts
        features = np.eye(n_states) if states is None else np.array(states, np.float64)
        if features.ndim != 2 or features.shape[0] != n_states:
            raise QohortError(f"`states` has the shape {features.shape}, but it must be [S, F] = ({n_states}, any).")
        reward: Literal["team", "individual"] = "team" if len(np.shape(rewards)) == 1 + len(counts) else "individual"
        one_hot = tuple(f"state {k}" for k in range(n_states))
        seen = one_hot if observations is None else _numbered("feature", checked.observations.shape[-1])
        known = one_hot if states is None else _numbered("feature", features.shape[1])
        self.spec = EnvSpec(
            name=name,
            agents=_numbered("agent", len(counts)),
            actions=_named("actions", actions, _numbered("action", max(counts))),
            obs_features=_named("obs_features", obs_features, seen),
            state_features=_named("state_features", state_features, known),
            unit_features=_named("obs_features", obs_features, seen),
            limit=limit,
            reward=reward,
        )
        self.transitions = jnp.asarray(checked.transitions, jnp.float32)
        self.rewards = jnp.asarray(checked.rewards, jnp.float32)
        self.terminal = jnp.asarray(checked.terminal)
        self.initial = jnp.asarray(checked.initial, jnp.float32)
        self.observations = jnp.asarray(checked.observations, jnp.float32)
        self.states = jnp.asarray(features, jnp.float32)
        self.avail = jnp.asarray(np.arange(max(counts))[None, :] < np.array(counts)[:, None])

    def tabular(self) -> Tables:
        """The game as it is played (in single precision), for the solver; the time limit is not part of it."""
        rewards = self.rewards[0] if self.spec.reward == "team" else self.rewards
        return tables(
            np.asarray(self.transitions),
            np.asarray(rewards),
            terminal=np.asarray(self.terminal),
            initial=np.asarray(self.initial),
            observations=np.asarray(self.observations),
        )

    def reset(self, key: PRNGKeyArray) -> TabularState:
        return TabularState(state=_draw(key, self.initial), time=jnp.int32(0))

    def step(self, key: PRNGKeyArray, state: TabularState, actions: Int[Array, " N"]) -> tuple[TabularState, Outcome]:
        here = (state.state, *actions)
        reached = TabularState(state=_draw(key, self.transitions[here]), time=state.time + 1)
        terminated = self.terminal[reached.state]
        return reached, Outcome(
            reward=self.rewards[:, *here],
            terminated=terminated,
            truncated=~terminated & (reached.time >= self.spec.limit),
            metrics={},
        )

    def snapshot(self, state: TabularState) -> Int[Array, ""]:
        return state.state

    def observe(self, snapshot: Int[Array, ""]) -> Observation:
        seen = self.observations[snapshot]
        return Observation(
            obs=seen,
            state=self.states[snapshot],
            units=seen,
            avail=self.avail,
            alive=jnp.ones(self.spec.n_agents, bool),
        )


def _draw(key: PRNGKeyArray, probabilities: Float[Array, " S"]) -> Int[Array, ""]:
    return jax.random.categorical(key, jnp.log(probabilities)).astype(jnp.int32)


def _numbered(what: str, count: int) -> tuple[str, ...]:
    return tuple(f"{what} {k}" for k in range(count))


def _named(field: str, given: Sequence[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if given is not None and len(given) != len(default):
        raise QohortError(f"`{field}` holds {len(given)} names, but the tables have {len(default)}; name each once.")
    return default if given is None else tuple(given)
