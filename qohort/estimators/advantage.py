"""Advantages of what was done.

Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation" (2016). The conventions
are those of `qohort.estimators.returns`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from qohort.estimators.moments import mean
from qohort.estimators.returns import outlook, td_lambda


def advantages(
    reward: Float[Array, "T B N"],
    values: Float[Array, "T1 B N"],
    *,
    first: Bool[Array, "T1 B"],
    terminated: Bool[Array, "T B"],
    truncated: Bool[Array, "T B"],
    valid: Bool[Array, "T B"],
    gamma: float,
    lambda_: float,
    bootstrap_time_limit: bool,
) -> tuple[Float[Array, "T B N"], Float[Array, "T B N"]]:
    """Generalised advantages A_t = Σ_l (γλ)^l δ_{t+l}, δ_t = r_t + γ V(s_{t+1}) − V(s_t), and their targets A_t + V.

    The sum ends with the episode and with the window; there the last δ looks ahead by its own value alone. After a time
    limit the frame that holds the state reached gives that value, and decides nothing itself. By eq. (16) of the paper
    A_t + V(s_t) is the λ-return, and that is how it is computed. Rows that are not valid are finite and meaningless.
    """
    discount, connected = outlook(
        first, terminated, truncated, valid, gamma=gamma, bootstrap_time_limit=bootstrap_time_limit
    )
    each = values[:-1]
    targets = td_lambda(
        reward,
        jnp.broadcast_to(discount[..., None], each.shape).astype(each.dtype),
        values[1:],
        connected=jnp.broadcast_to(connected[..., None], each.shape),
        lambda_=lambda_,
    )
    return targets - each, targets


def standardised(values: Float[Array, "*rows"], counted: Bool[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Mean 0 and deviation 1 over the rows that count; the others are 0."""
    centred = jnp.where(counted, values - mean(values, counted), 0.0)
    return centred / (jnp.sqrt(mean(centred**2, counted)) + 1e-5)
