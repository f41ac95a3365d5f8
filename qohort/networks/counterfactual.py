"""COMA's critic: the values of all own actions of an agent, those of the others held fixed (Foerster et al. 2018).

For agent i it reads [state, own observation, joint action with the own block zero, joint last action, one-hot i] and
has two layers of rectified units and an output for each own action, so that one pass gives what the counterfactual
baseline needs.
"""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least
from qohort.networks.base import one_hot
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class CounterfactualCritic:
    """A critic that all agents share."""

    hidden: int = 128
    """Units of both hidden layers."""
    last_action: bool = True
    """Whether it reads what all agents did one step before; leave it out where the world's state tells that."""

    def __post_init__(self) -> None:
        at_least(1, of="CounterfactualCritic", hidden=self.hidden)

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "CounterfactualValues":
        """Draw the weights for a world."""
        joint = spec.n_agents * spec.n_actions
        inputs = spec.state_size + spec.obs_size + joint + self.last_action * joint + spec.n_agents
        keys = jax.random.split(key, 3)
        return CounterfactualValues(
            fc1=eqx.nn.Linear(inputs, self.hidden, key=keys[0]),
            fc2=eqx.nn.Linear(self.hidden, self.hidden, key=keys[1]),
            fc3=eqx.nn.Linear(self.hidden, spec.n_actions, key=keys[2]),
            reads_last_action=self.last_action,
        )


class CounterfactualValues(eqx.Module):
    """`fc1`, `fc2` and `fc3` are PyMARL's."""

    fc1: eqx.nn.Linear
    fc2: eqx.nn.Linear
    fc3: eqx.nn.Linear
    reads_last_action: bool = eqx.field(static=True)

    def __call__(
        self, seen: Observation, last_action: Int[Array, " N"], actions: Int[Array, " N"]
    ) -> Float[Array, "N A"]:
        """Row i: Q(s, (a, u_{−i})) for every own action a."""
        hidden = jax.nn.relu(self._first(seen, last_action, actions))
        hidden = jax.nn.relu(jax.vmap(self.fc2)(hidden))
        return jax.vmap(self.fc3)(hidden)

    def _first(
        self, seen: Observation, last_action: Int[Array, " N"], actions: Int[Array, " N"]
    ) -> Float[Array, "N H"]:
        """The first layer, block by block: its input, with N² blocks of actions, is never built."""
        weight, bias = self.fc1.weight, self.fc1.bias
        assert bias is not None
        n_agents, n_actions = seen.avail.shape
        joint = n_agents * n_actions
        sizes = (seen.state.shape[0], seen.obs.shape[1], joint, self.reads_last_action * joint)
        blocks = jnp.split(weight, list(itertools.accumulate(sizes)), axis=1)
        of_state, of_obs, of_actions, of_last, of_id = blocks
        common = of_state @ seen.state.astype(weight.dtype) + bias
        if self.reads_last_action:
            common = common + of_last @ one_hot(last_action, n_actions, weight.dtype).ravel()
        by_agent = of_actions.reshape(-1, n_agents, n_actions)
        each = jnp.einsum("na,hna->nh", one_hot(actions, n_actions, weight.dtype), by_agent)
        others = jnp.sum(each, axis=0, keepdims=True) - each
        return common[None] + seen.obs.astype(weight.dtype) @ of_obs.T + others + of_id.T
