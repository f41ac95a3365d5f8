"""Battles of any size."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort import make
from qohort.envs.battle.crowd import CELLS_EACH, crowd
from qohort.envs.battle.env import Battle
from qohort.envs.battle.units import LIBERTY, Kind
from qohort.errors import QohortError


def everyone(**options) -> Battle:
    """A crowd in which agents see everyone in sight."""
    world = crowd(nearest=None, **options)
    assert isinstance(world, Battle)
    return world


def test_the_field_grows_with_the_crowds():
    """Two crowds of 300 stand on 4 cells each, 2,400 in all: 49 by 49 is the least square; small ones have 32 by 32."""
    large, small = everyone(size=300), everyone(size=2)
    assert CELLS_EACH == 4
    assert large.terrain.walkable.shape == (49, 49)
    assert small.terrain.walkable.shape == (32, 32)
    assert (large.spec.n_agents, large.face.n_enemies, large.spec.n_actions) == (300, 300, 306)


def test_the_state_grows_with_the_crowd_and_not_with_its_square():
    """Marines have four numbers, enemies three; last actions, one of 6 + N each, are left out if not asked for."""
    assert [crowd(size=size).spec.state_size for size in (10, 20)] == [70, 140]
    assert everyone(size=10, state_last_action=True).spec.state_size == 70 + 10 * 16


def test_everybody_has_room_and_faces_the_other_crowd():
    world = everyone(size=40, enemies=20, kind="zealot")
    state = eqx.filter_jit(world.reset)(jax.random.key(0))
    x, y = np.asarray(state.x), np.asarray(state.y)
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 9.0 * np.eye(60)
    assert apart.min() >= 2 * LIBERTY[Kind.ZEALOT].separation
    assert x[:40].max() < 16 < x[40:].min()
    assert [group.kind for group in world.scenario.allies] == [Kind.ZEALOT]


def test_a_crowd_meets_the_other_one():
    """Standing still, the allies are found: the enemies march to where they began."""
    world = everyone(size=12)
    state = eqx.filter_jit(world.reset)(jax.random.key(0))
    step = eqx.filter_jit(world.step)
    for time in range(40):
        state, _ = step(jax.random.key(time), state, jnp.where(state.alive[:12], 1, 0))
    assert float(state.health[:12].sum()) < 12 * 45
    assert world.terrain.walkable.shape == (32, 32)


def test_names():
    assert make("battle/crowd?size=5").spec.n_agents == 5
    assert make("battle/crowd").spec.n_agents == 100
    assert make("battle/crowd-300").spec.n_agents == 300


def test_agents_see_the_nearest_sixteen():
    """Four directions, five numbers of each enemy and each ally, and one's own health; six actions, and 16 that aim."""
    spec = make("battle/crowd").spec
    assert (spec.obs_size, spec.n_actions) == (4 + 16 * 5 + 16 * 5 + 1, 6 + 16)
    all_seen = make("battle/crowd?nearest=None").spec
    assert (all_seen.obs_size, all_seen.n_actions) == (4 + 100 * 5 + 99 * 5 + 1, 6 + 100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "size is 0"),
        ({"enemies": -1}, "enemies is -1"),
        ({"kind": "probe"}, "kind is 'probe'; it must be one of baneling"),
    ],
)
def test_crowds_that_cannot_be(options, words):
    with pytest.raises(QohortError, match=words):
        crowd(**options)
