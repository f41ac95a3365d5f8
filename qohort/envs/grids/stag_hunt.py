"""The stag hunt: a catch takes two at once, and who tries alone is punished.

The task of Böhmer, Kurin and Whiteson 2020 (Deep Coordination Graphs), on which Rashid et al. 2020 (Weighted QMIX)
vary the punishment.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.grids import board as boards
from qohort.envs.grids.board import Board
from qohort.envs.grids.drawing import bounds, ground, middles
from qohort.envs.grids.turns import ALWAYS, NEVER, in_turn, settled
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Lines, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

ACTIONS = ("right", "down", "left", "up", "stay", "catch")
STAY, CATCH = 4, 5
NEEDED = 2
"""So many have to catch at once."""
NUMBERED = 20
"""In a picture, more hunters than these have no numbers."""


class Hunt(eqx.Module):
    """Where everybody is, as places of the board; those who are off it have the last place they had."""

    hunters: Int[Array, " N"]
    hunting: Bool[Array, " N"]
    stags: Int[Array, " M"]
    free: Bool[Array, " M"]
    time: Int[Array, ""]
    lone: Int[Array, ""]


class StagHunt(AbstractEnv):
    """Hunters on a board have to catch stags, two of them one stag, in the same step.

    A step: hunters move up, down, left or right, one after the other in a random order, unless the cell is taken.
    Then each stag has its turn, in a random order. If two hunters or more beside it catch, it is caught: the team
    gains `prize`, and both the stag and those who caught it leave the board, which later turns know. If one alone
    catches, the team loses `punishment`. A stag that is not caught goes to one of the free cells beside it. The
    episode terminates when all stags are caught or no hunter is left.

    A hunter sees who stands where in a square around it; beyond the edge there is nobody. Catching is available
    beside a stag, moving where there is a board. A hunter that has left sees zeros and can only stay. The state is
    the whole board. The metrics are `won` (as many caught as pairs of hunters can catch), `caught` and `lone` (the
    number of punishments).

    Differences from the authors' code (`stag_hunt.py` of oxwhirl/wqmix with its `pred_prey_punish` settings): the
    layer of hares in observation and state, which is zero there, is left out. Random numbers aside, the moves of a
    step are the same as those of a loop over turns, although they are computed all at once.
    """

    spec: EnvSpec = eqx.field(static=True)
    board: Board = eqx.field(static=True)
    stags: int = eqx.field(static=True)
    sight: int = eqx.field(static=True)
    prize: Float[Array, ""]
    punishment: Float[Array, ""]
    rest: Float[Array, ""]

    def __init__(
        self,
        *,
        hunters: int = 8,
        stags: int | None = None,
        size: int | None = None,
        density: float | None = None,
        punishment: float = 2.0,
        prize: float = 10.0,
        sight: int = 2,
        rest: float = 0.0,
        limit: int = 200,
        name: str = "stag-hunt",
    ) -> None:
        """Lay out the board.

        Args:
            hunters: the number of agents.
            stags: how many there are to catch; default: as many as hunters.
            size: rows and columns of the board; default: what `density` gives.
            density: hunters for each cell, where the size is not given; default: 0.08.
            punishment: what a lone catch costs; the papers take 0, 0.5, 1, 1.5 and 2.
            prize: what a stag brings.
            sight: how many cells away a hunter sees, in rows and columns.
            rest: the chance that a stag stays where it is.
            limit: the number of steps after which an episode is truncated.
            name: the world's name, without `pursuit/`.
        """
        world = f"pursuit/{name}"
        boards.demand(
            world,
            **{"hunters": (hunters, NEEDED), "stags": (stags, 1), "size": (size, 2), "punishment": (punishment, 0)},
            **{"prize": (prize, 0), "sight": (sight, 1), "limit": (limit, 1)},
        )
        if not 0 <= rest <= 1:
            raise QohortError(f"{world}: `rest` is {rest:g}, but a chance is between 0 and 1.")
        self.stags = hunters if stags is None else stags
        size = boards.side(world, hunters, size=size, density=density)
        boards.demand_room(world, size, hunters + self.stags, f"{hunters} hunters and {self.stags} stags")
        self.board = Board(size, rim=sight)
        self.sight = sight
        self.prize, self.punishment, self.rest = (jnp.float32(value) for value in (prize, punishment, rest))
        kinds = ("hunter", "stag")
        self.spec = EnvSpec(
            name=world,
            agents=boards.numbered("hunter", hunters),
            actions=ACTIONS,
            obs_features=boards.seen_names(kinds, sight),
            state_features=boards.cell_names(kinds, size),
            unit_features=("hunting", "row", "column", "stags beside it", "hunters beside it"),
            limit=limit,
            metrics=("won", "caught", "lone"),
            no_op=STAY,
        )

    @property
    def most(self) -> int:
        """So many stags can be caught."""
        return min(self.stags, self.spec.n_agents // NEEDED)

    @property
    def _moves(self) -> Int[np.ndarray, "A"]:
        """How far each action leads."""
        return np.array([1, self.board.down, -1, self.board.up, 0, 0], np.int32)

    def reset(self, key: PRNGKeyArray) -> Hunt:
        hunters = self.spec.n_agents
        drawn = self.board.scattered(key, hunters + self.stags)
        return Hunt(
            hunters=drawn[:hunters],
            hunting=jnp.ones(hunters, bool),
            stags=drawn[hunters:],
            free=jnp.ones(self.stags, bool),
            time=jnp.int32(0),
            lone=jnp.int32(0),
        )

    def step(self, key: PRNGKeyArray, state: Hunt, actions: Int[Array, " N"]) -> tuple[Hunt, Outcome]:
        hunters_key, stags_key, moves_key = jax.random.split(key, 3)
        hunters = in_turn(
            state.hunters,
            (state.hunters + jnp.asarray(self._moves)[actions])[:, None],
            jax.random.permutation(hunters_key, self.spec.n_agents),
            self._taken().at[self.board.only(state.stags, state.free)].set(ALWAYS, mode="drop"),
            moving=state.hunting,
        )
        turn = jax.random.permutation(stags_key, self.stags)
        catching = state.hunting & (actions == CATCH)
        caught, lone, left = self._catches(hunters, catching, state, turn)
        until = self._taken().at[self.board.only(hunters, state.hunting)].set(left, mode="drop")
        until = until.at[self.board.only(state.stags, caught)].set(turn, mode="drop")
        free = state.free & ~caught
        stags = in_turn(state.stags, self._flights(moves_key, state.stags), turn, until, moving=free)
        reached = Hunt(hunters, state.hunting & (left == ALWAYS), stags, free, state.time + 1, state.lone + lone.sum())
        total = (~free).sum()
        over = ~free.any() | ~reached.hunting.any()
        return reached, Outcome(
            reward=(self.prize * caught.sum() - self.punishment * lone.sum())[None],
            terminated=over,
            truncated=~over & (reached.time >= self.spec.limit),
            metrics={
                "won": (total == self.most).astype(jnp.float32),
                "caught": total.astype(jnp.float32),
                "lone": reached.lone.astype(jnp.float32),
            },
        )

    def snapshot(self, state: Hunt) -> Hunt:
        return state

    def observe(self, snapshot: Hunt) -> Observation:
        board, n_agents = self.board, self.spec.n_agents
        hunters, stags = self._layers(snapshot)
        layers = jnp.stack([hunters, stags], axis=1)
        hunting = snapshot.hunting[:, None]
        view = layers[snapshot.hunters[:, None] + board.window(self.sight)[None, :]].reshape(n_agents, -1)
        near = snapshot.hunters[:, None] + board.around[None, :]
        stags_near, hunters_near = stags[near].sum(1), hunters[near].sum(1)
        where = board.coordinates(snapshot.hunters) / (board.size - 1)
        own = jnp.concatenate([hunting, where, stags_near[:, None], hunters_near[:, None]], axis=1)
        on_board = jnp.asarray(board.inside)[snapshot.hunters[:, None] + self._moves[None, :CATCH]]
        possible = jnp.concatenate([on_board, (stags_near > 0)[:, None]], axis=1)
        return Observation(
            obs=view * hunting,
            state=layers[board.inner].ravel(),
            units=(own * hunting).astype(jnp.float32),
            avail=jnp.where(hunting, possible, (jnp.arange(len(ACTIONS)) == STAY)[None, :]),
            alive=snapshot.hunting,
        )

    def scene(self, snapshot: Hunt) -> Scene:
        """The board; a line leads from each hunter to the stags beside it."""
        board, n_agents = self.board, self.spec.n_agents
        hunters, stags = middles(board, snapshot.hunters), middles(board, snapshot.stags)
        near = (snapshot.hunters[:, None] + board.around[None, :]).ravel()
        reach = Lines(
            jnp.repeat(hunters, 4, axis=0),
            middles(board, near),
            tone=Tone.ACCENT,
            weight=5.0,
            visible=(self._layers(snapshot)[1][near] > 0) & jnp.repeat(snapshot.hunting, 4),
        )
        who = Circles(
            jnp.concatenate([hunters, stags]),
            np.repeat([0.34, 0.4], [n_agents, self.stags]),
            fill=jnp.where(jnp.arange(n_agents + self.stags) < n_agents, Tone.OURS, Tone.THEIRS),
            sides=np.repeat([0, 4], [n_agents, self.stags]),
            visible=jnp.concatenate([snapshot.hunting, snapshot.free]),
        )
        texts = tuple(str(i + 1) for i in range(n_agents)) if n_agents <= NUMBERED else ("",) * n_agents
        numbers = Labels(hunters, texts, size=0.44, tone=Tone.PAPER, visible=snapshot.hunting)
        counted = Labels(
            np.array([[0.0, board.size * 1.04]]),
            tuple(f"stags caught: {k} of {self.most} that can be" for k in range(self.stags + 1)),
            size=0.036 * board.size,
            which=(~snapshot.free).sum(),
            anchor="left",
        )
        return Scene(
            layers=(*ground(board), reach, who, numbers, counted),
            bounds=bounds(board),
            note="Circles: hunters; squares: stags. A line: this hunter can catch this stag, but not alone.",
            agents=hunters,
        )

    def _layers(self, hunt: Hunt) -> tuple[Float[Array, " P"], Float[Array, " P"]]:
        return self.board.layer(hunt.hunters, hunt.hunting), self.board.layer(hunt.stags, hunt.free)

    def _taken(self) -> Int[Array, " P"]:
        """Until when cells are taken on an empty board: the rim for ever."""
        return jnp.where(self.board.inside, NEVER, ALWAYS)

    def _catches(
        self, hunters: Int[Array, " N"], catching: Bool[Array, " N"], hunt: Hunt, turn: Int[Array, " M"]
    ) -> tuple[Bool[Array, " M"], Bool[Array, " M"], Int[Array, " N"]]:
        """Which stags are caught, which of them a lone hunter tried, and in whose turn a hunter leaves, if ever."""
        board = self.board
        beside_stags = hunt.stags[:, None] + board.around[None, :]
        beside_hunters = hunters[:, None] + board.around[None, :]

        def tries(left: Int[Array, " N"]) -> Int[Array, " M"]:
            last = jnp.full(board.cells, NEVER).at[board.only(hunters, catching)].set(left, mode="drop")
            return jnp.where(hunt.free, (last[beside_stags] >= turn[:, None]).sum(1), 0)

        def round_(left: Int[Array, " N"]) -> Int[Array, " N"]:
            caught = board.only(hunt.stags, tries(left) >= NEEDED)
            turns = jnp.full(board.cells, ALWAYS).at[caught].set(turn, mode="drop")
            return jnp.where(catching, turns[beside_hunters].min(1), ALWAYS)

        left = settled(round_, jnp.full(self.spec.n_agents, ALWAYS))
        number = tries(left)
        return number >= NEEDED, (number > 0) & (number < NEEDED), left

    def _flights(self, key: PRNGKeyArray, stags: Int[Array, " M"]) -> Int[Array, "M 4"]:
        """The cells beside each stag, in a random order: the first free one is any of the free ones, evenly."""
        way_key, rest_key = jax.random.split(key)
        ways = jax.random.permutation(way_key, jnp.tile(self.board.around, (self.stags, 1)), axis=1, independent=True)
        rests = jax.random.bernoulli(rest_key, self.rest, (self.stags, 1))
        return stags[:, None] + jnp.where(rests, 0, ways)
