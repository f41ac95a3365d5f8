"""From a window and some utilities to the targets of the joint value: one function for each estimator."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.algorithms.joint import at_rows, mix, pick
from qohort.estimators import returns
from qohort.mixers.base import AbstractMixer
from qohort.replay.window import Window
from qohort.spec import Observation

EstimatorName = Literal["one-step", "n-step", "td-lambda", "q-lambda", "watkins", "q-lambda-pymarl2"]
Joint = Callable[[slice, Int[Array, "T B N"]], Float[Array, "T B M"]]

NEXT, PRESENT = slice(1, None), slice(None, -1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a target is made of; `T B M` unless it is said."""

    reward: Float[Array, "T B M"]
    discount: Float[Array, "T B M"]
    """γ, or 0 where nothing counts that follows."""
    value_next: Float[Array, "T B M"]
    """The greedy value of the frame after each step."""
    connected: Bool[Array, "T B M"]
    """Whether the next step is a decision of the same episode and inside the window."""
    actions: Int[Array, "T B N"]
    greedy: Int[Array, "T1 B N"]
    """The greedy joint action of every frame."""
    joint: Joint
    """The value of joint actions in some of the frames, by the network that makes the targets."""
    td_lambda: float
    n: int

    @property
    def actions_next(self) -> Int[Array, "T B N"]:
        """The next step's actions; what follows the last one is not known, and never chained through."""
        return jnp.concatenate([self.actions[1:], self.greedy[-1:]])


def joint_of(mixer: AbstractMixer, values: Float[Array, "T1 B N A"], seen: Observation) -> Joint:
    """What joint actions are worth in some of the frames, by the utilities of every frame."""

    def joint(rows: slice, actions: Int[Array, "T B N"]) -> Float[Array, "T B M"]:
        utilities = values[rows]
        return mix(mixer, pick(utilities, actions), utilities, (at_rows(seen, rows), actions)).q_tot

    return joint


def evidence_of(
    window: Window,
    joint: Joint,
    greedy: Int[Array, "T1 B N"],
    *,
    reward: Float[Array, "T B M2"],
    gamma: float,
    bootstrap_time_limit: bool,
    td_lambda: float,
    n: int,
) -> Evidence:
    """Lay out a window."""
    value_next = joint(NEXT, greedy[NEXT])
    discount, connected = returns.outlook(
        window.first,
        window.terminated,
        window.truncated,
        window.valid,
        gamma=gamma,
        bootstrap_time_limit=bootstrap_time_limit,
    )
    discount = discount.astype(value_next.dtype)
    return Evidence(
        reward=jnp.broadcast_to(reward, value_next.shape),
        discount=jnp.broadcast_to(discount[..., None], value_next.shape),
        value_next=value_next,
        connected=jnp.broadcast_to(connected[..., None], value_next.shape),
        actions=window.actions,
        greedy=greedy,
        joint=joint,
        td_lambda=td_lambda,
        n=n,
    )


def _one_step(e: Evidence) -> Float[Array, "T B M"]:
    return returns.one_step(e.reward, e.discount, e.value_next)


def _n_step(e: Evidence) -> Float[Array, "T B M"]:
    return returns.n_step(e.reward, e.discount, e.value_next, connected=e.connected, n=e.n)


def _td_lambda(e: Evidence) -> Float[Array, "T B M"]:
    return returns.td_lambda(e.reward, e.discount, e.value_next, connected=e.connected, lambda_=e.td_lambda)


def _q_lambda(e: Evidence) -> Float[Array, "T B M"]:
    taken_next = e.joint(NEXT, e.actions_next)
    return returns.q_lambda(e.reward, e.discount, e.value_next, taken_next, connected=e.connected, lambda_=e.td_lambda)


def _watkins(e: Evidence) -> Float[Array, "T B M"]:
    agreed = jnp.all(e.actions_next == e.greedy[NEXT], axis=-1, keepdims=True)
    return returns.watkins_q_lambda(
        e.reward,
        e.discount,
        e.value_next,
        greedy_next=jnp.broadcast_to(agreed, e.value_next.shape),
        connected=e.connected,
        lambda_=e.td_lambda,
    )


def _q_lambda_pymarl2(e: Evidence) -> Float[Array, "T B M"]:
    return returns.q_lambda_pymarl2(
        e.reward,
        e.discount,
        e.value_next,
        value=e.joint(PRESENT, e.greedy[PRESENT]),
        taken=e.joint(PRESENT, e.actions),
        connected=e.connected,
        lambda_=e.td_lambda,
    )


ESTIMATORS: dict[EstimatorName, Callable[[Evidence], Float[Array, "T B M"]]] = {
    "one-step": _one_step,
    "n-step": _n_step,
    "td-lambda": _td_lambda,
    "q-lambda": _q_lambda,
    "watkins": _watkins,
    "q-lambda-pymarl2": _q_lambda_pymarl2,
}
