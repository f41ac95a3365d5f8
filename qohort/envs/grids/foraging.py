"""Level-based foraging: food is loaded by those beside it, if their levels are enough together."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.grids import board as boards
from qohort.envs.grids.board import Board
from qohort.envs.grids.drawing import bounds, counts, ground, middles, side_by_side
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Rectangles, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

ACTIONS = ("none", "north", "south", "west", "east", "load")
NONE, LOAD = 0, 5
BESIDE = 4
"""So many players can be beside food."""
TOGETHER = 3
"""Food has at most the sum of the so many lowest levels of players."""
NOTHING = (-1.0, -1.0, 0.0)
"""What is seen of food or a player that is not seen."""


class Forage(eqx.Module):
    """Where everything is, as places of the board; food of the level 0 is eaten."""

    players: Int[Array, " N"]
    levels: Int[Array, " N"]
    foods: Int[Array, " F"]
    food_levels: Int[Array, " F"]
    grown: Int[Array, ""]
    """The sum of the levels of all food at the beginning."""
    time: Int[Array, ""]


class Foraging(AbstractEnv):
    """Christianos, Schäfer and Albrecht 2020; Papoudakis et al. 2021 (EPyMARL's benchmark): level-based foraging.

    Players have levels from 1 to `max_player_level`, food has levels from 1 to the sum of the three lowest of
    them (with `coop` this sum exactly, so that up to three players have to share all food). Each step players move or
    load. Moving into food or off the board is impossible; if several would be in one cell, those who wanted to go
    there stay. Those who load beside the same food get it if their levels are at least its own together: each is
    rewarded with its share by level of the food's part of all food's levels, so that everything brings 1 in all. If
    they are not enough, each loses `penalty`. The episode terminates when all food is eaten.

    A player sees the food within `sight` and then the players, itself first, each as row, column and level; rows and
    columns are counted from the corner of what it sees of the board, and -1, -1, 0 is what is not there. The state is
    all of it, and how many steps there were. The metrics are `won` (all eaten) and `share` (the part of all food's
    levels that is eaten, which is the share of the optimal return).

    Differences from the authors' code (version 3): time running out truncates the episode, where there it is the same
    as its end. Actions that are impossible are not available; there, and with `masked=False`, they do nothing. Taken
    over are two of its peculiarities: players near the upper and left edges see other players (not food) farther than
    `sight`, and a player that steps into a cell whose player wanted to leave, but could not, shares it.
    """

    spec: EnvSpec = eqx.field(static=True)
    board: Board = eqx.field(static=True)
    foods: int = eqx.field(static=True)
    sight: int = eqx.field(static=True)
    coop: bool = eqx.field(static=True)
    max_player_level: int = eqx.field(static=True)
    max_food_level: int | None = eqx.field(static=True)
    masked: bool = eqx.field(static=True)
    penalty: Float[Array, ""]

    def __init__(
        self,
        *,
        size: int = 8,
        players: int = 2,
        foods: int = 2,
        sight: int | None = None,
        coop: bool = False,
        max_player_level: int = 2,
        max_food_level: int | None = None,
        penalty: float = 0.0,
        masked: bool = True,
        reward: str = "team",
        limit: int = 50,
    ) -> None:
        """Lay out the board; the world's name tells the sizes, as in `foraging/8x8-2p-2f-2s-coop`.

        Args:
            size: rows and columns of the board.
            players: the number of agents.
            foods: how much food grows; less if there is no room for more.
            sight: how many cells away a player sees, in rows and columns; default: everywhere.
            coop: whether all food has the greatest level.
            max_player_level: levels of players are drawn from 1 to this one.
            max_food_level: likewise of food; default: the sum of the three lowest levels of players.
            penalty: what loading in vain costs each.
            masked: whether impossible actions are unavailable; otherwise they do nothing.
            reward: the sum of the players' rewards for all, or its own for each.
            limit: the number of steps after which an episode is truncated.
        """
        seen = "" if sight is None else f"-{sight}s"
        world = f"foraging/{size}x{size}-{players}p-{foods}f{seen}{'-coop' if coop else ''}"
        boards.demand(
            world,
            **{
                "size": (size, 3),
                "players": (players, 1),
                "foods": (foods, 1),
                "sight": (sight, 1),
                "limit": (limit, 1),
            },
            **{
                "max_player_level": (max_player_level, 1),
                "max_food_level": (max_food_level, 1),
                "penalty": (penalty, 0),
            },
        )
        if (size - 2) ** 2 <= players:
            raise QohortError(
                f"{world}: `size` {size} leaves {(size - 2) ** 2} cells off the edge, where food grows, and {players} "
                f"players may stand on them all; take at least {math.isqrt(players) + 3}."
            )
        strongest = max_player_level * min(BESIDE, players)
        if coop and max_food_level is not None and max_food_level > strongest:
            raise QohortError(
                f"{world}: `max_food_level` is {max_food_level}, the level of all food where `coop` is true, but "
                f"{min(BESIDE, players)} players of at most level {max_player_level} can lift {strongest} together."
            )
        if reward not in ("team", "individual"):
            raise QohortError(f'{world}: `reward` is {reward!r}, but it must be "team" or "individual".')
        self.board = Board(size)
        self.foods, self.coop, self.masked, self.penalty = foods, coop, masked, jnp.float32(penalty)
        self.sight = size if sight is None else sight
        self.max_player_level, self.max_food_level = max_player_level, max_food_level
        who, food = boards.numbered("player", players), boards.numbered("food", foods)
        others = ("self", *boards.numbered("other", players - 1))
        parts = ("row", "column", "level")
        self.spec = EnvSpec(
            name=world,
            agents=who,
            actions=ACTIONS,
            obs_features=tuple(f"{what}'s {part}" for what in (*food, *others) for part in parts),
            state_features=(*(f"{what}'s {part}" for what in (*food, *who) for part in parts), "time used"),
            unit_features=(*parts, "level of the food beside it"),
            limit=limit,
            metrics=("won", "share"),
            no_op=NONE,
            reward=reward,
        )

    @property
    def _moves(self) -> Int[np.ndarray, "A"]:
        """How far each action leads."""
        return np.array([0, self.board.up, self.board.down, -1, 1, 0], np.int32)

    def reset(self, key: PRNGKeyArray) -> Forage:
        places_key, levels_key, foods_key, food_levels_key = jax.random.split(key, 4)
        n_agents = self.spec.n_agents
        players = self.board.scattered(places_key, n_agents)
        levels = jax.random.randint(levels_key, (n_agents,), 1, self.max_player_level + 1)
        foods, grows = self._grown(foods_key, players)
        most = jnp.sort(levels)[:TOGETHER].sum() if self.max_food_level is None else jnp.int32(self.max_food_level)
        drawn = jax.random.randint(food_levels_key, (self.foods,), 1, most + 1)
        food_levels = jnp.where(grows, most if self.coop else drawn, 0)
        return Forage(players, levels, foods, food_levels, food_levels.sum(), jnp.int32(0))

    def step(self, key: PRNGKeyArray, state: Forage, actions: Int[Array, " N"]) -> tuple[Forage, Outcome]:
        board = self.board
        actions = jnp.where(self._possible(state)[jnp.arange(self.spec.n_agents), actions], actions, NONE)
        wishes = state.players + jnp.asarray(self._moves)[actions]
        crowd = board.layer(wishes, jnp.ones_like(wishes, bool))[wishes]
        players = jnp.where(crowd > 1, state.players, wishes)
        loading = actions == LOAD
        strength = jnp.zeros(board.cells, jnp.int32).at[players].add(jnp.where(loading, state.levels, 0))
        together = strength[state.foods[:, None] + board.around[None, :]].sum(1)
        eaten = (state.food_levels > 0) & (together >= state.food_levels)
        parts = together.astype(jnp.float32) * state.grown  # as whole numbers great levels overflow
        gained = jnp.where(eaten, state.food_levels / jnp.maximum(parts, 1.0), 0.0)
        near = players[:, None] + board.around[None, :]
        of_food = jnp.zeros(board.cells).at[state.foods].set(gained)[near].sum(1)
        tried_in_vain = loading & (of_food == 0)
        rewards = jnp.where(loading, state.levels * of_food, 0.0) - self.penalty * tried_in_vain
        left = jnp.where(eaten, 0, state.food_levels)
        reached = Forage(players, state.levels, state.foods, left, state.grown, state.time + 1)
        won = left.sum() == 0
        return reached, Outcome(
            reward=rewards.sum()[None] if self.spec.reward == "team" else rewards,
            terminated=won,
            truncated=~won & (reached.time >= self.spec.limit),
            metrics={
                "won": won.astype(jnp.float32),
                "share": 1.0 - left.sum() / jnp.maximum(state.grown, 1),
            },
        )

    def snapshot(self, state: Forage) -> Forage:
        return state

    def observe(self, snapshot: Forage) -> Observation:
        board, n_agents = self.board, self.spec.n_agents
        players, foods = board.coordinates(snapshot.players), board.coordinates(snapshot.foods)
        corner = jnp.maximum(players - self.sight, 0)
        to_food, to_player = foods[None] - players[:, None], players[None] - corner[:, None]
        food_seen = (jnp.abs(to_food) <= self.sight).all(-1) & (snapshot.food_levels > 0)[None]
        # As in the authors' code, where players are counted from the corner and not from the middle.
        player_seen = ((to_player >= 0) & (to_player <= 2 * self.sight)).all(-1)
        itself = jnp.eye(n_agents, dtype=bool)
        food_rank = jnp.broadcast_to(snapshot.foods, food_seen.shape)
        player_rank = jnp.where(itself, -1, jnp.arange(n_agents)[None, :])
        food_view = _listed(foods[None] - corner[:, None], snapshot.food_levels, food_seen, food_rank)
        player_view = _listed(to_player, snapshot.levels, player_seen, player_rank)
        each = jnp.concatenate([players, snapshot.levels[:, None]], axis=1) / self._scale()
        left = jnp.concatenate([foods, snapshot.food_levels[:, None]], axis=1) / self._scale()
        left = left * (snapshot.food_levels > 0)[:, None]
        used = snapshot.time / self.spec.limit
        beside = self._food_layer(snapshot)[snapshot.players[:, None] + board.around[None, :]].sum(1)
        possible = self._possible(snapshot)
        return Observation(
            obs=jnp.concatenate([food_view, player_view], axis=1),
            state=jnp.concatenate([left.ravel(), each.ravel(), used[None]]),
            units=jnp.concatenate([each, (beside / self._scale()[0, 2])[:, None]], axis=1),
            avail=possible if self.masked else jnp.ones_like(possible),
            alive=jnp.ones(n_agents, bool),
        )

    def scene(self, snapshot: Forage) -> Scene:
        """The board; numbers are levels."""
        board, n_agents = self.board, self.spec.n_agents
        players, foods = middles(board, snapshot.players), middles(board, snapshot.foods)
        players = players + side_by_side(snapshot.players)
        growing = snapshot.food_levels > 0
        most = self._most_food
        bar = jnp.array([[-0.34, -0.45]]), jnp.array([[0.34, -0.27]])
        strength = jnp.zeros(board.cells, jnp.int32).at[snapshot.players].add(snapshot.levels)
        near = strength[snapshot.foods[:, None] + board.around[None, :]].sum(1)
        enough = Rectangles(
            foods + bar[0],
            foods + bar[1],
            full=jnp.minimum(near / jnp.maximum(snapshot.food_levels, 1), 1.0),
            fill=Tone.ACCENT,
            outline=Tone.INK,
            visible=growing,
        )
        marks = Circles(
            jnp.concatenate([foods, players]),
            np.repeat([0.42, 0.36], [self.foods, n_agents]),
            fill=np.repeat([int(Tone.GOOD), int(Tone.OURS)], [self.foods, n_agents]),
            sides=np.repeat([3, 0], [self.foods, n_agents]),
            visible=jnp.concatenate([growing, jnp.ones(n_agents, bool)]),
        )
        texts = counts("", max(most, self.max_player_level))
        levels = Labels(
            jnp.concatenate([foods, players]) + jnp.array([[0.0, -0.02]]),
            texts,
            size=0.36,
            which=jnp.minimum(jnp.concatenate([snapshot.food_levels, snapshot.levels]), len(texts) - 1),
            tone=Tone.PAPER,
            visible=jnp.concatenate([growing, jnp.ones(n_agents, bool)]),
        )
        counted = Labels(
            np.array([[0.0, board.size * 1.04]]),
            tuple(f"food left: {k}" for k in range(self.foods + 1)),
            size=0.036 * board.size,
            which=growing.sum(),
            anchor="left",
        )
        return Scene(
            layers=(*ground(board), marks, levels, enough, counted),
            bounds=bounds(board),
            note="Triangles: food; circles: players; numbers: levels. A bar is full when those beside are enough.",
            agents=players,
        )

    @property
    def _most_food(self) -> int:
        """The greatest level that food can have."""
        together = min(TOGETHER, self.spec.n_agents) * self.max_player_level
        return together if self.max_food_level is None else self.max_food_level

    def _scale(self) -> Float[Array, "1 3"]:
        """The greatest row, column and level, which state and units are told in parts of."""
        greatest = float(max(self._most_food, self.max_player_level))
        return jnp.array([[self.board.size - 1.0, self.board.size - 1.0, greatest]])

    def _food_layer(self, forage: Forage) -> Float[Array, " P"]:
        return jnp.zeros(self.board.cells).at[forage.foods].add(forage.food_levels.astype(jnp.float32))

    def _possible(self, forage: Forage) -> Bool[Array, "N A"]:
        """Moves that stay on the board and off food; loading beside food; doing nothing."""
        food = self._food_layer(forage) > 0
        open_ = ~food & self.board.inside
        beside = food[forage.players[:, None] + self.board.around[None, :]].any(1)
        moves = open_[forage.players[:, None] + self._moves[None, 1:LOAD]]
        return jnp.concatenate([jnp.ones_like(beside)[:, None], moves, beside[:, None]], axis=1)

    def _grown(self, key: PRNGKeyArray, players: Int[Array, " N"]) -> tuple[Int[Array, " F"], Bool[Array, " F"]]:
        """Places of food, off the edge and apart from other food, and which of it there is room for."""
        board = self.board
        row, column = np.divmod(np.arange(board.cells), board.width)
        edge = np.minimum(row, column) <= board.rim
        far = board.rim + board.size - 1
        start = jnp.asarray(~edge & (row < far) & (column < far)).at[players].set(False)
        apart = np.concatenate([board.window(1), 2 * board.around])

        def one(
            free: Bool[Array, " P"], key: PRNGKeyArray
        ) -> tuple[Bool[Array, " P"], tuple[Int[Array, ""], Bool[Array, ""]]]:
            luck = jnp.where(free, jax.random.uniform(key, free.shape), -1.0)
            place = jnp.argmax(luck).astype(jnp.int32)
            return jnp.where(free.any(), free.at[place + apart].set(False, mode="drop"), free), (place, free.any())

        _, (places, grows) = jax.lax.scan(one, start, jax.random.split(key, self.foods))
        return jnp.where(grows, places, board.place(0, 0)), grows


def _listed(
    where: Int[Array, "N n 2"], levels: Int[Array, " n"], seen: Bool[Array, "N n"], rank: Int[Array, "N n"]
) -> Float[Array, "N L"]:
    """Rows, columns and levels of what each sees, in the order of `rank`; then nothing."""
    each = jnp.concatenate([where, jnp.broadcast_to(levels[None, :, None], (*seen.shape, 1))], axis=2)
    shown = jnp.where(seen[..., None], each, jnp.array(NOTHING)[None, None])
    order = jnp.argsort(jnp.where(seen, rank, jnp.iinfo(jnp.int32).max), axis=1)
    return jnp.take_along_axis(shown, order[..., None], axis=1).reshape(seen.shape[0], -1)
