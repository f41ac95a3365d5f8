"""Critics: what a team may hope for, said for each agent. Only training asks them, so they may read the state.

On the agent's own observation a critic is that of independent learners (de Witt et al. 2020); on the state it is
centralised (Lowe et al. 2017; Yu et al. 2022). The network is the one of `trunk.py`, with one output.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.networks.base import Carry
from qohort.networks.trunk import Shape, Trunk
from qohort.spec import EnvSpec, Observation

Reads = Literal["observation", "state", "agent-state"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Critic:
    """One network for all agents; the defaults are those of Yu et al."""

    reads: Reads = "agent-state"
    """`observation`: the agent's own and its id; `state`: one value for all; `agent-state`: state, observation, id."""
    hidden: int = 64
    """Units of each hidden layer and of the memory."""
    layers: int = 2
    """Hidden layers before the memory."""
    memory: bool = True
    """Whether the critic has a GRU."""
    input_norm: bool = True
    """Layer normalisation of what is read."""
    layer_norm: bool = True
    """Layer normalisation after each hidden layer and after the memory."""
    orthogonal: bool = True
    """Orthogonal initial weights and zero biases; otherwise uniform within ±1/√inputs."""
    mask_dead: bool = True
    """Read zeros and the id for an agent that is not alive, unless the whole team shares one value."""

    def __post_init__(self) -> None:
        at_least(1, of="Critic", hidden=self.hidden, layers=self.layers)
        choices(self, of="Critic")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "Values":
        """Draw the weights for a world."""
        seen = {
            "observation": spec.obs_size + spec.n_agents,
            "state": spec.state_size,
            "agent-state": spec.state_size + spec.obs_size + spec.n_agents,
        }
        shape = Shape(
            hidden=self.hidden,
            layers=self.layers,
            memory=self.memory,
            input_norm=self.input_norm,
            layer_norm=self.layer_norm,
            orthogonal=self.orthogonal,
            gain=1.0,
        )
        trunk = Trunk(shape, inputs=seen[self.reads], outputs=1, key=key)
        return Values(trunk=trunk, reads=self.reads, mask_dead=self.mask_dead, n_agents=spec.n_agents)


class Values(eqx.Module):
    """The critic with its weights."""

    trunk: Trunk
    reads: Reads = eqx.field(static=True)
    mask_dead: bool = eqx.field(static=True)
    n_agents: int = eqx.field(static=True)

    def initial(self, batch: int) -> Carry:
        """The memory before the first step of an episode; every leaf begins with the axis `B` and one of values."""
        rows = self._values()
        carry = self.trunk.initial(batch * rows)
        return jax.tree.map(lambda leaf: leaf.reshape(batch, rows, *leaf.shape[1:]), carry)

    def __call__(
        self, carry: Carry, seen: Observation, first: Bool[Array, "T B"]
    ) -> tuple[Float[Array, "T B N"], Carry]:
        """The values, and the memory after each step, with the axis `T` in front."""
        steps, batch = first.shape
        rows = self._values()
        inputs = self._inputs(seen).reshape(steps, batch * rows, -1)
        carry = jax.tree.map(lambda leaf: leaf.reshape(batch * rows, *leaf.shape[2:]), carry)
        values, _, states = self.trunk(carry, inputs, jnp.repeat(first, rows, axis=1))
        states = jax.tree.map(lambda leaf: leaf.reshape(steps, batch, rows, *leaf.shape[2:]), states)
        return jnp.broadcast_to(values.reshape(steps, batch, rows), (steps, batch, self.n_agents)), states

    def _values(self) -> int:
        """How many values there are in a moment."""
        return 1 if self.reads == "state" else self.n_agents

    def _inputs(self, seen: Observation) -> Float[Array, "T B V I"]:
        if self.reads == "state":
            return seen.state[:, :, None]
        parts = [seen.obs]
        if self.reads == "agent-state":
            state = jnp.broadcast_to(seen.state[:, :, None], (*seen.alive.shape, seen.state.shape[-1]))
            parts = [state, seen.obs]
        known = jnp.concatenate(parts, axis=-1)
        if self.mask_dead:
            known = jnp.where(seen.alive[..., None], known, 0.0)
        who = jnp.broadcast_to(jnp.eye(self.n_agents, dtype=known.dtype), (*seen.alive.shape, self.n_agents))
        return jnp.concatenate([known, who], axis=-1)
