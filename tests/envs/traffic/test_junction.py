"""The traffic junction by hand: three cars on a crossing of 7 by 7 cells."""

import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs import check_env, make
from qohort.envs.traffic import TrafficJunction, TrafficState
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Lines

WAIT, GAS, BRAKE = range(3)
KEY = jax.random.key(0)
QUIET = TrafficJunction(cars=3, add_rate=0.0, reward="individual")
BUSY = TrafficJunction(cars=3, add_rate=1.0, reward="individual")
SEEING = TrafficJunction(cars=3, add_rate=0.0, places="coordinates")
step = eqx.filter_jit(lambda env, state, actions: env.step(KEY, state, jnp.array(actions)))
observe = eqx.filter_jit(lambda env, state: env.observe(state))


def traffic(*cars):
    """Each car is (route, place) or (route, place, waited); None is one that is off the road."""
    rows = [(-1, 0, 0) if car is None else (*car, 0)[:3] for car in cars]
    route, place, waited = jnp.array(rows, jnp.int32).T
    zero = jnp.int32(0)
    braked = jnp.zeros(len(cars), bool)
    return TrafficState(route, place, waited, braked, time=zero, collisions=zero, arrived=zero, pace=jnp.float32(0))


def test_two_cars_in_one_cell_collide():
    # From above, one cell before the crossing; and from the left, on it.
    state = traffic((0, 2, 2), (1, 3, 4), None)
    state, outcome = step(QUIET, state, [GAS, BRAKE, WAIT])
    np.testing.assert_allclose(outcome.reward, [-10.03, -10.05, 0], rtol=1e-6)
    assert outcome.metrics == {"won": 0, "collisions": 2, "arrived": 0}
    assert state.braked.tolist() == [False, True, False]
    state, outcome = step(QUIET, state, [GAS, GAS, WAIT])
    np.testing.assert_allclose(outcome.reward, [-0.04, -0.06, 0], rtol=1e-5)
    assert outcome.metrics == {"won": 0, "collisions": 2, "arrived": 0}


def test_cars_that_drive_on_pass_each_other():
    _, outcome = step(QUIET, traffic((0, 2), (1, 3), None), [GAS, GAS, WAIT])
    np.testing.assert_allclose(outcome.reward, [-0.01, -0.01, 0], rtol=1e-6)
    assert outcome.metrics["won"] == 1


def test_the_reward_of_the_team_is_the_sum():
    team = TrafficJunction(cars=3, add_rate=0.0, collision=-2.0, delay=-0.5)
    assert team.spec.reward == "team"
    _, outcome = step(team, traffic((0, 2, 2), (1, 3, 4), None), [GAS, BRAKE, WAIT])
    np.testing.assert_allclose(outcome.reward, [-2 * 2 - 0.5 * (3 + 5)], rtol=1e-6)


def test_a_car_leaves_at_the_end_of_its_route_and_pays_no_more():
    state = traffic((0, 6, 9), (1, 6, 9), None)
    state, outcome = step(QUIET, state, [GAS, BRAKE, WAIT])
    assert state.route.tolist() == [-1, 1, -1]
    np.testing.assert_allclose(outcome.reward, [0, -0.1, 0], rtol=1e-6)
    assert outcome.metrics["arrived"] == 1
    assert state.waited.tolist() == [0, 10, 0]


def test_cars_arrive_where_one_is_left():
    state, outcome = step(BUSY, QUIET.reset(KEY), [WAIT] * 3)
    assert sorted(state.route.tolist()) == [-1, 0, 1]
    assert outcome.reward.tolist() == [0, 0, 0]
    state, _ = step(BUSY, state, [GAS if route >= 0 else WAIT for route in state.route.tolist()])
    # One car is left for two arrivals, and takes the first of them.
    assert sorted(zip(state.route.tolist(), state.place.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1)]
    onward, _ = step(BUSY, state, [GAS] * 3)
    assert onward.place.tolist() == [place + 1 for place in state.place.tolist()]


