"""Worlds of any size that consist of names only, and random moments in them."""

import jax.numpy as jnp
import numpy as np

from qohort.spec import EnvSpec, Observation


def spec_of(agents=3, actions=4, obs=5, state=6, units=2, **more) -> EnvSpec:
    """A world of these sizes."""
    return EnvSpec(
        name="sizes",
        agents=tuple(f"agent {i}" for i in range(agents)),
        actions=tuple(f"action {i}" for i in range(actions)),
        obs_features=tuple(f"seen {i}" for i in range(obs)),
        state_features=tuple(f"state {i}" for i in range(state)),
        unit_features=tuple(f"unit {i}" for i in range(units)),
        limit=10,
        **{"no_op": 0, **more},
    )


def random_moment(spec: EnvSpec, rng: np.random.Generator, rows=()) -> Observation:
    """Normal features; each action available with probability 0.7, one always; each agent alive with 0.7."""
    avail = rng.random((*rows, spec.n_agents, spec.n_actions)) < 0.7
    always = rng.integers(spec.n_actions, size=(*rows, spec.n_agents))
    np.put_along_axis(avail, always[..., None], values=True, axis=-1)
    return Observation(
        obs=jnp.array(rng.normal(size=(*rows, spec.n_agents, spec.obs_size))),
        state=jnp.array(rng.normal(size=(*rows, spec.state_size))),
        units=jnp.array(rng.normal(size=(*rows, spec.n_agents, spec.unit_size))),
        avail=jnp.array(avail),
        alive=jnp.array(rng.random((*rows, spec.n_agents)) < 0.7),
    )
