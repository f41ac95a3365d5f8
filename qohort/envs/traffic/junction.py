"""The traffic junction: cars that see little have to pass each other without a collision."""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.options import at_least, one_of, within
from qohort.envs.traffic.roads import Cell, Roads, roads
from qohort.envs.traffic.scene import draw
from qohort.envs.traffic.state import TrafficState
from qohort.scene import Scene
from qohort.spec import EnvSpec, Observation, Outcome

WAIT, GAS, BRAKE = range(3)
OFF_ROAD = -1

Difficulty = Literal["easy", "medium", "hard"]

DEFAULTS: dict[Difficulty, dict[str, float]] = {
    # Sukhbaatar et al. 2016, and the commands of the IC3Net repository. Where they differ: 60 steps of the hard one in
    # the paper, and a medium rate of 0.02 in one command, below the 0.05 that it begins with: taken for a slip.
    "easy": {"size": 7, "cars": 5, "limit": 20, "add_rate": 0.3},
    "medium": {"size": 14, "cars": 10, "limit": 40, "add_rate": 0.2},
    "hard": {"size": 18, "cars": 20, "limit": 80, "add_rate": 0.05},
}

UNIT_FEATURES = (
    "on the road",
    "braked",
    "row",
    "column",
    "heading down",
    "heading right",
    "route",
    "way done",
    "time on the road",
)


