"""Pass by hand: who opens the door, who may go through it, and when it is over."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.grids import Passage
from qohort.envs.grids.passage import Walk
from qohort.errors import QohortError
from tests.envs.grids.pictures import at, places

STAY, NORTH, SOUTH, WEST, EAST = range(5)
KEY = jax.random.key(0)
TWO = Passage(agents=2, size=5, limit=20)
step = eqx.filter_jit(lambda state, actions: TWO.step(KEY, state, actions))
observe = eqx.filter_jit(TWO.observe)


def walk(picture, time=0):
    return Walk(places(TWO.board, picture, "12"), jnp.int32(time))


SHUT = """
. . . . .
2 . . . .
. 1 . . .
. . . . .
. . . . .
"""
HELD_FROM_THE_WEST = """
2 . . . .
. . . . .
. 1 . . .
. . . . .
. . . . .
"""
HELD_FROM_THE_EAST = """
. . . . .
. . . . .
. 2 . . .
. . . . .
. . . . 1
"""


def test_walls_and_a_shut_door_cannot_be_entered():
    seen = observe(walk(SHUT))
    assert seen.avail.astype(int).tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 0, 1]]
    reached, _ = step(walk(SHUT), jnp.array([EAST, WEST]))
    assert [at(TWO.board, place) for place in reached.agents] == [(2, 1), (1, 0)]
    beside_the_wall = observe(
        walk("""
    2 1 . . .
    . . . . .
    . . . . .
    . . . . .
    . . . . .
    """)
    )
    assert beside_the_wall.avail.astype(int).tolist() == [[1, 0, 1, 1, 0], [1, 0, 1, 0, 1]]


@pytest.mark.parametrize("picture", [HELD_FROM_THE_WEST, HELD_FROM_THE_EAST])
def test_either_switch_opens_the_door(picture):
    seen = observe(walk(picture))
    assert seen.obs[:, -1].tolist() == [1, 1]
    in_front = 0 if picture is HELD_FROM_THE_WEST else 1
    assert bool(seen.avail[in_front, EAST])
    assert not observe(walk(SHUT)).obs[:, -1].any()


def test_whoever_is_in_the_door_when_it_shuts_can_leave_it():
    state, _ = step(walk(HELD_FROM_THE_WEST), jnp.array([EAST, SOUTH]))
    assert at(TWO.board, state.agents[0]) == (2, 2)
    seen = observe(state)
    assert seen.avail[0].astype(int).tolist() == [1, 0, 0, 1, 1]
    state, _ = step(state, jnp.array([EAST, STAY]))
    assert at(TWO.board, state.agents[0]) == (2, 3)
    assert not observe(state).avail[0, WEST]


def test_the_whole_way():
    """The reward comes once, when the last is through, and ends the episode."""
    plan = {  # 2 holds, 1 passes and walks to the other corner, then 2 follows
        1: [EAST, EAST, EAST, SOUTH, SOUTH] + [STAY] * 5,
        2: [STAY] * 5 + [SOUTH, SOUTH, EAST, EAST, EAST],
    }
    state, outcomes = walk(HELD_FROM_THE_WEST), []
    for actions in zip(plan[1], plan[2], strict=True):
        assert not outcomes or not outcomes[-1].terminated
        state, outcome = step(state, jnp.array(actions))
        outcomes.append(outcome)
    assert [outcome.reward.item() for outcome in outcomes] == [0.0] * 9 + [1.0]
    assert [outcome.metrics["through"].item() for outcome in outcomes] == [0.0, *[0.5] * 8, 1.0]
    assert outcomes[-1].terminated
    assert not outcomes[-1].truncated
    assert outcomes[-1].metrics["won"] == 1


def test_time_runs_out():
    _, outcome = step(walk(SHUT, time=19), jnp.array([STAY, STAY]))
    assert outcome.truncated
    assert not outcome.terminated
    _, outcome = step(walk(SHUT, time=18), jnp.array([STAY, STAY]))
    assert not outcome.truncated


def test_what_is_seen():
    env = Passage(agents=3, size=5, limit=20)
    state = Walk(places(env.board, ". 1 . . .\n. . . . .\n2 . . 3 .\n. . . . .\n. . . . .", "123"), jnp.int32(5))
    seen = env.observe(state)
    one, two, three = (np.concatenate([np.eye(5)[row], np.eye(5)[column]]) for row, column in [(0, 1), (2, 0), (2, 3)])
    np.testing.assert_array_equal(seen.obs, [[*one, *two, *three, 0], [*two, *one, *three, 0], [*three, *one, *two, 0]])
    np.testing.assert_array_equal(seen.state, [*one, *two, *three, 0, 0.25])
    np.testing.assert_array_equal(seen.units, [one, two, three])
    assert env.spec.obs_features[1] == "self in row 1"
    assert env.spec.obs_features[5] == "self in column 0"
    assert env.spec.state_features[12] == "agent 2 in row 2"


def test_all_begin_in_the_west_wherever_they_like():
    env = Passage()
    states = jax.vmap(env.reset)(jax.random.split(KEY, 512))
    rows, columns = np.divmod(np.asarray(states.agents) - env.board.place(0, 0), env.board.width)
    assert set(rows.ravel()) == set(range(env.board.size))
    assert set(columns.ravel()) == set(range(env.board.size // 2))


@pytest.mark.parametrize("wrong", [{"agents": 1}, {"size": 2}, {"limit": 0}])
def test_options_that_cannot_be(wrong):
    with pytest.raises(QohortError, match=f"`{next(iter(wrong))}` is"):
        Passage(**wrong)
