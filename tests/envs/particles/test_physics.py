"""One step of the physics, in numbers worked out by hand."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.particles.physics import MOVES, Discs, advance, contacts, length, offsets

STAY, RIGHT, LEFT, UP, DOWN = range(5)
move = eqx.filter_jit(lambda discs, *state: advance(discs, *map(jnp.array, state)))
push = eqx.filter_jit(lambda discs, position: contacts(discs, jnp.array(position)))


def discs(*, radius=(0.05, 0.05), mass=(1.0, 1.0), top_speed=1.0, solid=True):
    return Discs(jnp.array(radius), jnp.array(mass), jnp.float32(2.25), jnp.float32(top_speed), solid=solid)


def test_a_disc_that_pushes_itself():
    far, rest = [[0.0, 0.0], [5.0, 5.0]], [[0.0, 0.0], [0.0, 0.0]]
    position, velocity = move(discs(), far, rest, [RIGHT, DOWN])
    np.testing.assert_allclose(velocity, [[0.225, 0], [0, -0.225]], rtol=1e-6)
    np.testing.assert_allclose(position, [[0.0225, 0], [5, 5 - 0.0225]], rtol=1e-6)
    position, velocity = move(discs(), position, velocity, [RIGHT, STAY])
    np.testing.assert_allclose(velocity, [[0.75 * 0.225 + 0.225, 0], [0, -0.75 * 0.225]], rtol=1e-6)
    np.testing.assert_allclose(position[0], [0.0225 + 0.039375, 0], rtol=1e-6)


@pytest.mark.parametrize(("action", "way"), [(LEFT, (-1, 0)), (UP, (0, 1))])
def test_the_names_of_moves_are_what_they_do(action, way):
    _, velocity = move(discs(), [[0.0, 0.0], [5.0, 5.0]], [[0.0, 0.0], [0.0, 0.0]], [action, STAY])
    np.testing.assert_allclose(velocity[0], 0.225 * np.array(way), rtol=1e-6)
    assert MOVES[action].split()[-1] == {(-1, 0): "left", (0, 1): "up"}[way]


def test_nothing_is_faster_than_its_top_speed():
    position, velocity = move(discs(), [[0.0, 0.0], [5.0, 5.0]], [[2.4, 3.2], [0.8, 0.0]], [STAY, STAY])
    # Damped to (1.8, 2.4), which is 3, and cut to 1; damped to (0.6, 0)
    np.testing.assert_allclose(velocity, [[0.6, 0.8], [0.6, 0]], rtol=1e-6)
    np.testing.assert_allclose(position[0], [0.06, 0.08], rtol=1e-6)


def test_discs_that_overlap_are_pushed_apart():
    # 0.02 deep: a force of 100 * 0.001 * log(1 + exp(20)), 2 for all that floats know
    np.testing.assert_allclose(push(discs(), [[0.0, 0.0], [0.08, 0.0]]), [[-2, 0], [2, 0]], rtol=1e-5)
    position, velocity = move(discs(), [[0.0, 0.0], [0.08, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [STAY, STAY])
    np.testing.assert_allclose(velocity, [[-0.2, 0], [0.2, 0]], rtol=1e-5)
    np.testing.assert_allclose(position, [[-0.02, 0], [0.1, 0]], rtol=1e-5)


def test_the_heavier_one_yields_less():
    unlike = discs(radius=(0.05, 0.075), mass=(1.0, 2.25))
    # 0.025 deep, so 2.5; the light one times 2.25, the heavy one divided by 2.25 squared
    np.testing.assert_allclose(push(unlike, [[0.0, 0.0], [0.0, 0.1]]), [[0, -5.625], [0, 2.5 / 5.0625]], rtol=1e-5)


def test_discs_that_just_touch():
    np.testing.assert_allclose(push(discs(), [[0.0, 0.0], [0.1, 0.0]])[1], [0.1 * np.log(2), 0], rtol=1e-3)


def test_three_in_a_row_share_what_the_middle_one_gets():
    three = discs(radius=(0.05,) * 3, mass=(1.0,) * 3)
    forces = push(three, [[-0.08, 0.0], [0.0, 0.0], [0.08, 0.0]])
    np.testing.assert_allclose(forces, [[-2, 0], [0, 0], [2, 0]], atol=1e-4)


def test_what_is_not_solid_passes_through():
    position, _ = move(discs(solid=False), [[0.0, 0.0], [0.08, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [STAY, STAY])
    np.testing.assert_allclose(position, [[0, 0], [0.08, 0]])


def test_discs_in_the_same_place_stay_numbers():
    assert push(discs(), [[0.3, 0.3], [0.3, 0.3]]).tolist() == [[0, 0], [0, 0]]


def test_offsets_lead_from_the_first_to_the_second():
    away = offsets(jnp.array([[1.0, 1.0]]), jnp.array([[4.0, 5.0], [1.0, 0.0]]))
    assert away.tolist() == [[[3, 4], [0, -1]]]
    assert length(away).tolist() == [[5, 1]]
