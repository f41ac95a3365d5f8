"""Whether each agent's own best action makes a best joint action: random mixers, all joint actions.

IGM must hold for every draw of weights, states and utilities of a mixer that claims it, and must fail for some draws
of two controls: keys that read the utilities (`nonlinear`), and keys without a softmax, whose products are the weights.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.mixers import QMIX, QPLEX, VDN, AbstractMixerConfig, MixerOutput, Qatten
from qohort.spec import EnvSpec, Observation

AGENTS, ACTIONS = 3, 4

SPREAD = 5.0
"""Standard deviation of the utilities."""

AT_ONCE, SLOPES_AT_ONCE = 250, 10_000
"""Draws that are in memory together: QPLEX takes half a gigabyte for all joint actions of so many, slopes less."""

Reading = Callable[[MixerOutput, Float[Array, " N"]], Float[Array, ""]]


def _q_tot(out: MixerOutput, chosen: Float[Array, " N"]) -> Float[Array, ""]:
    return out.q_tot[0]


def _raw_keys(out: MixerOutput, chosen: Float[Array, " N"]) -> Float[Array, ""]:
    return out.aux["logits"].sum(axis=0) @ chosen


CASES: dict[str, tuple[AbstractMixerConfig, Reading, bool]] = {
    "vdn": (VDN(), _q_tot, True),
    "qmix": (QMIX(), _q_tot, True),
    "qatten": (Qatten(), _q_tot, True),
    "qatten, weighted": (Qatten(weighted_head=True), _q_tot, True),
    "qplex": (QPLEX(), _q_tot, True),
    "qatten, nonlinear keys": (Qatten(nonlinear=True), _q_tot, False),
    "qatten, keys without softmax": (Qatten(), _raw_keys, False),
}
"""Mixers, how their value is read, and whether IGM is claimed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slopes:
    """What keys that read the utilities do to the derivatives of Q^h."""

    difference: float
    """The greatest between the formula and automatic differentiation."""
    negative: float
    """The share of draws in which some derivative is negative."""
    agree: float
    """The share of derivatives that are negative just when g_i (Q^h − Q_i) > 1; nearer than rounding is left out."""
    example: tuple[float, ...]
    """The derivatives of the draw with the most negative one."""


def broken(case: str, *, draws: int, seed: int) -> float:
    """The share of draws in which the greedy joint action is not a best one."""
    config, read, _ = CASES[case]
    spec, every = _spec(AGENTS, ACTIONS), (ACTIONS,) * AGENTS
    joint = jnp.asarray(np.stack(np.unravel_index(np.arange(ACTIONS**AGENTS), every), axis=1), jnp.int32)

    def one(key: PRNGKeyArray) -> Array:
        mixer_key, seen_key, utility_key = jax.random.split(key, 3)
        mixer, seen = config.build(spec, mixer_key), _seen(spec, seen_key)
        utilities = SPREAD * jax.random.normal(utility_key, (AGENTS, ACTIONS))

        def of(actions: Array) -> Array:
            chosen = utilities[jnp.arange(AGENTS), actions]
            return read(mixer(chosen, utilities.max(axis=1), seen, actions), chosen)

        values = jax.vmap(of)(joint)
        return values.max() - of(utilities.argmax(axis=1).astype(jnp.int32)) > 1e-4 * (values.max() - values.min())

    return float(np.asarray(_each(one, draws=draws, seed=seed, at_once=AT_ONCE)).mean())


def slopes(*, draws: int, seed: int) -> Slopes:
    """∂Q^h/∂Q_i = λ_i (1 + g_i (Q_i − Q^h)), g_i = ∂ logit_i / ∂Q_i, for one head whose keys read the utilities."""
    config = Qatten(heads=1, state_bias=False, nonlinear=True)
    spec = _spec(AGENTS, 1)

    def one(key: PRNGKeyArray) -> tuple[Array, Array, Array]:
        mixer_key, seen_key, utility_key = jax.random.split(key, 3)
        mixer, seen = config.build(spec, mixer_key), _seen(spec, seen_key)
        chosen, nothing = SPREAD * jax.random.normal(utility_key, (AGENTS,)), jnp.zeros(AGENTS, jnp.int32)

        def logits(chosen: Array) -> Array:
            return mixer(chosen, chosen, seen, nothing).aux["logits"][0] / config.embed**0.5

        out = mixer(chosen, chosen, seen, nothing)
        attention, value = out.aux["attention"][0], out.q_tot[0]
        gains = jnp.diagonal(jax.jacobian(logits)(chosen))
        found = jax.grad(lambda chosen: mixer(chosen, chosen, seen, nothing).q_tot[0])(chosen)
        return found, attention * (1 + gains * (chosen - value)), gains * (value - chosen)

    found, formula, excess = (np.asarray(a) for a in _each(one, draws=draws, seed=seed, at_once=SLOPES_AT_ONCE))
    clear = np.abs(excess - 1) > 1e-4
    return Slopes(
        difference=float(np.abs(found - formula).max()),
        negative=float((found < 0).any(axis=1).mean()),
        agree=float(((found < 0) == (excess > 1))[clear].mean()),
        example=tuple(found[found.min(axis=1).argmin()].tolist()),
    )


def _each(one: Callable[[PRNGKeyArray], Any], *, draws: int, seed: int, at_once: int) -> Any:
    """What is found for every draw."""
    keys = jax.random.split(jax.random.key(seed), draws)
    return jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=at_once))(keys)


def _seen(spec: EnvSpec, key: PRNGKeyArray) -> Observation:
    state_key, unit_key = jax.random.split(key)
    agents = spec.n_agents
    return Observation(
        obs=jnp.ones((agents, 1)),
        state=jax.random.normal(state_key, (spec.state_size,)),
        units=jax.random.normal(unit_key, (agents, spec.unit_size)),
        avail=jnp.ones((agents, spec.n_actions), bool),
        alive=jnp.ones(agents, bool),
    )


def _spec(agents: int, actions: int) -> EnvSpec:
    return EnvSpec(
        name="lab/igm",
        agents=tuple(f"agent {agent}" for agent in range(agents)),
        actions=tuple(f"action {action}" for action in range(actions)),
        obs_features=("one",),
        state_features=tuple(f"s{place}" for place in range(6)),
        unit_features=tuple(f"u{place}" for place in range(4)),
        limit=1,
    )
