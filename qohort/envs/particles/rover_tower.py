"""Rover-Tower: rovers that see no goal are guided by towers that cannot move."""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.options import at_least, one_of, within
from qohort.envs.particles.physics import MOVES, Discs, advance
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Lines, Rectangles, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

SILENT = -1
ROVER, LANDMARK = 0.075, 0.04
"""Radii."""
NEAR = 1.5 * (ROVER + LANDMARK)
EDGE, ROW = 1.25, 1.5
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class RoverTowerState(eqx.Module):
    """Where the rovers are, and who belongs to whom."""

    position: Float[Array, "*rows P 2"]
    """Of the rovers."""
    velocity: Float[Array, "*rows P 2"]
    landmarks: Float[Array, "*rows L 2"]
    goal: Int[Array, "*rows P"]
    """The landmark that each tower has in mind."""
    tower: Int[Array, "*rows P"]
    """The tower of each rover."""
    said: Int[Array, "*rows P"]
    """The symbol that each tower said last, or -1."""
    time: Int[Array, "*rows"]


class RoverTower(AbstractEnv):
    """Iqbal and Sha 2019 (MAAC), section 4.1, by the rules of their code.

    Each episode pairs every rover with a tower, and draws a landmark for each pair. A tower sees where its rover and
    the landmark are, and says one of a few symbols. The rover hears the symbol of its tower alone, knows where it is
    itself, and moves. Both get minus the squared distance of the rover and its landmark, and `bonus` if that is less
    than `near`. Rovers drive through each other. There is no end but the time limit.

    Rovers have the actions that move, towers those that speak. The metrics are ours: `arrived` is the share of rovers
    that are near their landmark, and `won` is 1 if all of them are.

    Differences from the authors' code:
        Towers have no place, because nothing depends on it.
        Observations have one form with names; there, the rover's and the tower's are of different lengths.
        An acceleration of 1.5 enters their equations twice; `acceleration` is the product.
    """

    spec: EnvSpec = eqx.field(static=True)
    discs: Discs
    bonus: Float[Array, ""]
    near: Float[Array, ""]
    n_landmarks: int = eqx.field(static=True)
    symbols: int = eqx.field(static=True)

    def __init__(
        self,
        *,
        pairs: int = 4,
        landmarks: int = 6,
        symbols: int = 5,
        limit: int = 25,
        bonus: float = 10.0,
        near: float = NEAR,
        acceleration: float = 2.25,
        top_speed: float = 1.0,
        reward: Literal["individual", "team"] = "individual",
    ) -> None:
        """Set up the towers.

        Args:
            pairs: the number of rovers, and of towers.
            landmarks: how many there are; two pairs may have the same one in mind.
            symbols: how many a tower can say.
            limit: the steps of an episode.
            bonus: what a pair gets for each step with the rover near its landmark.
            near: the squared distance below which a rover is near. The default is the authors' number, 1.5 times
                the sum of the radii of a rover and a landmark, which their code compares with the squared distance.
            acceleration: of a rover that moves, per second.
            top_speed: of all rovers, per second.
            reward: `individual` is each agent's own; `team` is the sum over the pairs.
        """
        name = "particles/rover-tower"
        at_least(name, 1, pairs=pairs, landmarks=landmarks, symbols=symbols, limit=limit)
        if symbols > len(LETTERS):
            raise QohortError(f"{name}: `symbols` is {symbols}, but there are letters for at most {len(LETTERS)}.")
        within(name, 0.0, math.inf, bonus=bonus, near=near, acceleration=acceleration, top_speed=top_speed)
        one_of(name, ("individual", "team"), reward=reward)
        self.n_landmarks, self.symbols = landmarks, symbols
        self.bonus, self.near = jnp.float32(bonus), jnp.float32(near)
        self.discs = Discs(
            radius=jnp.full(pairs, ROVER),
            mass=jnp.ones(pairs),
            acceleration=jnp.float32(acceleration),
            top_speed=jnp.float32(top_speed),
            solid=False,
        )
        rovers, towers = (tuple(f"{who} {i + 1}" for i in range(pairs)) for who in ("rover", "tower"))
        says = tuple(f"say {letter}" for letter in LETTERS[:symbols])
        own = ("x", "y", "x velocity", "y velocity", "goal x", "goal y", *says)
        marks = tuple(f"landmark {k + 1}" for k in range(landmarks))
        self.spec = EnvSpec(
            name=name,
            agents=(*rovers, *towers),
            actions=(*MOVES, *says),
            obs_features=(
                *(f"with partner {i + 1}" for i in range(pairs)),
                *("own x", "own y", "own x velocity", "own y velocity"),
                *(f"hears {letter}" for letter in LETTERS[:symbols]),
                *("rover x", "rover y", "goal x", "goal y"),
            ),
            state_features=(
                "time used",
                *(f"{agent}: {feature}" for agent in (*rovers, *towers) for feature in own),
                *(f"{rover} is with {tower}" for rover in rovers for tower in towers),
                *(f"{mark}: {axis}" for mark in marks for axis in ("x", "y")),
            ),
            unit_features=own,
            limit=limit,
            metrics=("won", "arrived"),
            reward=reward,
            groups=("rover",) * pairs + ("tower",) * pairs,
        )

    @property
    def pairs(self) -> int:
        """How many rovers there are, and how many towers."""
        return self.spec.n_agents // 2

    def reset(self, key: PRNGKeyArray) -> RoverTowerState:
        rover_key, landmark_key, goal_key, tower_key = jax.random.split(key, 4)
        return RoverTowerState(
            position=jax.random.uniform(rover_key, (self.pairs, 2), minval=-1.0, maxval=1.0),
            velocity=jnp.zeros((self.pairs, 2)),
            landmarks=jax.random.uniform(landmark_key, (self.n_landmarks, 2), minval=-1.0, maxval=1.0),
            goal=jax.random.randint(goal_key, (self.pairs,), 0, self.n_landmarks),
            tower=jax.random.permutation(tower_key, self.pairs).astype(jnp.int32),
            said=jnp.full(self.pairs, SILENT, jnp.int32),
            time=jnp.int32(0),
        )

    def step(
        self, key: PRNGKeyArray, state: RoverTowerState, actions: Int[Array, " N"]
    ) -> tuple[RoverTowerState, Outcome]:
        position, velocity = advance(self.discs, state.position, state.velocity, actions[: self.pairs])
        said = actions[self.pairs :].astype(jnp.int32) - len(MOVES)
        time = state.time + 1
        reached = eqx.tree_at(
            lambda s: (s.position, s.velocity, s.said, s.time), state, (position, velocity, said, time)
        )
        distance = jnp.square(position - state.landmarks[state.goal[state.tower]]).sum(axis=1)
        arrived = distance < self.near
        each = jnp.where(arrived, self.bonus, 0.0) - distance
        of_towers = each[jnp.argsort(state.tower)]
        individual = self.spec.reward == "individual"
        return reached, Outcome(
            reward=jnp.concatenate([each, of_towers]) if individual else each.sum(keepdims=True),
            terminated=jnp.array(False),
            truncated=time >= self.spec.limit,
            metrics={
                "won": arrived.all().astype(jnp.float32),
                "arrived": arrived.mean(dtype=jnp.float32),
            },
        )

    def snapshot(self, state: RoverTowerState) -> RoverTowerState:
        return state

    def observe(self, snapshot: RoverTowerState) -> Observation:
        pairs, rover = self.pairs, jnp.argsort(snapshot.tower)
        goals = snapshot.landmarks[snapshot.goal]
        words = jax.nn.one_hot(snapshot.said, self.symbols)
        moving = jnp.concatenate([snapshot.position, snapshot.velocity], axis=1)
        with_tower, with_rover = jax.nn.one_hot(snapshot.tower, pairs), jax.nn.one_hot(rover, pairs)
        of_rovers = jnp.concatenate([with_tower, moving, words[snapshot.tower], jnp.zeros((pairs, 4))], axis=1)
        blind = jnp.zeros((pairs, 4 + self.symbols))
        of_towers = jnp.concatenate([with_rover, blind, snapshot.position[rover], goals], axis=1)
        rovers = jnp.concatenate([moving, jnp.zeros((pairs, 2 + self.symbols))], axis=1)
        towers = jnp.concatenate([jnp.zeros((pairs, 4)), goals, words], axis=1)
        units = jnp.concatenate([rovers, towers])
        used = (snapshot.time / self.spec.limit)[None]
        whole = [used, units.ravel(), with_tower.ravel(), snapshot.landmarks.ravel()]
        speaks = np.arange(self.spec.n_actions) >= len(MOVES)
        return Observation(
            obs=jnp.concatenate([of_rovers, of_towers]),
            state=jnp.concatenate(whole, dtype=jnp.float32),
            units=units,
            avail=jnp.asarray(np.repeat([~speaks, speaks], pairs, axis=0)),
            alive=jnp.ones(2 * pairs, bool),
        )

    def scene(self, snapshot: RoverTowerState) -> Scene:
        """The plane from above; towers stand in a row over it, each above what it said."""
        pairs = self.pairs
        goals = snapshot.landmarks[snapshot.goal[snapshot.tower]]
        x = jnp.linspace(-1.0, 1.0, pairs + 2)[1:-1] if pairs > 1 else jnp.zeros(1)
        feet = jnp.stack([x, jnp.full(pairs, ROW)], axis=1)
        numbers = tuple(str(i + 1) for i in range(pairs))
        arrived = jnp.square(snapshot.position - goals).sum(axis=1) < self.near
        return Scene(
            layers=(
                Rectangles(np.array([[-1.0, -1.0]]), np.array([[1.0, 1.0]])),
                Circles(goals, jnp.sqrt(self.near), fill=Tone.NONE, outline=jnp.where(arrived, Tone.GOOD, Tone.FAINT)),
                Circles(snapshot.landmarks, LANDMARK, fill=Tone.MUTED, sides=4),
                Lines(snapshot.position, goals, tone=Tone.MUTED, dashed=True),
                Lines(feet[snapshot.tower], snapshot.position, tone=Tone.FAINT),
                Circles(snapshot.position, ROVER, fill=jnp.where(arrived, Tone.GOOD, Tone.OURS)),
                Labels(snapshot.position, numbers, size=0.09, tone=Tone.PAPER),
                Circles(feet, 1.5 * ROVER, fill=Tone.THIRD, sides=3),
                Labels(feet, numbers, size=0.09, tone=Tone.PAPER),
                Labels(
                    feet + np.array([[0.0, 0.17]], np.float32),
                    ("silent", *LETTERS[: self.symbols]),
                    which=snapshot.said + 1,
                    size=0.1,
                ),
            ),
            bounds=(-EDGE, -EDGE, EDGE, ROW + 0.3),
            note="Triangles: towers and what they said. Discs: rovers, tied to their tower; dashes lead to the "
            "landmark that only the tower knows, and the ring around it is near.",
            agents=jnp.concatenate([snapshot.position, feet]),
        )
