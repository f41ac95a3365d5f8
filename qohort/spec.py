"""The words that everything speaks.

Axes, wherever an array is annotated:

====  ===========  ====  =======================================
name  what         name  what
====  ===========  ====  =======================================
T     time         O     features of one agent's observation
B     batch        S     features of the state
E     environment  U     features of one agent's part of the state
N     agent        H     hidden units
A     action       K     attention heads
M     reward (1 for a team reward, N for individual ones)
====  ==================================================

Learning code is time, batch, agent, feature: ``T B N ...``. Worlds and mixers know neither time nor
batch (``N ...``) and are vmapped.
"""

import dataclasses
from typing import Literal

import equinox as eqx
from jaxtyping import Array, Bool, Float

from qohort.errors import QohortError
from qohort.scene import Scene as Scene  # noqa: PLC0414  (one of the words that everything speaks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvSpec:
    """What is fixed about a world: names (whose counts are the sizes), limit and kind of reward.

    Attributes:
        name: the world's name, as `make` knows it.
        agents: a name for each agent.
        actions: a name for each action; every agent has the same list, availability tells them apart.
        obs_features: a name for each entry of an agent's observation.
        state_features: a name for each entry of the state.
        unit_features: a name for each entry of an agent's own part of the state.
        limit: the number of steps after which an episode is truncated.
        metrics: the names of the episode metrics in `Outcome.metrics`.
        no_op: the action that does nothing, if there is one.
        reward: one reward for the team, or one for each agent.
        groups: a label for each agent; agents of one label may share a network (`sharing="groups"`).
        version: the version of its rules, if they have one; every run records it.
    """

    name: str
    agents: tuple[str, ...]
    actions: tuple[str, ...]
    obs_features: tuple[str, ...]
    state_features: tuple[str, ...]
    unit_features: tuple[str, ...]
    limit: int
    metrics: tuple[str, ...] = ()
    no_op: int | None = None
    reward: Literal["team", "individual"] = "team"
    groups: tuple[str, ...] = ()
    version: str | None = None

    def __post_init__(self) -> None:
        for field in ("agents", "actions", "obs_features", "state_features", "unit_features"):
            names = getattr(self, field)
            if not names:
                raise QohortError(f"{self.name}: `{field}` is empty; a world needs at least one entry there.")
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise QohortError(f"{self.name}: `{field}` names {twice!r} twice; names must differ.")
        if self.limit < 1:
            raise QohortError(f"{self.name}: `limit` is {self.limit}; an episode has at least 1 step.")
        if self.no_op is not None and not 0 <= self.no_op < self.n_actions:
            raise QohortError(
                f"{self.name}: `no_op` is {self.no_op}, but the actions are numbered 0 to {self.n_actions - 1}."
            )
        if self.groups and len(self.groups) != self.n_agents:
            raise QohortError(
                f"{self.name}: `groups` has {len(self.groups)} labels for {self.n_agents} agents; give one each."
            )

    @property
    def n_agents(self) -> int:
        """How many agents there are."""
        return len(self.agents)

    @property
    def n_actions(self) -> int:
        """How many actions the agents' list has."""
        return len(self.actions)

    @property
    def obs_size(self) -> int:
        """The length of one observation."""
        return len(self.obs_features)

    @property
    def state_size(self) -> int:
        """The length of the state."""
        return len(self.state_features)

    @property
    def unit_size(self) -> int:
        """The length of an agent's own part of the state."""
        return len(self.unit_features)

    @property
    def n_rewards(self) -> int:
        """1, or one for each agent."""
        return 1 if self.reward == "team" else self.n_agents


class Observation(eqx.Module):
    """What there is to know in one moment: what agents see, and what only training sees."""

    obs: Float[Array, "*rows N O"]
    """What each agent sees."""
    state: Float[Array, "*rows S"]
    """What only training sees."""
    units: Float[Array, "*rows N U"]
    """Each agent's own part of the state; Qatten's keys are made of it."""
    avail: Bool[Array, "*rows N A"]
    """The actions that may be taken; at least one for each agent, always."""
    alive: Bool[Array, "*rows N"]
    """Whether an agent still takes part."""


class Outcome(eqx.Module):
    """What one step brought."""

    reward: Float[Array, "*rows M"]
    """One reward for the team, or one for each agent."""
    terminated: Bool[Array, "*rows"]
    """The task ended with this step: there is nothing more to gain."""
    truncated: Bool[Array, "*rows"]
    """The time limit was hit with this step; whether a learner looks beyond it is the learner's option."""
    metrics: dict[str, Float[Array, "*rows"]]
    """Values of the episode so far; those of its last step count."""
