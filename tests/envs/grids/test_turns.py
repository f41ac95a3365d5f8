"""Moving all at once gives what moving one after the other gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.grids import Board
from qohort.envs.grids.turns import ALWAYS, NEVER, in_turn

BOARD = Board(5)
RIM = np.where(BOARD.inside, NEVER, ALWAYS)
move = jax.jit(in_turn, static_argnames="follow")


def one_by_one(places, wishes, turn, until, moving):
    """The loop that `in_turn` stands for."""
    where = {i: int(places[i]) for i in range(len(places)) if moving[i]}
    for i in sorted(where, key=lambda i: turn[i]):
        for wish in map(int, wishes[i]):
            if until[wish] < turn[i] and all(other != wish for j, other in where.items() if j != i):
                where[i] = wish
                break
    return [where.get(i, int(places[i])) for i in range(len(places))]


def in_queues(places, wishes, turn, until, moving):
    """Of those who want a cell that is empty the first goes, as long as anybody can."""
    where = {i: int(places[i]) for i in range(len(places)) if moving[i]}
    entered: set[int] = set()
    while True:
        empty = {w for w in map(int, wishes[:, 0]) if until[w] == NEVER and w not in where.values()} - entered
        wanted = [[i for i in where if wishes[i, 0] == w] for w in sorted(empty)]
        going = [min(rivals, key=lambda i: turn[i]) for rivals in wanted if rivals]
        if not going:
            return [where.get(i, int(places[i])) for i in range(len(places))]
        for i in going:
            where[i] = int(wishes[i, 0])
            entered.add(where[i])


def crowd(rng, n, k):
    drawn = rng.permutation(BOARD.inner)
    places, walls = drawn[:n].astype(np.int32), drawn[n : n + 5]
    until = RIM.copy()
    until[walls] = rng.integers(NEVER, n, 5)
    wishes = places[:, None] + rng.choice([0, *BOARD.around], (n, k))
    return places, wishes.astype(np.int32), rng.permutation(n).astype(np.int32), until, rng.random(n) < 0.9


@pytest.mark.parametrize("k", [1, 4])
def test_a_crowd_moves_as_in_a_loop_over_turns(k):
    rng = np.random.default_rng(k)
    for _ in range(300):
        places, wishes, turn, until, moving = crowd(rng, 12, k)
        reached = move(places, wishes, turn, until, moving=moving)
        assert reached.tolist() == one_by_one(places, wishes, turn, until, moving)


def test_a_crowd_that_lets_each_other_go_first_moves_in_queues():
    rng = np.random.default_rng(0)
    for _ in range(300):
        places, wishes, turn, _, moving = crowd(rng, 12, 1)
        reached = move(places, wishes, turn, RIM, moving=moving, follow=True)
        assert reached.tolist() == in_queues(places, wishes, turn, RIM, moving)


def laid(*cells):
    return jnp.array([BOARD.place(*cell) for cell in cells], jnp.int32)


EVERYONE = jnp.ones(4, bool)
RING = laid((0, 0), (0, 1), (1, 1), (1, 0))


@pytest.mark.parametrize("follow", [False, True])
def test_a_ring_and_a_swap_stay(follow):
    for towards in (jnp.roll(RING, -1), RING[jnp.array([1, 0, 3, 2])]):
        reached = move(RING, towards[:, None], jnp.arange(4), RIM, moving=EVERYONE, follow=follow)
        assert reached.tolist() == RING.tolist()


def test_a_queue_advances_if_its_head_is_first_or_everyone_lets_it_go():
    queue = laid((2, 3), (2, 2), (2, 1), (2, 0))
    ahead = (queue + 1)[:, None]
    first, last = jnp.arange(4), jnp.arange(3, -1, -1)
    assert move(queue, ahead, first, RIM, moving=EVERYONE).tolist() == ahead[:, 0].tolist()
    assert move(queue, ahead, last, RIM, moving=EVERYONE).tolist() == [int(queue[0]) + 1, *queue[1:].tolist()]
    assert move(queue, ahead, last, RIM, moving=EVERYONE, follow=True).tolist() == ahead[:, 0].tolist()
