"""Two rooms and a door that somebody has to hold open: one reward, at the very end."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.grids import board as boards
from qohort.envs.grids.board import Board
from qohort.envs.grids.drawing import bounds, ground, middles
from qohort.scene import Circles, Labels, Rectangles, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

ACTIONS = ("stay", "north", "south", "west", "east")
STAY = 0


class Walk(eqx.Module):
    """Where the agents are, as places of the board."""

    agents: Int[Array, " N"]
    time: Int[Array, ""]


class Passage(AbstractEnv):
    """Liu, Jain, Yeh and Schwing 2021 (Cooperative Exploration for Multi-Agent Deep RL): Pass.

    A wall divides the board; its only door is open while an agent stands on one of two switches. One of them is in the
    far corner of the western room, where all begin, the other in the far corner of the eastern one. So one holds the
    door, another passes and holds it from the other side, and the first may follow. The team is rewarded with 1 when
    all are in the eastern room, which terminates the episode; there is no other reward.

    Actions that lead into a wall or a closed door are not available. Agents may share a cell. Each sees the row and
    the column of all, itself first, and whether the door is open; the state is that and how many steps there were. The
    metrics are `won` and `through`, the share of agents in the eastern room.
    """

    spec: EnvSpec = eqx.field(static=True)
    board: Board = eqx.field(static=True)

    def __init__(self, *, agents: int = 2, size: int = 9, limit: int = 150) -> None:
        """Lay out the rooms.

        Args:
            agents: how many have to pass.
            size: rows and columns of the board, the wall included.
            limit: the number of steps after which an episode is truncated.
        """
        world = "rooms/pass"
        boards.demand(world, agents=(agents, 2), size=(size, 3), limit=(limit, 1))
        self.board = Board(size)
        who, others = boards.numbered("agent", agents), boards.numbered("other", agents - 1)
        lines = tuple(f"{line} {k}" for line in ("row", "column") for k in range(size))
        self.spec = EnvSpec(
            name=world,
            agents=who,
            actions=ACTIONS,
            obs_features=(*(f"{what} in {line}" for what in ("self", *others) for line in lines), "door open"),
            state_features=(*(f"{what} in {line}" for what in who for line in lines), "door open", "time used"),
            unit_features=tuple(f"in {line}" for line in lines),
            limit=limit,
            metrics=("won", "through"),
            no_op=STAY,
        )

    @property
    def wall(self) -> int:
        """The column of the wall."""
        return self.board.size // 2

    @property
    def door(self) -> int:
        """Its place."""
        return self.board.place(self.board.size // 2, self.wall)

    @property
    def switches(self) -> Int[np.ndarray, "2"]:
        """Their places: north-west and south-east."""
        last = self.board.size - 1
        return np.array([self.board.place(0, 0), self.board.place(last, last)], np.int32)

    def reset(self, key: PRNGKeyArray) -> Walk:
        """All begin anywhere in the western room."""
        west = np.array([self.board.place(r, c) for r in range(self.board.size) for c in range(self.wall)], np.int32)
        return Walk(jax.random.choice(key, jnp.asarray(west), (self.spec.n_agents,)), jnp.int32(0))

    def step(self, key: PRNGKeyArray, state: Walk, actions: Int[Array, " N"]) -> tuple[Walk, Outcome]:
        actions = jnp.where(self._possible(state)[jnp.arange(self.spec.n_agents), actions], actions, STAY)
        reached = Walk(state.agents + jnp.asarray(self._moves)[actions], state.time + 1)
        through = self.board.coordinates(reached.agents)[:, 1] > self.wall
        won = through.all()
        return reached, Outcome(
            reward=won.astype(jnp.float32)[None],
            terminated=won,
            truncated=~won & (reached.time >= self.spec.limit),
            metrics={"won": won.astype(jnp.float32), "through": through.mean(dtype=jnp.float32)},
        )

    def snapshot(self, state: Walk) -> Walk:
        return state

    def observe(self, snapshot: Walk) -> Observation:
        n_agents = self.spec.n_agents
        each = jax.nn.one_hot(self.board.coordinates(snapshot.agents), self.board.size).reshape(n_agents, -1)
        opened = self._open(snapshot).astype(jnp.float32)
        order = np.array([[i, *(j for j in range(n_agents) if j != i)] for i in range(n_agents)])
        door = jnp.broadcast_to(opened, (n_agents, 1))
        return Observation(
            obs=jnp.concatenate([each[order].reshape(n_agents, -1), door], axis=1),
            state=jnp.concatenate([each.ravel(), opened[None], (snapshot.time / self.spec.limit)[None]]),
            units=each,
            avail=self._possible(snapshot),
            alive=jnp.ones(n_agents, bool),
        )

    def scene(self, snapshot: Walk) -> Scene:
        """The rooms; a door that is open is not filled."""
        board, n_agents = self.board, self.spec.n_agents
        line = np.stack([np.full(board.size, self.wall), np.arange(board.size)[::-1]], axis=1).astype(np.float32)
        door, wall = line[board.size // 2][None], np.delete(line, board.size // 2, axis=0)
        aside = 0.12 * (np.arange(n_agents) - (n_agents - 1) / 2)  # so that those who share a cell are all seen
        here = middles(board, snapshot.agents) + jnp.asarray(aside, jnp.float32)[:, None]
        switches = middles(board, jnp.asarray(self.switches))
        opened = self._open(snapshot)
        return Scene(
            layers=(
                *ground(board),
                Rectangles(wall, wall + 1.0, fill=Tone.WALL),
                Rectangles(door, door + 1.0, fill=jnp.where(opened, Tone.GROUND, Tone.THEIRS)[None], outline=Tone.INK),
                Rectangles(
                    switches - 0.45,
                    switches + 0.45,
                    fill=jnp.where(self._pressed(snapshot), Tone.GOOD, Tone.PAPER),
                    outline=Tone.INK,
                ),
                Circles(here, 0.36, fill=Tone.OURS),
                Labels(
                    here,
                    tuple(str(i + 1) for i in range(n_agents)),
                    size=0.36,
                    which=np.arange(n_agents),
                    tone=Tone.PAPER,
                ),
            ),
            bounds=bounds(board),
            note="Squares: switches, green under somebody. The door in the wall is filled while it is shut.",
            agents=here,
        )

    @property
    def _moves(self) -> Int[np.ndarray, "A"]:
        """How far each action leads."""
        return np.array([0, self.board.up, self.board.down, -1, 1], np.int32)

    def _pressed(self, walk: Walk) -> Bool[Array, "2"]:
        return (walk.agents[None, :] == jnp.asarray(self.switches)[:, None]).any(1)

    def _open(self, walk: Walk) -> Bool[Array, ""]:
        return self._pressed(walk).any()

    def _possible(self, walk: Walk) -> Bool[Array, "N A"]:
        """Staying, and moves to cells that are neither wall nor a closed door."""
        built = self.board.inside.reshape(self.board.width, -1).copy()
        built[:, self.wall + self.board.rim] = False
        free = jnp.asarray(built.ravel()).at[self.door].set(self._open(walk))
        return free[walk.agents[:, None] + self._moves[None, :]].at[:, STAY].set(True)
