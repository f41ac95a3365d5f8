"""The modified predator-prey of QTRAN: prey between two predators is a point, prey beside one of them costs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.grids import board as boards
from qohort.envs.grids.board import Board
from qohort.envs.grids.drawing import bounds, counts, ground, middles
from qohort.envs.grids.turns import ALWAYS, NEVER, in_turn
from qohort.scene import Circles, Labels, Lines, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

ACTIONS = ("up", "left", "stay", "right", "down")
STAY = 2
NEEDED = 2
NUMBERED = 20
"""In a picture, more predators than these have no numbers."""


class Chase(eqx.Module):
    """Where everybody is, as places of the board, and what has happened so far."""

    predators: Int[Array, " N"]
    prey: Int[Array, " M"]
    free: Bool[Array, " M"]
    time: Int[Array, ""]
    captures: Int[Array, ""]
    lone: Int[Array, ""]


class QtranPrey(AbstractEnv):
    """Son et al. 2019 (QTRAN): predators chase prey that moves at random.

    In a step everybody moves up, down, left, right or stays, first the predators, then the prey, each kind in the
    order of its numbers; who wants a cell in which somebody is lets it move first, and stays if the cell is still
    taken. Then, for each prey, the team gains 1 if two predators or more are beside it, and loses `punishment` if
    there is one. Prey with two beside it is captured.

    Each predator sees where all others are, from where it is (`vision` narrows it to a square, which is what large
    boards need), and where it is itself. The state is all positions. The metrics are `captures` and `lone` (the
    number of punishments), and `won` where an episode can be won.

    Differences from the authors' code: of two that want the same free cell the one with the lower number gets it,
    where there the other may have been made to move first by a third. Prey captured in the same step come back to
    cells that were free before. Settings that the paper and the code leave open are options: in the code captured
    prey comes back and all episodes last for 100 steps, which is the default; `respawn=False` ends them with the
    last capture.
    """

    spec: EnvSpec = eqx.field(static=True)
    board: Board = eqx.field(static=True)
    prey: int = eqx.field(static=True)
    vision: int | None = eqx.field(static=True)
    respawn: bool = eqx.field(static=True)
    punishment: Float[Array, ""]

    def __init__(
        self,
        *,
        predators: int = 2,
        prey: int | None = None,
        size: int | None = None,
        density: float | None = None,
        punishment: float = 0.5,
        vision: int | None = None,
        respawn: bool = True,
        limit: int = 100,
        name: str = "qtran-prey",
    ) -> None:
        """Lay out the board.

        Args:
            predators: the number of agents.
            prey: how many there are; default: half as many as predators.
            size: rows and columns of the board; default: what `density` gives.
            density: predators for each cell, where the size is not given; default: 0.08.
            punishment: what a lone predator beside prey costs, P in the paper: 0.5, 1 or 1.5.
            vision: how many cells away a predator sees, in rows and columns; default: everywhere.
            respawn: whether captured prey comes back in a random free cell.
            limit: the number of steps after which an episode is truncated.
            name: the world's name, without `pursuit/`.
        """
        world = f"pursuit/{name}"
        boards.demand(
            world,
            **{"predators": (predators, NEEDED), "prey": (prey, 1), "size": (size, 2), "punishment": (punishment, 0)},
            **{"vision": (vision, 1), "limit": (limit, 1)},
        )
        self.prey = predators // 2 if prey is None else prey
        size = boards.side(world, predators, size=size, density=density)
        back, room = (", and as many to come back", 2 * self.prey) if respawn else ("", self.prey)
        boards.demand_room(world, size, predators + room, f"{predators} predators, {self.prey} prey{back}")
        self.board = Board(size, rim=vision or 1)
        self.vision, self.respawn, self.punishment = vision, respawn, jnp.float32(punishment)
        hunters, hunted = boards.numbered("predator", predators), boards.numbered("prey", self.prey)
        axes = ("row", "column")
        if vision is None:
            seen = tuple(f"{who}'s {axis} from here" for who in (*hunters, *hunted) for axis in axes)
        else:
            seen = boards.seen_names(("predator", "prey", "edge"), vision)
        self.spec = EnvSpec(
            name=world,
            agents=hunters,
            actions=ACTIONS,
            obs_features=(*axes, *seen),
            state_features=(
                *(f"{who}'s {axis}" for who in (*hunters, *hunted) for axis in axes),
                *(f"{who} is free" for who in hunted),
            ),
            unit_features=(*axes, "prey beside it"),
            limit=limit,
            metrics=(*(() if respawn else ("won",)), "captures", "lone"),
            no_op=STAY,
        )

    def reset(self, key: PRNGKeyArray) -> Chase:
        predators = self.spec.n_agents
        drawn = self.board.scattered(key, predators + self.prey)
        zero = jnp.int32(0)
        return Chase(drawn[:predators], drawn[predators:], jnp.ones(self.prey, bool), zero, zero, zero)

    def step(self, key: PRNGKeyArray, state: Chase, actions: Int[Array, " N"]) -> tuple[Chase, Outcome]:
        whims_key, return_key = jax.random.split(key)
        n_agents, board = self.spec.n_agents, self.board
        whims = jax.random.randint(whims_key, (self.prey,), 0, len(ACTIONS))
        moves = jnp.array([board.up, -1, 0, 1, board.down])[jnp.concatenate([actions, whims])]
        places = jnp.concatenate([state.predators, state.prey])
        places = in_turn(
            places,
            (places + moves)[:, None],
            jnp.arange(n_agents + self.prey),
            jnp.where(board.inside, NEVER, ALWAYS),
            moving=jnp.concatenate([jnp.ones(n_agents, bool), state.free]),
            follow=True,
        )
        predators, prey = places[:n_agents], places[n_agents:]
        beside = board.layer(predators, jnp.ones(n_agents, bool))[prey[:, None] + board.around[None, :]].sum(1)
        captured, lone = state.free & (beside >= NEEDED), state.free & (beside > 0) & (beside < NEEDED)
        if self.respawn:
            prey, free = self._back(return_key, predators, prey, captured), state.free
        else:
            free = state.free & ~captured
        captures, alone = state.captures + captured.sum(), state.lone + lone.sum()
        reached = Chase(predators, prey, free, state.time + 1, captures, alone)
        won = ~free.any()
        metrics = {"captures": captures.astype(jnp.float32), "lone": alone.astype(jnp.float32)}
        return reached, Outcome(
            reward=(captured.sum() - self.punishment * lone.sum())[None],
            terminated=won,
            truncated=~won & (reached.time >= self.spec.limit),
            metrics=metrics if self.respawn else {"won": won.astype(jnp.float32), **metrics},
        )

    def snapshot(self, state: Chase) -> Chase:
        return state

    def observe(self, snapshot: Chase) -> Observation:
        board, n_agents = self.board, self.spec.n_agents
        own = self._scaled(snapshot.predators)
        free = snapshot.free[:, None]
        everybody = jnp.concatenate([own, self._scaled(snapshot.prey) * free])
        hunted = board.layer(snapshot.prey, snapshot.free)
        if self.vision is None:
            present = jnp.concatenate([jnp.ones((n_agents, 1), bool), free])
            view = (everybody[None] - own[:, None]) * present[None]
        else:
            hunters = board.layer(snapshot.predators, jnp.ones(n_agents, bool))
            layers = jnp.stack([hunters, hunted, ~board.inside], axis=1)
            view = layers[snapshot.predators[:, None] + board.window(self.vision)[None, :]]
        beside = hunted[snapshot.predators[:, None] + board.around[None, :]].sum(1)
        return Observation(
            obs=jnp.concatenate([own, view.reshape(n_agents, -1)], axis=1),
            state=jnp.concatenate([everybody.ravel(), snapshot.free], dtype=jnp.float32),
            units=jnp.concatenate([own, beside[:, None]], axis=1),
            avail=jnp.ones((n_agents, len(ACTIONS)), bool),
            alive=jnp.ones(n_agents, bool),
        )

    def scene(self, snapshot: Chase) -> Scene:
        """The board; a line leads from each predator to the prey beside it."""
        board, n_agents = self.board, self.spec.n_agents
        predators, prey = middles(board, snapshot.predators), middles(board, snapshot.prey)
        near = (snapshot.predators[:, None] + board.around[None, :]).ravel()
        reach = Lines(
            jnp.repeat(predators, 4, axis=0),
            middles(board, near),
            tone=Tone.ACCENT,
            weight=5.0,
            visible=board.layer(snapshot.prey, snapshot.free)[near] > 0,
        )
        who = Circles(
            jnp.concatenate([predators, prey]),
            np.repeat([0.34, 0.4], [n_agents, self.prey]),
            fill=jnp.where(jnp.arange(n_agents + self.prey) < n_agents, Tone.OURS, Tone.THEIRS),
            sides=np.repeat([0, 4], [n_agents, self.prey]),
            visible=jnp.concatenate([jnp.ones(n_agents, bool), snapshot.free]),
        )
        texts = tuple(str(i + 1) for i in range(n_agents)) if n_agents <= NUMBERED else ("",) * n_agents
        captures = counts("captures: ", self.spec.limit * self.prey)
        counted = Labels(
            np.array([[0.0, board.size * 1.04]]),
            captures,
            size=0.036 * board.size,
            which=jnp.minimum(snapshot.captures, len(captures) - 1),
            anchor="left",
        )
        return Scene(
            layers=(*ground(board), reach, who, Labels(predators, texts, size=0.44, tone=Tone.PAPER), counted),
            bounds=bounds(board),
            note="Circles: predators; squares: prey. A line: it is beside prey, and pays if alone. Captured prey has "
            "left.",
            agents=predators,
        )

    def _scaled(self, places: Int[Array, " n"]) -> Float[Array, "n 2"]:
        """Rows and columns as in the authors' code: the middle of the board is about 0, its width 1."""
        return (self.board.coordinates(places) - self.board.size / 2) / self.board.size

    def _back(
        self, key: PRNGKeyArray, predators: Int[Array, " N"], prey: Int[Array, " M"], captured: Bool[Array, " M"]
    ) -> Int[Array, " M"]:
        """Where the prey is when those captured have come back, each to a free cell of its own."""
        taken = jnp.asarray(~self.board.inside).at[predators].set(True).at[prey].set(True)
        luck = jnp.where(taken, -1.0, jax.random.uniform(key, taken.shape))
        cells = jax.lax.top_k(luck, self.prey)[1].astype(prey.dtype)
        return jnp.where(captured, cells, prey)
