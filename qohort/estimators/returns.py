"""Targets for the value of a joint action.

Every function looks at one stretch of time (leading axis `T`; further axes are carried along) and
shares one convention, so that a flag has one meaning:

- `discount[t]` is γ where the step may look at what follows, and 0 where it may not: after a step that
  terminated the episode, and after one that hit the time limit if the learner treats that as an end.
- `value_next[t]` is V(s_{t+1}), the greedy value of the frame that follows step t. After a time limit
  that frame holds the state reached.
- `connected[t]` tells whether the *decision* after step t belongs to the same episode and to the window.
  It is False at the last step of every episode and at the last step of the window: nothing may be
  chained through there, and the step falls back to its one-step target.

Targets of steps that are not valid are finite and meaningless.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def outlook(
    first: Bool[Array, "T1 B"],
    terminated: Bool[Array, "T B"],
    truncated: Bool[Array, "T B"],
    valid: Bool[Array, "T B"],
    *,
    gamma: float,
    bootstrap_time_limit: bool,
) -> tuple[Float[Array, "T B"], Bool[Array, "T B"]]:
    """`discount` and `connected` of a window: here, and only here, time flags become what may be looked at."""
    ends = terminated | (truncated & (not bootstrap_time_limit))
    decided = valid[1:] & ~first[1:-1]
    connected = jnp.concatenate([decided, jnp.zeros_like(valid[:1])])
    return jnp.where(ends, 0.0, gamma), connected


def one_step(
    reward: Float[Array, "T *rest"], discount: Float[Array, "T *rest"], value_next: Float[Array, "T *rest"]
) -> Float[Array, "T *rest"]:
    """r_t + γ V(s_{t+1})."""
    return reward + discount * value_next


def td_lambda(
    reward: Float[Array, "T *rest"],
    discount: Float[Array, "T *rest"],
    value_next: Float[Array, "T *rest"],
    *,
    connected: Bool[Array, "T *rest"],
    lambda_: float,
) -> Float[Array, "T *rest"]:
    """Peng and Williams' TD(λ): G_t = r_t + γ [(1 − λ) V(s_{t+1}) + λ G_{t+1}].

    It does not correct for exploratory actions: what follows one is averaged in as it happened.
    """
    trace = jnp.where(connected, lambda_, 0.0).astype(reward.dtype)
    return _chained(reward, discount, value_next, trace, value_next)


def q_lambda(
    reward: Float[Array, "T *rest"],
    discount: Float[Array, "T *rest"],
    value_next: Float[Array, "T *rest"],
    taken_next: Float[Array, "T *rest"],
    *,
    connected: Bool[Array, "T *rest"],
    lambda_: float,
) -> Float[Array, "T *rest"]:
    """Q(λ) with off-policy corrections (Harutyunyan et al. 2016): the sum of γλ-discounted TD errors.

    G_t = r_t + γ [V(s_{t+1}) + λ (G_{t+1} − Q(s_{t+1}, u_{t+1}))], where `taken_next[t]` is
    Q(s_{t+1}, u_{t+1}). An exploratory action is corrected by its own value, so the fixed point is Q*.
    """
    trace = jnp.where(connected, lambda_, 0.0).astype(reward.dtype)
    return _chained(reward, discount, value_next, trace, taken_next)


def watkins_q_lambda(
    reward: Float[Array, "T *rest"],
    discount: Float[Array, "T *rest"],
    value_next: Float[Array, "T *rest"],
    *,
    greedy_next: Bool[Array, "T *rest"],
    connected: Bool[Array, "T *rest"],
    lambda_: float,
) -> Float[Array, "T *rest"]:
    """Watkins' Q(λ): TD(λ) that stops in front of the first exploratory action (`greedy_next[t]` False)."""
    return td_lambda(reward, discount, value_next, connected=connected & greedy_next, lambda_=lambda_)


def q_lambda_pymarl2(
    reward: Float[Array, "T *rest"],
    discount: Float[Array, "T *rest"],
    value_next: Float[Array, "T *rest"],
    *,
    value: Float[Array, "T *rest"],
    taken: Float[Array, "T *rest"],
    connected: Bool[Array, "T *rest"],
    lambda_: float,
) -> Float[Array, "T *rest"]:
    """Q(λ) as PyMARL2 released it: TD(λ) on rewards to which the action gap V(s_t) − Q(s_t, u_t) is added.

    It equals `q_lambda` plus the gap of step t itself, an offset that Q(λ) does not have. It is here to
    reproduce that code; learn with `q_lambda`.
    """
    gap = value - taken
    return td_lambda(reward + gap, discount, value_next, connected=connected, lambda_=lambda_)


def n_step(
    reward: Float[Array, "T *rest"],
    discount: Float[Array, "T *rest"],
    value_next: Float[Array, "T *rest"],
    *,
    connected: Bool[Array, "T *rest"],
    n: int,
) -> Float[Array, "T *rest"]:
    """r_t + γ r_{t+1} + … + γⁿ V(s_{t+n}); fewer rewards where the episode or the window ends before.

    Stretching a k-step target to k + 1 steps replaces V(s_{t+1}) by the k-step target of step t + 1.
    """
    target = one_step(reward, discount, value_next)
    for _ in range(n - 1):
        following = jnp.concatenate([target[1:], value_next[-1:]])
        target = one_step(reward, discount, jnp.where(connected, following, value_next))
    return target


def _chained(
    reward: Float[Array, "T *rest"],
    discount: Float[Array, "T *rest"],
    value_next: Float[Array, "T *rest"],
    trace_next: Float[Array, "T *rest"],
    baseline_next: Float[Array, "T *rest"],
) -> Float[Array, "T *rest"]:
    """G_t = r_t + γ_t [V_{t+1} + c_{t+1} (G_{t+1} − b_{t+1})], from the last step backwards."""

    def back(
        following: Float[Array, "*rest"], step: tuple[Float[Array, "*rest"], ...]
    ) -> tuple[Float[Array, "*rest"], Float[Array, "*rest"]]:
        reward_t, discount_t, value, trace, baseline = step
        target = reward_t + discount_t * (value + trace * (following - baseline))
        return target, target

    steps = (reward, discount, value_next, trace_next, baseline_next)
    _, targets = jax.lax.scan(back, jnp.zeros_like(reward[-1]), steps, reverse=True)
    return targets
