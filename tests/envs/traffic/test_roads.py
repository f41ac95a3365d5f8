"""Routes by hand."""

import numpy as np
import pytest

from qohort.envs.traffic import roads
from qohort.errors import QohortError


def route(network, number):
    return [tuple(cell) for cell in network.paths[number, : network.lengths[number]].tolist()]


def test_two_one_way_roads_cross():
    network = roads("easy", 5)
    assert route(network, 0) == [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2)]
    assert route(network, 1) == [(2, 0), (2, 1), (2, 2), (2, 3), (2, 4)]
    assert len(network.cells) == 9
    assert network.entries == 2


def test_a_car_from_above_goes_straight_on_or_turns_right_or_left():
    network = roads("medium", 6)
    assert route(network, 0) == [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]
    assert route(network, 1) == [(0, 2), (1, 2), (2, 2), (2, 1), (2, 0)]
    assert route(network, 2) == [(0, 2), (1, 2), (2, 2), (3, 2), (3, 3), (3, 4), (3, 5)]


def test_a_car_from_the_left_keeps_to_the_lower_lane():
    network = roads("medium", 6)
    assert route(network, 3) == [(3, k) for k in range(6)]
    assert route(network, 4) == [(3, 0), (3, 1), (3, 2), (4, 2), (5, 2)]
    assert route(network, 5) == [(3, 0), (3, 1), (3, 2), (3, 3), (2, 3), (1, 3), (0, 3)]


def test_two_turns_and_then_straight_on():
    #     rows and columns 1, 2 and 6, 7 are roads
    network = roads("hard", 9)
    ways = [route(network, k) for k in range(7)]
    assert ways[0] == [(k, 1) for k in range(9)]
    right_away = [(0, 1), (1, 1), (1, 0)]
    assert right_away in ways
    left_and_left = [(0, 1), (1, 1), (2, 1), *((2, k) for k in range(2, 8)), (1, 7), (0, 7)]
    assert left_and_left in ways
    # Straight, then left along the lower road, whose second junction is crossed.
    assert [*((k, 1) for k in range(8)), *((7, k) for k in range(2, 9))] in ways


@pytest.mark.parametrize(("difficulty", "size", "count"), [("easy", 7, 2), ("medium", 14, 12), ("hard", 18, 56)])
def test_as_many_routes_as_pairs_of_edges(difficulty, size, count):
    network = roads(difficulty, size)
    ways = [route(network, number) for number in range(len(network.paths))]
    assert len(set(map(tuple, ways))) == count
    ends = {(way[0], way[-1]) for way in ways}
    assert len(ends) == count
    for way in ways:
        assert (np.abs(np.diff(way, axis=0)).sum(axis=1) == 1).all()
        assert set(way) <= set(network.cells)


def test_headings_lead_from_cell_to_cell():
    network = roads("medium", 6)
    assert network.headings[1].tolist() == [[1, 0], [1, 0], [0, -1], [0, -1], [0, -1], [0, -1], [0, -1]]


@pytest.mark.parametrize(
    ("difficulty", "size", "rule"),
    [("easy", 6, "odd"), ("medium", 7, "even"), ("hard", 10, "a multiple of 3"), ("hard", 6, "at least 9")],
)
def test_roads_that_do_not_fit(difficulty, size, rule):
    with pytest.raises(QohortError, match=f"traffic/{difficulty}: `size` is {size}.*{rule}"):
        roads(difficulty, size)
