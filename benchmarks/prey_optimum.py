"""What the best team gains in `pursuit/qtran-prey`, exactly, and what random moves gain.

    python benchmarks/prey_optimum.py [--punishments 0.5 1.0 1.5]

Two predators and one prey on 5 x 5 cells make 13,800 states. Transitions come from the world's own rule of who moves
where; values of the 100 steps of an episode from the last step backwards. As a check of these transitions, random play
is valued in the same way and played in the world.
"""

import dataclasses
import itertools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import qohort
from qohort.envs.grids.qtran_prey import NEEDED, Chase, QtranPrey
from qohort.envs.grids.turns import ALWAYS, NEVER, in_turn

RESULTS = pathlib.Path(__file__).parent / "results" / "prey-optimum.json"
MOVES, WHO, EPISODES = 5, 3, 4096


@dataclasses.dataclass(frozen=True)
class Flags:
    punishments: tuple[float, ...] = (0.5, 1.0, 1.5)
    """Values of P."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write a row for each punishment."""
    rows = []
    for punishment in flags.punishments:
        env = qohort.make(f"pursuit/qtran-prey?punishment={punishment}")
        assert isinstance(env, QtranPrey)
        rules, returns = Rules(env), played(env)
        rows.append(
            {
                "punishment": punishment,
                "best": float(rules.values(punishment, steps=env.spec.limit, best=True).mean()),
                "random": float(rules.values(punishment, steps=env.spec.limit, best=False).mean()),
                "random_played": float(returns.mean()),
                "random_played_error": float(returns.std() / EPISODES**0.5),
            }
        )
        print(rows[-1])
    flags.out.write_text(json.dumps({"episodes": EPISODES, "rows": rows}, indent=1) + "\n")
    print(flags.out)


class Rules:
    """Every state, and where every joint move of predators and prey leads."""

    def __init__(self, env: QtranPrey) -> None:
        board = env.board
        cells = np.flatnonzero(np.asarray(board.inside))
        number = np.full(len(np.asarray(board.inside)), -1)
        number[cells] = np.arange(len(cells))
        self.cells = len(cells)
        self.states = np.array(list(itertools.permutations(range(self.cells), WHO)))
        moves = jnp.array([board.up, -1, 0, 1, board.down])
        joint = jnp.array(list(itertools.product(range(MOVES), repeat=WHO)))

        def led(places: jax.Array, move: jax.Array) -> tuple[jax.Array, jax.Array]:
            reached = in_turn(
                places,
                (places + moves[move])[:, None],
                jnp.arange(WHO),
                jnp.where(board.inside, NEVER, ALWAYS),
                moving=jnp.ones(WHO, bool),
                follow=True,
            )
            near = board.layer(reached[:2], jnp.ones(2, bool))[reached[2] + board.around].sum()
            return reached, near

        every = jax.jit(jax.vmap(jax.vmap(led, in_axes=(None, 0)), in_axes=(0, None)))
        reached, near = every(jnp.asarray(cells)[self.states], joint)
        self.reached = number[np.asarray(reached)]
        self.near = np.asarray(near)

    def values(self, punishment: float, *, steps: int, best: bool) -> np.ndarray:
        """The return from every state, of the best joint moves or of random ones."""
        value = np.zeros(len(self.states))
        for _ in range(steps):
            moves = self.looked_ahead(value, punishment)
            value = moves.max(axis=-1) if best else moves.mean(axis=-1)
        return value

    def worth(self, moves: np.ndarray, punishment: float, *, steps: int) -> float:
        """The mean return of a team that makes this joint move in each state, by its number."""
        places = (len(self.states), MOVES**2, MOVES)
        made = np.arange(len(self.states)), moves
        reached, near = self.reached.reshape(*places, WHO)[made], self.near.reshape(places)[made]
        value = np.zeros(len(self.states))
        for _ in range(steps):
            value = self._followed(value, reached, near, punishment).mean(axis=-1)
        return float(value.mean())

    def looked_ahead(self, value: np.ndarray, punishment: float, *, gamma: float = 1.0) -> np.ndarray:
        """What every joint move of the predators is worth in every state, if `value` is what states are worth."""
        ahead = self._followed(value, self.reached, self.near, punishment, gamma=gamma)
        return ahead.reshape(len(value), MOVES**2, MOVES).mean(axis=-1)

    def _followed(
        self, value: np.ndarray, reached: np.ndarray, near: np.ndarray, punishment: float, *, gamma: float = 1.0
    ) -> np.ndarray:
        """Reward and value of the next state, where everybody has reached these cells, so many of them near prey."""
        reward = np.where(near >= NEEDED, 1.0, np.where(near == 1, -punishment, 0.0))
        first, second, prey = np.moveaxis(reached, -1, 0)
        table = np.zeros((self.cells,) * WHO)
        table[tuple(self.states.T)] = value
        stays = table[first, second, prey]
        anew = (table.sum(axis=-1)[first, second] - stays) / (self.cells - WHO)  # back in a cell that was free
        return reward + gamma * np.where(near >= NEEDED, anew, stays)


def played(env: QtranPrey) -> np.ndarray:
    """Returns of random play."""

    def episode(key: jax.Array) -> jax.Array:
        begin, play = jax.random.split(key)

        def step(state: Chase, key: jax.Array) -> tuple[Chase, jax.Array]:
            act, go = jax.random.split(key)
            state, outcome = env.step(go, state, jax.random.randint(act, (2,), 0, MOVES))
            return state, outcome.reward[0]

        return jax.lax.scan(step, env.reset(begin), jax.random.split(play, env.spec.limit))[1].sum()

    return np.asarray(jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), EPISODES)))


if __name__ == "__main__":
    main(tyro.cli(Flags))
