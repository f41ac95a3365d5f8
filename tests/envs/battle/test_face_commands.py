"""What actions tell units to do, and why they cannot be chosen."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qohort.envs.battle.availability import availability
from qohort.envs.battle.commands import commands, turned, why_not
from qohort.envs.battle.flags import Flags
from qohort.envs.battle.orders import NOBODY, Order
from qohort.envs.battle.units import Kind
from tests.golden_smac.worlds import fixed_face, snapshots

order = eqx.filter_jit(commands)

KINDS = [Kind.MARAUDER, Kind.MARINE, Kind.MEDIVAC, Kind.MEDIVAC, Kind.MARINE, Kind.MARINE]


def scene(flags=None):
    """Agents: Marauder at (1, 16), dead Marine, two Medivacs; enemies 6 and 7 to the east of the Marauder."""
    pathing = np.ones((32, 32), bool)
    pathing[1, 17] = False
    moment = snapshots(KINDS, [1, 5, 5, 9, 7, 8], [16] * 6, [125, 0, 150, 150, 45, 45], last_action=[1] * 4)
    return fixed_face(KINDS[:4], KINDS[4:], flags, pathing=pathing), moment


def told(actions, flags=None):
    face, moment = scene(flags)
    return order(face, moment, jnp.array(actions))


def test_orders():
    orders = told([6, 0, 6, 1])
    np.testing.assert_array_equal(orders.order, [Order.ATTACK, Order.NONE, Order.HEAL, Order.STOP])
    np.testing.assert_array_equal(orders.target, [4, NOBODY, 0, NOBODY])


def test_moves_go_two_cells_along_an_axis():
    orders = told([3, 2, 4, 5])
    np.testing.assert_array_equal(orders.order, [Order.MOVE, Order.NONE, Order.MOVE, Order.MOVE])
    np.testing.assert_array_equal([orders.x[0], orders.y[0]], [1, 14])
    np.testing.assert_array_equal([orders.x[2], orders.y[2]], [7, 16])
    np.testing.assert_array_equal([orders.x[3], orders.y[3]], [7, 16])
    far = told([3, 0, 2, 1], Flags(move_amount=1.5))
    np.testing.assert_array_equal([far.x[2], far.y[2]], [5, 17.5])


def test_what_cannot_be_done_gives_no_order():
    for actions in ([2, 6, 7, 8], [7, 1, 8, 9], [0, 4, 0, 0]):
        np.testing.assert_array_equal(told(actions).order, [Order.NONE] * 4)


def test_without_cones_nothing_turns():
    face, moment = scene()
    assert turned(face, moment, jnp.array([6, 0, 6, 1])) is None


def test_reasons():
    face, moment = scene()
    reasons = {
        (0, 0): "0 (no-op) is for the dead; to do nothing choose 1 (stop)",
        (0, 2): "there is no ground at (1, 17), 1 in the direction of action 2 (move north)",
        (0, 7): "enemy 2 (Marine) is 7.00 away, out of its range of 6",
        (0, 8): "there is no enemy 3; there are 2",
        (1, 1): "it is dead, and the dead can only choose 0 (no-op)",
        (2, 7): "ally 2 (Marine) is dead",
        (2, 9): "ally 4 (Medivac) cannot be healed: Medivacs heal others only",
        (3, 6): "ally 1 (Marauder) is 8.00 away, out of its range of 6",
        (0, 10): "there is no action 10; they are numbered 0 to 9",
        (0, -1): "there is no action -1; they are numbered 0 to 9",
    }
    assert {which: why_not(face, moment, *which) for which in reasons} == reasons


def test_every_unavailable_action_has_a_reason_and_no_other():
    face, moment = scene()
    avail = np.asarray(availability(face, moment))
    given = [[why_not(face, moment, agent, action) is None for action in range(10)] for agent in range(4)]
    np.testing.assert_array_equal(given, avail)
