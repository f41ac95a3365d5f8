"""How many heads a trained Qatten needs: at one state, at many states, and wherever the utilities' zero is.

The utilities are given here, as numbers near a maximiser; only the mixer is trained, on the values of a known function.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.lab.descent import Descent, Told, descend, silent
from qohort.lab.spectrum import FUNCTIONS, at_scale, value
from qohort.mixers import Qatten
from qohort.mixers.base import AbstractMixer
from qohort.spec import EnvSpec, Observation

HEADS = (1, 2, 4, 8, 16)

Roles = Literal["one role", "two roles"]
"""How much an agent counts depends on its health x: softmax(3x), or the mean of softmax(3x) and softmax(−3x)."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """States, and in each of them joint utilities with the values that a mixer should give them."""

    states: Float[np.ndarray, "Z S"]
    units: Float[np.ndarray, "Z N U"]
    utilities: Float[np.ndarray, "Z P N"]
    targets: Float[np.ndarray, "Z P"]


def one_state(scale: float, *, shift: float = 0.0, actions: int = 5) -> Moments:
    """Every joint action of three agents near the maximiser of exp(v·Q), in one state.

    Args:
        scale: v·α at the maximiser.
        shift: is added to all utilities, and the function takes it off again.
        actions: of each agent; the one in the middle is the best.
    """
    alpha, steps = at_scale(scale), np.linspace(-0.6, 0.6, actions)
    joint = np.stack(np.meshgrid(*[steps] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    utilities = alpha - np.array([1.0, 0.7, 1.3]) * joint**2
    return Moments(
        states=np.ones((1, 1)),
        units=np.eye(3)[None],
        utilities=(utilities + shift)[None],
        targets=value(FUNCTIONS["exponential"], utilities)[None],
    )


def many_states(roles: Roles, *, seed: int, states: int = 128, points: int = 8) -> Moments:
    """Weighted sums of four agents' utilities, with weights that depend on their health.

    In each state a single head can say the weights. Over all of them a head's logits are linear in health, which is
    right for one role and wrong for two.
    """
    rng = np.random.default_rng(seed)
    health = rng.uniform(-1, 1, size=(states, 4))

    def softmax(logits: Float[np.ndarray, "Z N"]) -> Float[np.ndarray, "Z N"]:
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    weights = softmax(3 * health)
    if roles == "two roles":
        weights = (weights + softmax(-3 * health)) / 2
    utilities = rng.normal(size=(states, points, 4))
    return Moments(
        states=health,
        units=np.stack([health, np.ones_like(health)], axis=-1),
        utilities=utilities,
        targets=4 * (utilities @ weights[:, :, None])[..., 0],
    )


def fitted(
    config: Qatten, moments: Moments, how: Descent, *, test: Moments | None = None, told: Told = silent
) -> Float[np.ndarray, " seeds"]:
    """Root mean squared errors after training, one for each starting point, on other moments if given."""
    spec = _spec(moments)

    def draw(key: PRNGKeyArray) -> AbstractMixer:
        return config.build(spec, key)

    start = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(how.seed), how.seeds))
    mixers = descend(start, _loss, _data(moments), how, told)
    tested = _data(test or moments)
    errors = jax.jit(jax.vmap(_loss, in_axes=(0, None)))(mixers, tested)
    return np.sqrt(np.asarray(errors, np.float64))


def best_sum(moments: Moments) -> tuple[float, Float[np.ndarray, " N"]]:
    """The root mean squared error of the best weighted sum with a constant at the first state, and its weights."""
    utilities, targets = moments.utilities[0], moments.targets[0]
    columns = np.column_stack([utilities, np.ones(len(utilities))])
    weights, *_ = np.linalg.lstsq(columns, targets, rcond=None)
    return float(np.sqrt(((columns @ weights - targets) ** 2).mean())), weights[:-1]


def _loss(mixer: AbstractMixer, data: dict[str, Array]) -> Float[Array, ""]:
    def of_state(state: Array, units: Array, utilities: Array) -> Array:
        agents = len(units)
        seen = Observation(
            obs=jnp.ones((agents, 1)),
            state=state,
            units=units,
            avail=jnp.ones((agents, 1), bool),
            alive=jnp.ones(agents, bool),
        )
        nothing = jnp.zeros(agents, jnp.int32)
        return jax.vmap(lambda chosen: mixer(chosen, chosen, seen, nothing).q_tot[0])(utilities)

    found = jax.vmap(of_state)(data["states"], data["units"], data["utilities"])
    return jnp.mean((found - data["targets"]) ** 2)


def _data(moments: Moments) -> dict[str, Array]:
    return {field.name: jnp.asarray(getattr(moments, field.name), jnp.float32) for field in dataclasses.fields(moments)}


def _spec(moments: Moments) -> EnvSpec:
    agents, units = moments.units.shape[1:]
    return EnvSpec(
        name="lab/heads",
        agents=tuple(f"agent {agent}" for agent in range(agents)),
        actions=("act",),
        obs_features=("one",),
        state_features=tuple(f"s{place}" for place in range(moments.states.shape[1])),
        unit_features=tuple(f"u{place}" for place in range(units)),
        limit=1,
    )