def test_an_arrival_behind_a_car_that_stands_at_the_entry_collides():
    state = traffic((0, 0, 1), (1, 3), None)
    state, outcome = step(BUSY, state, [BRAKE, GAS, WAIT])
    np.testing.assert_allclose(outcome.reward, [-10.02, -0.01, -10], rtol=1e-6)
    assert state.route.tolist() == [0, 1, 0]


def test_arrivals_have_the_rate_and_routes_that_are_asked_for():
    env = make("traffic/medium", add_rate=0.25)

    @eqx.filter_jit
    def first(env, keys):
        waits = jnp.zeros(env.spec.n_agents, jnp.int32)
        return jax.vmap(lambda key: env.step(key, env.reset(key), waits)[0])(keys)

    state = first(env, jax.random.split(KEY, 4000))
    routes = np.asarray(state.route)
    drawn = np.bincount(routes[routes >= 0], minlength=12)
    # 12 routes of 4 entries; 4000 draws with the chance 1/12 each have a deviation of 17.5
    np.testing.assert_allclose(drawn, 4000 / 12, atol=80)
    # Entries draw for themselves: of cars at two entries a third takes the routes of equal rank.
    ranks = [[sorted(r % 3 for r in row[row // 3 == entry]) for entry in (0, 1)] for row in routes]
    both = [first == second for first, second in ranks if first and second]
    np.testing.assert_allclose(np.mean(both), 1 / 3, atol=0.12)
    assert len(both) > 150
    # Which car takes a place is drawn too: a tenth of all arrivals each.
    np.testing.assert_allclose((routes >= 0).sum(axis=0), 400, atol=90)


def test_an_episode_keeps_the_rate_that_it_draws():
    """Of 60 chances at the easy junction with a rate from 0 to 1: quiet episodes, busy ones, and all between."""
    env = make("traffic/easy", cars=60, limit=30, least_rate=0.0, add_rate=1.0)

    @eqx.filter_jit
    def play(env, keys):
        def one(key):
            def on(state, key):
                return env.step(key, state, jnp.full(60, BRAKE))[0], None  # whoever arrives stays

            begun = env.reset(key)
            return begun.pace, (jax.lax.scan(on, begun, jax.random.split(key, 30))[0].route >= 0).sum()

        return jax.vmap(one)(keys)

    pace, cars = play(env, jax.random.split(KEY, 300))
    assert 0 <= pace.min() < 0.02
    assert 0.98 < pace.max() <= 1
    np.testing.assert_allclose(cars, 60 * pace, atol=4 * np.sqrt(60 / 4))
    np.testing.assert_allclose((cars / 60).mean(), 0.5, atol=0.06)


def test_off_the_road_one_sees_nothing_and_can_only_wait():
    state = traffic((0, 2), None, (1, 0))
    seen = observe(QUIET, state)
    assert seen.alive.tolist() == [True, False, True]
    np.testing.assert_array_equal(seen.avail, [[False, True, True], [True, False, False], [False, True, True]])
    assert not seen.obs[1].any()
    assert not seen.units[1].any()


def test_a_route_is_told_by_its_number_or_by_a_mark():
    state = traffic((0, 2), None, (1, 0))
    env = TrafficJunction(cars=3, add_rate=0.0, routes="one-hot")
    seen = observe(env, state)
    assert env.spec.obs_features[:3] == ("braked", "route 0", "route 1")
    np.testing.assert_array_equal(seen.obs[:, 1:3], [[1, 0], [0, 0], [0, 1]])
    by_number = observe(QUIET, state)
    np.testing.assert_array_equal(seen.obs[:, 3:], by_number.obs[:, 2:])
    np.testing.assert_array_equal(by_number.obs[:, 1], [0, 0, 1])
    np.testing.assert_array_equal(seen.units, by_number.units)


def test_the_window_shows_roads_and_cars():
    state, _ = step(SEEING, traffic((0, 1), (1, 3), None), [BRAKE, BRAKE, WAIT])
    state, _ = step(SEEING, state, [GAS, BRAKE, WAIT])
    seen = observe(SEEING, state)
    # The first car, at row 2 and column 3, drove; the crossing beneath it holds the second car, which braked.
    #         upper row            its own             lower row
    window = [0, 0, 1, 0, 0, 0, *[0, 0, 1, 1, 0, 0], *[1, 0, 1, 1, 1, 0]]
    np.testing.assert_allclose(seen.obs[0], [0, 0, 2 / 6, 3 / 6, *window], rtol=1e-6)
    window = [0, 0, 1, 1, 0, 0, *[1, 0, 1, 1, 1, 0], *[0, 0, 1, 0, 0, 0]]
    np.testing.assert_allclose(seen.obs[1], [1, 1, 3 / 6, 3 / 6, *window], rtol=1e-6)
    #                        on, braked,     row, column, down, right, route, way, time on the road
    np.testing.assert_allclose(seen.units[0], [1, 0, 2 / 6, 3 / 6, 1, 0, 0, 2 / 7, 2 / 20], rtol=1e-6)
    np.testing.assert_allclose(seen.units[1], [1, 1, 3 / 6, 3 / 6, 0, 1, 1, 3 / 7, 2 / 20], rtol=1e-6)
    np.testing.assert_allclose(seen.state, [2 / 20, *np.ravel(seen.units)], rtol=1e-6)


def test_cells_are_told_apart_and_cars_are_counted():
    env = TrafficJunction(cars=3, add_rate=0.0, vision=0)
    names = dict.fromkeys(env.spec.obs_features, 0.0)
    assert len(names) == 2 + 13 + 1 + 1
    seen = observe(env, traffic((0, 3), (1, 3), (1, 6)))
    for car, expected in (
        (0, {"+0,+0: road at 3,3": 1, "+0,+0: cars": 2}),
        (1, {"route": 1, "+0,+0: road at 3,3": 1, "+0,+0: cars": 2}),
        (2, {"route": 1, "+0,+0: road at 3,6": 1, "+0,+0: cars": 1}),
    ):
        np.testing.assert_array_equal(seen.obs[car], list((names | expected).values()))


def test_beyond_the_edge_is_no_road():
    seen = observe(TrafficJunction(cars=1, add_rate=0.0), traffic((0, 6)))
    named = dict(zip(TrafficJunction(cars=1).spec.obs_features, seen.obs[0].tolist(), strict=True))
    ones = {name for name, value in named.items() if value == 1}
    no_road = {f"{down:+d},{right:+d}: no road" for down in (-1, 0, 1) for right in (-1, 0, 1)}
    roads = {"-1,+0: road at 5,3", "+0,+0: road at 6,3"}
    assert ones == (no_road - {"-1,+0: no road", "+0,+0: no road"}) | roads | {"+0,+0: cars"}


def test_as_the_published_environment_has_it():
    """Sixteen cars on the hard junction for eight steps; what IC3Net's environment paid them."""
    moments = json.loads((pathlib.Path(__file__).parent / "moments.json").read_text())
    env = TrafficJunction(difficulty="hard", add_rate=0.0, reward="individual")
    ends = zip(np.asarray(env.paths), np.asarray(env.lengths), strict=True)
    numbers = {(*path[0], *path[length - 1]): number for number, (path, length) in enumerate(ends)}
    cars = [(numbers[*car["start"], *car["end"]], car["place"], car["waited"]) for car in moments["cars"]]
    state = traffic(*cars, *[None] * (20 - len(cars)))
    hits = 0
    for now in moments["steps"]:
        actions = np.where(np.asarray(state.route) < 0, WAIT, np.where(now["actions"], BRAKE, GAS))
        state, outcome = step(env, state, actions.tolist())
        np.testing.assert_allclose(outcome.reward, now["reward"], atol=1e-5)
        assert (np.asarray(state.route) >= 0).tolist() == [alive == 1 for alive in now["alive"]]
        hits += sum(reward < -5 for reward in now["reward"])
    assert int(state.collisions) == hits > 0


@pytest.mark.parametrize("name", ["traffic/easy", "traffic/hard"])
def test_what_holds_in_any_traffic(name):
    env = make(name, add_rate=0.2, limit=40)
    assert isinstance(env, TrafficJunction)

    @eqx.filter_jit
    def play(env, key):
        def one(state, key):
            action_key, step_key = jax.random.split(key)
            avail = env.observe(state).avail
            actions = jax.random.categorical(action_key, jnp.where(avail, 0.0, -jnp.inf))
            reached, outcome = env.step(step_key, state, actions)
            return reached, (state, actions, reached, outcome)

        return jax.lax.scan(one, env.reset(key), jax.random.split(key, 40))[1]

    before, actions, after, outcome = jax.tree.map(np.asarray, play(env, jax.random.key(3)))
    paths, lengths = np.asarray(env.paths), np.asarray(env.lengths)
    collisions = arrived = 0
    for t in range(40):
        old, new = before.route[t], after.route[t]
        stays = (old >= 0) & (new == old) & (after.waited[t] > 0)
        assert (after.place[t][stays] == (before.place[t] + (actions[t] == GAS))[stays]).all()
        assert (after.place[t][new >= 0] < lengths[new[new >= 0]]).all()
        assert (after.place[t][(new >= 0) & ~stays] == 0).all()
        arrived += ((old >= 0) & ~stays).sum()
        cells = [tuple(paths[r, p]) for r, p in zip(new, after.place[t], strict=True) if r >= 0]
        hit = sum(cells.count(cell) > 1 for cell in cells)
        collisions += hit
        np.testing.assert_allclose(outcome.reward[t], [-10 * hit - 0.01 * after.waited[t].sum()], rtol=1e-5)
    assert outcome.metrics["collisions"][-1] == collisions > 0
    assert outcome.metrics["arrived"][-1] == arrived > 0
    assert outcome.metrics["won"][-1] == 0
    assert outcome.truncated.tolist() == [False] * 39 + [True]


def test_who_has_just_arrived_has_not_driven():
    arrived = step(BUSY, traffic(None, None, None), [WAIT, WAIT, WAIT])[0]
    assert (arrived.route >= 0).sum() == 2
    driving = step(QUIET, traffic((0, 2), (1, 3), None), [GAS, BRAKE, WAIT])[0]
    strokes = [
        [layer for layer in QUIET.scene(state).layers if isinstance(layer, Lines)][-2] for state in (arrived, driving)
    ]
    assert [int(np.asarray(drove.visible).sum()) for drove in strokes] == [0, 1]


def test_a_collision_shows():
    scene = QUIET.scene(step(QUIET, traffic((0, 2), (1, 3), None), [GAS, BRAKE, WAIT])[0])
    rings, cars = (layer for layer in scene.layers if isinstance(layer, Circles))
    _, said, _ = (layer for layer in scene.layers if isinstance(layer, Labels))
    assert rings.visible.tolist() == [True, True, False]
    assert cars.visible.tolist() == [True, True, False]
    assert not np.allclose(cars.centre[0], cars.centre[1])
    assert said.texts[int(said.which[0])] == "there was a collision"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"difficulty": "medium", "size": 7}, "`size` is 7.*even"),
        ({"cars": 0}, "`cars` is 0.*at least 1"),
        ({"limit": 0}, "`limit` is 0.*at least 1"),
        ({"vision": -1}, "`vision` is -1.*at least 0"),
        ({"add_rate": 1.5}, "`add_rate` is 1.5.*between 0 and 1"),
        ({"add_rate": 0.2, "least_rate": 0.3}, "`least_rate` is 0.3.*between 0 and 0.2"),
        ({"collision": 1.0}, "`collision` is 1.*at most 0"),
        ({"delay": float("nan")}, "`delay` is nan"),
    ],
)
def test_traffic_that_cannot_be(option, words):
    with pytest.raises(QohortError, match=words):
        TrafficJunction(**option)


def test_another_junction_keeps_the_contract():
    check_env(TrafficJunction(difficulty="hard", size=9, cars=2, limit=5, vision=0, places="coordinates"))
