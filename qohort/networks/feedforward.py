"""An agent without memory: linear layers with ReLU between them, and layer normalisation in front of it on request."""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.networks.agent import AbstractAgent, InputLayer, Rows, affine, normalised
from qohort.networks.base import AbstractTeamConfig
from qohort.networks.sharing import IndependentTeam, Sharing, build_team
from qohort.spec import EnvSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedForward(AbstractTeamConfig):
    """Agents that see the present only."""

    hidden: int = 64
    """Units of each hidden layer."""
    layers: int = 2
    """Hidden layers."""
    last_action: bool = True
    """Whether an agent sees its previous action."""
    agent_id: bool = True
    """Whether an agent sees which agent it is."""
    norm: bool = False
    """Whether the hidden units are normalised (LayerNorm), in front of the ReLU."""
    sharing: Sharing = "all"
    """Who shares weights: all agents, none, or those of one group of the world."""

    def __post_init__(self) -> None:
        at_least(1, of="FeedForward", hidden=self.hidden, layers=self.layers)
        choices(self, of="FeedForward")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> IndependentTeam:
        def draw(key: PRNGKeyArray) -> FeedForwardAgent:
            first, *middle, last = jax.random.split(key, self.layers + 1)
            return FeedForwardAgent(
                first=InputLayer(spec, self.hidden, last_action=self.last_action, agent_id=self.agent_id, key=first),
                middle=tuple(eqx.nn.Linear(self.hidden, self.hidden, key=key) for key in middle),
                last=eqx.nn.Linear(self.hidden, spec.n_actions, key=last),
                norms=tuple(eqx.nn.LayerNorm(self.hidden) if self.norm else None for _ in range(self.layers)),
            )

        return build_team(draw, self.sharing, spec, key)


class FeedForwardAgent(AbstractAgent):
    first: InputLayer
    middle: tuple[eqx.nn.Linear, ...]
    last: eqx.nn.Linear
    norms: tuple[eqx.nn.LayerNorm | None, ...]
    """One for each hidden layer."""

    def initial(self, rows: int) -> tuple[()]:
        return ()

    def __call__(self, carry: tuple[()], rows: Rows) -> tuple[Float[Array, "T R A"], Float[Array, "T R H"], tuple[()]]:
        hidden = jax.nn.relu(normalised(self.norms[0], self.first(rows)))
        for layer, norm in zip(self.middle, self.norms[1:], strict=True):
            assert layer.bias is not None
            hidden = jax.nn.relu(normalised(norm, affine(hidden, layer.weight, layer.bias)))
        assert self.last.bias is not None
        return affine(hidden, self.last.weight, self.last.bias), hidden, ()
