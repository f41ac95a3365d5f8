"""A team of agents that decide alone, and which of them share weights.

An agent's network reads rows. With `sharing="all"` every agent of every episode is a row of one call; otherwise the
same network is vmapped over the agents with weights stacked by set, and the episodes are the rows.
"""

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from qohort.errors import QohortError
from qohort.networks.agent import AbstractAgent, Rows
from qohort.networks.base import AbstractTeam, Carry, TeamOutput, View
from qohort.spec import EnvSpec

Sharing = Literal["all", "none", "groups"]


class IndependentTeam(AbstractTeam):
    """Agents that decide alone: what one does depends on nothing that another sees."""

    agent: AbstractAgent
    """One network, or several, stacked on axis 0 of every weight."""
    n_agents: int = eqx.field(static=True)
    sets: tuple[int, ...] | None = eqx.field(static=True)
    """Which of the stacked networks each agent uses; None if there is one for all."""

    @property
    def talks(self) -> bool:
        return False

    def initial(self, batch: int) -> Carry:
        carry = self.agent.initial(batch * self.n_agents)
        return jax.tree.map(lambda leaf: leaf.reshape(batch, self.n_agents, *leaf.shape[1:]), carry)

    def __call__(self, carry: Carry, view: View, first: Bool[Array, "T B"]) -> tuple[TeamOutput, Carry]:
        if self.sets is None:
            return self._as_rows(carry, view, first)
        return self._each_alone(carry, view, first, jnp.array(self.sets))

    def _as_rows(self, carry: Carry, view: View, first: Bool[Array, "T B"]) -> tuple[TeamOutput, Carry]:
        steps, batch, n_agents, _ = view.obs.shape
        rows = Rows(
            obs=view.obs.reshape(steps, batch * n_agents, -1),
            last_action=view.last_action.reshape(steps, batch * n_agents),
            first=jnp.repeat(first, n_agents, axis=1),
            agent=jnp.tile(jnp.arange(n_agents), batch),
        )
        carry = jax.tree.map(lambda leaf: leaf.reshape(batch * n_agents, *leaf.shape[2:]), carry)
        values, features, carry = self.agent(carry, rows)
        output = TeamOutput(
            values=values.reshape(steps, batch, n_agents, -1),
            features=features.reshape(steps, batch, n_agents, -1),
        )
        return output, jax.tree.map(lambda leaf: leaf.reshape(batch, n_agents, *leaf.shape[1:]), carry)

    def _each_alone(
        self, carry: Carry, view: View, first: Bool[Array, "T B"], sets: Int[Array, " N"]
    ) -> tuple[TeamOutput, Carry]:
        def alone(agent: AbstractAgent, carry: Carry, obs: Array, last_action: Array, which: Array) -> tuple:
            which = jnp.broadcast_to(which, first.shape[1:])
            return agent(carry, Rows(obs=obs, last_action=last_action, first=first, agent=which))

        agents = jax.tree.map(lambda leaf: leaf[sets], self.agent)
        values, features, carry = jax.vmap(alone, in_axes=(0, 1, 2, 2, 0), out_axes=(2, 2, 1))(
            agents, carry, view.obs, view.last_action, jnp.arange(self.n_agents)
        )
        return TeamOutput(values=values, features=features), carry


def build_team(
    draw: Callable[[PRNGKeyArray], AbstractAgent], sharing: Sharing, spec: EnvSpec, key: PRNGKeyArray
) -> IndependentTeam:
    """Draw one network for all agents, or one for each set of agents that share it."""
    if sharing == "all":
        return IndependentTeam(agent=draw(key), n_agents=spec.n_agents, sets=None)
    if sharing == "none":
        sets = tuple(range(spec.n_agents))
    elif sharing == "groups":
        if not spec.groups:
            raise QohortError(
                f'{spec.name}: `sharing="groups"` needs a label for each agent, but the world names no `groups`; '
                'use "all" or "none".'
            )
        labels = list(dict.fromkeys(spec.groups))
        sets = tuple(labels.index(label) for label in spec.groups)
    else:
        raise QohortError(f'`sharing` is {sharing!r}; it is one of "all", "none" and "groups".')
    agents = eqx.filter_vmap(draw)(jax.random.split(key, max(sets) + 1))
    return IndependentTeam(agent=agents, n_agents=spec.n_agents, sets=sets)
