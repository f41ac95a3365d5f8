"""Agents of the on-policy literature: a trunk with layer normalisation and orthogonal weights; see `trunk.py`."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.networks.agent import AbstractAgent, Rows
from qohort.networks.base import AbstractTeamConfig, Carry, one_hot
from qohort.networks.sharing import IndependentTeam, Sharing, build_team
from qohort.networks.trunk import Shape, Trunk
from qohort.spec import EnvSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normalised(AbstractTeamConfig):
    """Agents with normalised layers and, unless it is switched off, a GRU."""

    hidden: int = 64
    """Units of each hidden layer and of the memory."""
    layers: int = 2
    """Hidden layers before the memory."""
    memory: bool = True
    """Whether agents remember; without, they see the present only."""
    input_norm: bool = True
    """Layer normalisation of what is read."""
    layer_norm: bool = True
    """Layer normalisation after each hidden layer and after the memory."""
    orthogonal: bool = True
    """Orthogonal initial weights and zero biases; otherwise uniform within ±1/√inputs."""
    gain: float = 0.01
    """The gain of the last layer's orthogonal weights: small, so that play begins nearly uniform."""
    last_action: bool = True
    """Whether an agent sees its previous action."""
    agent_id: bool = True
    """Whether an agent sees which agent it is."""
    sharing: Sharing = "all"
    """Who shares weights: all agents, none, or those of one group of the world."""

    def __post_init__(self) -> None:
        at_least(1, of="Normalised", hidden=self.hidden, layers=self.layers)
        choices(self, of="Normalised")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> IndependentTeam:
        shape = Shape(
            hidden=self.hidden,
            layers=self.layers,
            memory=self.memory,
            input_norm=self.input_norm,
            layer_norm=self.layer_norm,
            orthogonal=self.orthogonal,
            gain=self.gain,
        )
        actions = spec.n_actions if self.last_action else 0
        agents = spec.n_agents if self.agent_id else 0

        def draw(key: PRNGKeyArray) -> NormalisedAgent:
            trunk = Trunk(shape, inputs=spec.obs_size + actions + agents, outputs=spec.n_actions, key=key)
            return NormalisedAgent(trunk=trunk, n_actions=actions, n_agents=agents)

        return build_team(draw, self.sharing, spec, key)


class NormalisedAgent(AbstractAgent):
    trunk: Trunk
    n_actions: int = eqx.field(static=True)
    """Entries for the last action; 0 if it is not looked at."""
    n_agents: int = eqx.field(static=True)
    """Entries for the agent; 0 if it is not looked at."""

    def initial(self, rows: int) -> Carry:
        return self.trunk.initial(rows)

    def __call__(self, carry: Carry, rows: Rows) -> tuple[Float[Array, "T R A"], Float[Array, "T R H"], Carry]:
        dtype = rows.obs.dtype
        who = jnp.broadcast_to(one_hot(rows.agent, self.n_agents, dtype), (*rows.last_action.shape, self.n_agents))
        did = one_hot(rows.last_action, self.n_actions, dtype)
        values, features, states = self.trunk(carry, jnp.concatenate([rows.obs, did, who], axis=-1), rows.first)
        return values, features, jax.tree.map(lambda leaf: leaf[-1], states)
