"""The counterfactual advantage."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def counterfactual_advantage(
    taken: Float[Array, "*rows"], values: Float[Array, "*rows A"], probabilities: Float[Array, "*rows A"]
) -> Float[Array, "*rows"]:
    """A_i(s, u) = Q(s, u) − Σ_a π_i(a) Q(s, (a, u_{−i})) (Foerster et al. 2018, equation 4).

    Args:
        taken: Q(s, u), each agent's entry of `values` for what it did.
        values: Q(s, (a, u_{−i})) for every own action a.
        probabilities: π_i.
    """
    return taken - jnp.sum(probabilities * values, axis=-1)
