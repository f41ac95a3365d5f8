"""The reward that is learnt from: the team's, or one made of the agents' own."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from qohort.errors import QohortError
from qohort.spec import EnvSpec

Reduction = Literal["none", "sum", "mean"]
"""How individual rewards become one of the team."""


def reduced(reward: Float[Array, "T B M"], reduction: Reduction) -> Float[Array, "T B M2"]:
    """The rewards as they are learnt from."""
    if reduction == "none":
        return reward
    reduce = jnp.sum if reduction == "sum" else jnp.mean
    return reduce(reward, axis=-1, keepdims=True)


def check_rewards(spec: EnvSpec, reduction: Reduction, *, values: int) -> None:
    """Refuse a world that pays each agent if `values` joint values are learnt, and not one for each."""
    if reduction == "none" and spec.n_rewards not in (1, values):
        raise QohortError(
            f"{spec.name} rewards each of its {spec.n_rewards} agents, but this algorithm learns one "
            "value for the team. Say how the rewards become one (--algorithm.reward-reduction sum or mean), or "
            "train independent learners (iql)."
        )
