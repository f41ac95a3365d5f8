"""How near a mixer comes to a payoff table by training on every joint action, from many starting points.

Utilities are numbers of their own, one for each agent and action, so that what is found speaks of the mixer alone; the
loss is the mean squared error of the whole table.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from qohort.envs.games.matrix import MatrixGame
from qohort.lab.descent import Descent, Told, descend, silent
from qohort.lab.fits import Kind
from qohort.mixers import (
    QMIX,
    QPLEX,
    VDN,
    AbstractMixer,
    AbstractMixerConfig,
    Importance,
    Monotone,
    Qatten,
    Qlinear,
    QPLEXQatten,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainable:
    """A mixer as it is trained on tables."""

    config: AbstractMixerConfig
    kind: Kind
    """The class that its tables are in at one state."""
    rate: float = 0.01
    """The learning rate that suits it."""


MIXERS: dict[str, Trainable] = {
    "vdn": Trainable(config=VDN(), kind="additive"),
    "qatten": Trainable(config=Qatten(), kind="additive"),
    "qlinear": Trainable(config=Qlinear(), kind="additive"),
    "qmix": Trainable(config=QMIX(), kind="supermodular"),
    "monotone": Trainable(config=Monotone(), kind="monotone"),
    # with 0.01 λ runs away from some starting points, and most others end far off
    "qplex": Trainable(config=QPLEX(), kind="igm", rate=0.003),
    # with the one-layer kernels of its StarCraft settings it says less than its class
    "qplex-qatten": Trainable(config=QPLEXQatten(importance=Importance()), kind="igm", rate=0.003),
}

USUAL = ("vdn", "qatten", "qmix", "monotone", "qplex")
"""One mixer of each kind, and Qatten."""


class Learned(eqx.Module):
    mixer: AbstractMixer
    utilities: Float[Array, "N A"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Reached:
    """Where training ended."""

    tables: Float[np.ndarray, "seeds ..."]
    errors: Float[np.ndarray, " seeds"]
    """Squared errors of the whole tables."""


def begin(config: AbstractMixerConfig, game: MatrixGame, how: Descent) -> Learned:
    """Mixers and utilities as they are drawn; the arrays begin with an axis of seeds."""

    def one(key: PRNGKeyArray) -> Learned:
        mixer_key, utility_key = jax.random.split(key)
        shape = (game.spec.n_agents, game.spec.n_actions)
        return Learned(config.build(game.spec, mixer_key), 0.1 * jax.random.normal(utility_key, shape))

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(how.seed), how.seeds))


def train(
    start: Learned, payoff: Float[np.ndarray, "..."], how: Descent, told: Told = silent
) -> tuple[Learned, Reached]:
    """Go on from models, by the squared error of the whole table."""
    game = MatrixGame(payoff)

    def loss(learned: Learned, target: Float[Array, " J"]) -> Float[Array, ""]:
        return jnp.mean((table_of(learned, game) - target) ** 2)

    learned = descend(start, loss, jnp.asarray(payoff.ravel(), jnp.float32), how, told)
    tables = np.asarray(jax.jit(jax.vmap(lambda one: table_of(one, game)))(learned), np.float64)
    tables = tables.reshape(-1, *payoff.shape)
    errors = ((tables - payoff) ** 2).reshape(len(tables), -1).sum(axis=1)
    return learned, Reached(tables=tables, errors=errors)


def table_of(learned: Learned, game: MatrixGame) -> Float[Array, " J"]:
    """The value of every joint action, in row-major order."""
    seen = game.observe(game.snapshot(game.reset(jax.random.key(0))))
    joint = jnp.asarray(np.stack(np.unravel_index(np.arange(game.payoff.size), game.payoff.shape), axis=1))
    agents = jnp.arange(game.spec.n_agents)
    best = jax.lax.stop_gradient(jnp.max(jnp.where(seen.avail, learned.utilities, -jnp.inf), axis=-1))
    return jax.vmap(lambda u: learned.mixer(learned.utilities[agents, u], best, seen, u).q_tot[0])(joint)
