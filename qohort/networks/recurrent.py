"""The recurrent agent of PyMARL: linear, ReLU, GRU, linear.

Hausknecht and Stone, "Deep Recurrent Q-Learning for Partially Observable MDPs" (2015), in the form of Samvelyan et
al., "The StarCraft Multi-Agent Challenge" (2019). Weights start as PyTorch's do: U(±1/√inputs) in linear layers,
U(±1/√hidden) in the GRU.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.networks.agent import AbstractAgent, InputLayer, Rows, affine, normalised
from qohort.networks.base import AbstractTeamConfig
from qohort.networks.gru import GRU
from qohort.networks.sharing import IndependentTeam, Sharing, build_team
from qohort.spec import EnvSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recurrent(AbstractTeamConfig):
    """Agents that remember: each has a GRU."""

    hidden: int = 64
    """Units of the hidden layer and of the memory."""
    last_action: bool = True
    """Whether an agent sees its previous action."""
    agent_id: bool = True
    """Whether an agent sees which agent it is."""
    norm: bool = False
    """Whether what the GRU reads is normalised (LayerNorm), in front of the ReLU."""
    sharing: Sharing = "all"
    """Who shares weights: all agents, none, or those of one group of the world."""

    def __post_init__(self) -> None:
        at_least(1, of="Recurrent", hidden=self.hidden)
        choices(self, of="Recurrent")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> IndependentTeam:
        def draw(key: PRNGKeyArray) -> RecurrentAgent:
            keys = jax.random.split(key, 3)
            return RecurrentAgent(
                fc1=InputLayer(spec, self.hidden, last_action=self.last_action, agent_id=self.agent_id, key=keys[0]),
                gru=GRU.draw(self.hidden, self.hidden, keys[1]),
                fc2=eqx.nn.Linear(self.hidden, spec.n_actions, key=keys[2]),
                norm=eqx.nn.LayerNorm(self.hidden) if self.norm else None,
            )

        return build_team(draw, self.sharing, spec, key)


class RecurrentAgent(AbstractAgent):
    """`fc1`, `gru` and `fc2` are PyMARL's `fc1`, `rnn` and `fc2`."""

    fc1: InputLayer
    gru: GRU
    fc2: eqx.nn.Linear
    norm: eqx.nn.LayerNorm | None
    """Between `fc1` and its ReLU, if there is one; PyMARL has none."""

    def initial(self, rows: int) -> Float[Array, "R H"]:
        return jnp.zeros((rows, self.gru.weight_hn.shape[-1]), self.gru.weight_hn.dtype)

    def __call__(
        self, carry: Float[Array, "R H"], rows: Rows
    ) -> tuple[Float[Array, "T R A"], Float[Array, "T R H"], Float[Array, "R H"]]:
        hidden = self.gru(carry, jax.nn.relu(normalised(self.norm, self.fc1(rows))), rows.first)
        assert self.fc2.bias is not None
        return affine(hidden, self.fc2.weight, self.fc2.bias), hidden, hidden[-1]
