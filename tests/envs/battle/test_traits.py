"""Distance and damage, as analyses see them."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.traits import traits
from qohort.envs.battle.units import Kind, stats_of, table

KINDS = (Kind.MARINE, Kind.MARAUDER, Kind.MARINE, Kind.MARINE, Kind.MARINE)
STATS = stats_of(jnp.array(KINDS), table())


def moment(health: list[float], aims_at: list[int]) -> Snapshot:
    """Three of ours at x = 0, 4 and 10; two enemies at x = 7 and 12, all in a row."""
    zero = jnp.zeros(5)
    return Snapshot(
        kind=jnp.array(KINDS, jnp.int8),
        x=jnp.array([0.0, 4.0, 10.0, 7.0, 12.0]),
        y=zero,
        health=jnp.array(health, jnp.float32),
        shield=zero,
        energy=zero,
        cooldown=zero,
        aims_at=jnp.array(aims_at, jnp.int8),
        last_action=jnp.zeros(3, jnp.int16),
        step=jnp.int16(0),
        facing=None,
        permitted=None,
    )


def test_distance_is_to_the_nearest_living_enemy():
    full = moment([45, 125, 45, 45, 45], [-1] * 5)
    found = traits(full, full, stats=STATS, n_allies=3)
    np.testing.assert_allclose(found["distance to enemy"], [7, 3, 2])
    one_left = dataclasses.replace(full, health=full.health.at[4].set(0.0))
    found = traits(one_left, one_left, stats=STATS, n_allies=3)
    np.testing.assert_allclose(found["distance to enemy"], [7, 3, 3])


def test_damage_is_shared_by_the_strength_of_weapons():
    """A Marine deals 6 in 0.8608 s, a Marauder 10 in 1.5 s; the first enemy loses 30 to both, the other 5 to nobody."""
    before = moment([45, 125, 45, 45, 45], [-1] * 5)
    after = moment([45, 125, 45, 15, 40], [3, 3, -1, 0, -1])
    found = traits(before, after, stats=STATS, n_allies=3)
    marine, marauder = 6 / 0.8608, 10 / 1.5
    share = marine / (marine + marauder)
    np.testing.assert_allclose(found["damage dealt"], [30 * share, 30 * (1 - share), 0], rtol=1e-5)
