"""The network of one agent: what it reads, and the layer that reads it first."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.networks.base import Carry, one_hot
from qohort.spec import EnvSpec


class Rows(eqx.Module):
    """What is seen over time, one row for each agent in each episode."""

    obs: Float[Array, "T R O"]
    last_action: Int[Array, "T R"]
    first: Bool[Array, "T R"]
    agent: Int[Array, " R"]
    """Which agent a row belongs to."""


class AbstractAgent(eqx.Module):
    """The network of one agent, with its weights."""

    @abc.abstractmethod
    def initial(self, rows: int) -> Carry:
        """The memory before the first step of an episode; every leaf begins with the axis `R`."""

    @abc.abstractmethod
    def __call__(self, carry: Carry, rows: Rows) -> tuple[Float[Array, "T R A"], Float[Array, "T R H"], Carry]:
        """The values, what they were read from, and the memory after the last step."""


class InputLayer(eqx.Module):
    """A linear layer on [observation, one-hot last action, one-hot agent].

    The weight has the columns of the concatenated input, in this order. The input itself is never built: it would be
    the largest array of an update.
    """

    weight: Float[Array, "H I"]
    bias: Float[Array, " H"]
    n_actions: int = eqx.field(static=True)
    """Columns for the last action; 0 if it is not looked at."""
    n_agents: int = eqx.field(static=True)
    """Columns for the agent; 0 if it is not looked at."""

    def __init__(self, spec: EnvSpec, hidden: int, *, last_action: bool, agent_id: bool, key: PRNGKeyArray) -> None:
        self.n_actions = spec.n_actions if last_action else 0
        self.n_agents = spec.n_agents if agent_id else 0
        linear = eqx.nn.Linear(spec.obs_size + self.n_actions + self.n_agents, hidden, key=key)
        assert linear.bias is not None
        self.weight, self.bias = linear.weight, linear.bias

    def __call__(self, rows: Rows) -> Float[Array, "T R H"]:
        dtype = self.weight.dtype
        ids = self.weight.shape[1] - self.n_agents
        actions = ids - self.n_actions
        out = rows.obs.astype(dtype) @ self.weight[:, :actions].T
        if self.n_actions:
            out = out + one_hot(rows.last_action, self.n_actions, dtype) @ self.weight[:, actions:ids].T
        constant = jnp.broadcast_to(self.bias, (len(rows.agent), len(self.bias)))
        if self.n_agents:
            constant = constant + one_hot(rows.agent, self.n_agents, dtype) @ self.weight[:, ids:].T
        return out + constant[None]


def normalised(norm: eqx.nn.LayerNorm | None, x: Float[Array, "T R H"]) -> Float[Array, "T R H"]:
    """Layer normalisation (Ba et al. 2016) of every row, or none."""
    return x if norm is None else jax.vmap(jax.vmap(norm))(x)


def affine(x: Float[Array, "T R I"], weight: Float[Array, "J I"], bias: Float[Array, " J"]) -> Float[Array, "T R J"]:
    return x @ weight.T + bias[None, None]