class TrafficJunction(AbstractEnv):
    """Cars drive on routes that are drawn for them, and each decides only whether to advance by a cell or to stay.

    Sukhbaatar et al. 2016 (CommNet), section 4.2, with the rules of Singh et al. 2019 (IC3Net), whose code TarMAC
    (Das et al. 2019) builds on. At each entry a car arrives with probability `add_rate`, unless all cars are on the
    road: one of those that are not is drawn, and a route. Cars in one cell collide; each of them pays for every
    step in it, and the collision stops nobody. A car on the road for τ steps pays `delay` times τ with each step.
    An episode is won if it has no collision until the time limit, its only end.

    A car that is not on the road is not alive and can only wait. A car sees the cells around it: which cell of the
    roads each is, and how many cars are in it. Metrics are `won`, `collisions`, the penalties paid, and `arrived`,
    the cars that reached the end of their route.

    Differences from IC3Net's code:
        Cars that are off the road are counted nowhere; there they stand in the upper left corner and are seen there.
        The easy junction's cells are numbered without the clashes of two of its 14 numbers with other marks.
        A car that arrives has not braked, whatever the one before it in its place did.
        With fewer cars left than arrivals, entries that lead down come first, then right, up and left.
        The arrival rate is an option, or drawn for each episode; there it grows with a curriculum.
    """

    spec: EnvSpec = eqx.field(static=True)
    paths: Int[Array, "R L 2"]
    headings: Int[Array, "R L 2"]
    lengths: Int[Array, " R"]
    sights: Int[Array, "H W V"]
    """What the cells of the window around a cell are: numbers of cells of the roads, and one for all others."""
    window: Int[Array, "V 2"]
    least_rate: Float[Array, ""]
    add_rate: Float[Array, ""]
    collision: Float[Array, ""]
    delay: Float[Array, ""]
    entries: int = eqx.field(static=True)
    lanes: tuple[tuple[Cell, Cell], ...] = eqx.field(static=True)
    size: int = eqx.field(static=True)
    outside: int = eqx.field(static=True)
    """The number that says that a cell is no road, and so the number of cells that are."""
    places: str = eqx.field(static=True)
    routes: str = eqx.field(static=True)

    def __init__(
        self,
        *,
        difficulty: Difficulty = "easy",
        size: int | None = None,
        cars: int | None = None,
        limit: int | None = None,
        add_rate: float | None = None,
        least_rate: float | None = None,
        vision: int = 1,
        places: Literal["cells", "coordinates"] = "cells",
        routes: Literal["number", "one-hot"] = "number",
        collision: float = -10.0,
        delay: float = -0.01,
        reward: Literal["team", "individual"] = "team",
    ) -> None:
        """Lay out the roads.

        Args:
            difficulty: `easy`, `medium` or `hard`: the roads, and the defaults of the next four.
            size: rows, and columns.
            cars: how many there are, and so the greatest number on the road.
            limit: the steps of an episode.
            add_rate: the probability of an arrival at each entry in each step.
            least_rate: if it is given, each episode draws its own rate evenly between this one and `add_rate`.
            vision: how many cells a car sees in each direction; IC3Net's commands say 0.
            places: how places are told: `cells` names the cell of the roads for each cell in sight, `coordinates`
                is the car's row and column, and whether each cell in sight is a road.
            routes: how a car's route is told to it: by its `number` from 0 to 1, as in IC3Net, or `one-hot`, as in
                CommNet. Of the hard junction's 56 routes one can hardly tell neighbours apart by their numbers.
            collision: what each car in a collision gets for a step.
            delay: what a car gets for a step, times the number of steps that it has been on the road.
            reward: `team` is the sum of the cars' rewards; `individual` is each car's own.
        """
        one_of("traffic", tuple(DEFAULTS), difficulty=difficulty)
        name, defaults = f"traffic/{difficulty}", DEFAULTS[difficulty]
        size = int(defaults["size"]) if size is None else size
        cars = int(defaults["cars"]) if cars is None else cars
        limit = int(defaults["limit"]) if limit is None else limit
        add_rate = defaults["add_rate"] if add_rate is None else add_rate
        at_least(name, 1, size=size, cars=cars, limit=limit)
        at_least(name, 0, vision=vision)
        within(name, 0.0, 1.0, add_rate=add_rate)
        least_rate = add_rate if least_rate is None else least_rate
        within(name, 0.0, add_rate, least_rate=least_rate)
        within(name, -math.inf, 0.0, collision=collision, delay=delay)
        one_of(name, ("cells", "coordinates"), places=places)
        one_of(name, ("number", "one-hot"), routes=routes)
        one_of(name, ("team", "individual"), reward=reward)
        network = roads(difficulty, size)
        self.paths, self.headings = jnp.asarray(network.paths), jnp.asarray(network.headings)
        self.lengths = jnp.asarray(network.lengths)
        self.entries, self.lanes, self.size = network.entries, network.lanes, size
        self.places, self.routes = places, routes
        self.outside = len(network.cells)
        self.least_rate, self.add_rate = map(jnp.float32, (least_rate, add_rate))
        self.collision, self.delay = map(jnp.float32, (collision, delay))
        reach = np.arange(-vision, vision + 1)
        window = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
        self.window, self.sights = jnp.asarray(window), jnp.asarray(_sights(network, window))
        self.spec = EnvSpec(
            name=name,
            agents=tuple(f"car {i + 1}" for i in range(cars)),
            actions=("wait", "gas", "brake"),
            obs_features=_obs_features(network, window.tolist(), places, routes),
            state_features=(
                "time used",
                *(f"car {i + 1}: {feature}" for i in range(cars) for feature in UNIT_FEATURES),
            ),
            unit_features=UNIT_FEATURES,
            limit=limit,
            metrics=("won", "collisions", "arrived"),
            no_op=WAIT,
            reward=reward,
        )

    def reset(self, key: PRNGKeyArray) -> TrafficState:
        """The roads are empty; the first cars arrive with the first step."""
        nothing, zero = jnp.zeros(self.spec.n_agents, jnp.int32), jnp.int32(0)
        return TrafficState(
            route=nothing + OFF_ROAD,
            place=nothing,
            waited=nothing,
            braked=nothing.astype(bool),
            time=zero,
            collisions=zero,
            arrived=zero,
            pace=jax.random.uniform(key),
        )

    def step(self, key: PRNGKeyArray, state: TrafficState, actions: Int[Array, " N"]) -> tuple[TrafficState, Outcome]:
        driving = state.route != OFF_ROAD
        place = state.place + (driving & (actions == GAS))
        leaves = driving & (place == self.lengths[state.route])
        stays = driving & ~leaves
        rate = self.least_rate + state.pace * (self.add_rate - self.least_rate)
        slot, route = self._arrivals(key, rate, stays)
        waited = jnp.where(stays, state.waited + 1, 0)
        reached = TrafficState(
            route=jnp.where(stays, state.route, OFF_ROAD).at[slot].set(route, mode="drop"),
            place=jnp.where(stays, place, 0),
            waited=waited,
            braked=stays & (actions == BRAKE),
            time=state.time + 1,
            collisions=state.collisions,
            arrived=state.arrived + leaves.sum(),
            pace=state.pace,
        )
        crashed = self._crashed(reached)
        reached = eqx.tree_at(lambda s: s.collisions, reached, state.collisions + crashed.sum())
        each = self.delay * waited + self.collision * crashed
        return reached, Outcome(
            reward=each if self.spec.reward == "individual" else each.sum(keepdims=True),
            terminated=jnp.array(False),
            truncated=reached.time >= self.spec.limit,
            metrics={
                "won": (reached.collisions == 0).astype(jnp.float32),
                "collisions": reached.collisions.astype(jnp.float32),
                "arrived": reached.arrived.astype(jnp.float32),
            },
        )

    def snapshot(self, state: TrafficState) -> TrafficState:
        return state

    def observe(self, snapshot: TrafficState) -> Observation:
        driving = snapshot.route != OFF_ROAD
        cells = self.paths[snapshot.route, snapshot.place]
        heading = self.headings[snapshot.route, snapshot.place]
        parts = [
            driving[:, None],
            snapshot.braked[:, None],
            cells / (self.size - 1),
            heading,
            self._numbered(snapshot),
            (snapshot.place / self.lengths[snapshot.route])[:, None],
            (snapshot.waited / self.spec.limit)[:, None],
        ]
        units = jnp.where(driving[:, None], jnp.concatenate(parts, axis=1, dtype=jnp.float32), 0.0)
        used = (snapshot.time / self.spec.limit)[None]
        return Observation(
            obs=jnp.where(driving[:, None], self._seen(snapshot, cells, driving), 0.0),
            state=jnp.concatenate([used, units.ravel()], dtype=jnp.float32),
            units=units,
            avail=jnp.where(driving[:, None], jnp.array([[False, True, True]]), jnp.array([[True, False, False]])),
            alive=driving,
        )

    def scene(self, snapshot: TrafficState) -> Scene:
        """The roads from above."""
        cells = self.paths[snapshot.route, snapshot.place]
        headings = self.headings[snapshot.route, snapshot.place]
        return draw(snapshot, cells, headings, self._crashed(snapshot), lanes=self.lanes, size=self.size)

    def _arrivals(
        self, key: PRNGKeyArray, rate: Float[Array, ""], taken: Bool[Array, " N"]
    ) -> tuple[Int[Array, " E"], Int[Array, " E"]]:
        """For each entry, which car arrives (the number of cars if none does) and on which route."""
        arrival_key, route_key, car_key = jax.random.split(key, 3)
        n_cars, choices = self.spec.n_agents, self.paths.shape[0] // self.entries
        arrives = jax.random.uniform(arrival_key, (self.entries,)) < rate
        route = choices * jnp.arange(self.entries) + jax.random.randint(route_key, (self.entries,), 0, choices)
        ready = jnp.argsort(jnp.where(taken, 2.0, jax.random.uniform(car_key, (n_cars,))))
        queue = jnp.cumsum(arrives)
        arrives &= queue <= (~taken).sum()
        return jnp.where(arrives, ready[jnp.clip(queue - 1, 0, n_cars - 1)], n_cars), route

    def _crashed(self, state: TrafficState) -> Bool[Array, " N"]:
        driving = state.route != OFF_ROAD
        row, column = self.paths[state.route, state.place].T
        car = jnp.arange(self.spec.n_agents)
        cell = jnp.where(driving, row * self.size + column, -1 - car)
        return ((cell[:, None] == cell[None, :]) & (car[:, None] != car[None, :])).any(axis=1)

    def _numbered(self, snapshot: TrafficState) -> Float[Array, "N 1"]:
        """The route's number, from 0 to 1."""
        return (snapshot.route / (self.paths.shape[0] - 1))[:, None]

    def _seen(
        self, snapshot: TrafficState, cells: Int[Array, "N 2"], driving: Bool[Array, " N"]
    ) -> Float[Array, "N O"]:
        n_cars, sights = len(cells), self.sights[cells[:, 0], cells[:, 1]]
        away = cells[None, :, :] - cells[:, None, :]
        there = (away[:, :, None, :] == self.window[None, None, :, :]).all(axis=-1) & driving[None, :, None]
        cars = there.sum(axis=1)[:, :, None]
        n_routes = self.paths.shape[0]
        route = self._numbered(snapshot) if self.routes == "number" else jax.nn.one_hot(snapshot.route, n_routes)
        own = [snapshot.braked[:, None], route]
        if self.places == "cells":
            window = [jax.nn.one_hot(sights, self.outside + 1), cars]
        else:
            own.append(cells / (self.size - 1))
            window = [(sights != self.outside)[:, :, None], cars]
        seen = jnp.concatenate(window, axis=-1, dtype=jnp.float32)
        return jnp.concatenate([*own, seen.reshape(n_cars, -1)], axis=1, dtype=jnp.float32)


def _sights(network: Roads, window: Int[np.ndarray, "V 2"]) -> Int[np.ndarray, "H W V"]:
    """For each cell, the numbers of the cells around it."""
    reach, size = int(window.max()), network.size
    numbers = np.full((size + 2 * reach, size + 2 * reach), len(network.cells))
    for number, (row, column) in enumerate(network.cells):
        numbers[row + reach, column + reach] = number
    around = np.indices((size, size)).transpose(1, 2, 0)[:, :, None, :] + window + reach
    return numbers[around[..., 0], around[..., 1]]


def _obs_features(network: Roads, window: list[list[int]], places: str, routes: str) -> tuple[str, ...]:
    marks = ("route",) if routes == "number" else tuple(f"route {route}" for route in range(len(network.paths)))
    own = ("braked", *marks)
    kinds = (*(f"road at {row},{column}" for row, column in network.cells), "no road")
    if places == "coordinates":
        own, kinds = (*own, "row", "column"), ("road",)
    return (*own, *(f"{down:+d},{right:+d}: {kind}" for down, right in window for kind in (*kinds, "cars")))
