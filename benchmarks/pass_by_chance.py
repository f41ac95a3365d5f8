"""How often random moves get through `rooms/pass`, and how fast the best team does, exactly.

    python benchmarks/pass_by_chance.py [--sizes 5 7 9 11 15]

Two agents on so few cells can be counted: the chances of all pairs of places are carried forward step by step, and the
steps that are left at best are found backwards. As a check, random play in the world itself is told beside it.
"""

import dataclasses
import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float, Int

import qohort
from qohort.envs.grids.passage import Passage, Walk

RESULTS = pathlib.Path(__file__).parent / "results" / "pass-by-chance.json"
EPISODES = 20_000


@dataclasses.dataclass(frozen=True)
class Flags:
    sizes: tuple[int, ...] = (5, 7, 9, 11, 15)
    """Rows of the board."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write a row for each size."""
    rows = []
    for size in flags.sizes:
        env = qohort.make(f"rooms/pass?size={size}")
        assert isinstance(env, Passage)
        following, chance, starts, done = transitions(env)
        rows.append(
            {
                "size": size,
                "limit": env.spec.limit,
                "random": by_chance(following, chance, starts, done, env.spec.limit),
                "random_played": float(played(env, jax.random.key(0)).mean()),
                "best_steps": at_best(following, starts, done),
            }
        )
        print(rows[-1], flush=True)
    flags.out.write_text(json.dumps({"episodes": EPISODES, "rows": rows}, indent=1) + "\n")
    print(flags.out)


def transitions(
    env: Passage,
) -> tuple[Int[np.ndarray, "S J"], Float[np.ndarray, "S J"], Int[np.ndarray, " B"], Int[np.ndarray, " D"]]:
    """Where each joint action leads from each pair of places, its chance, where episodes begin and where they end."""
    board = env.board
    pairs = np.stack(np.meshgrid(board.inner, board.inner, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.int32)
    number = np.full((board.cells, board.cells), -1)
    number[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
    joint = np.stack(np.meshgrid(*[np.arange(env.spec.n_actions)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)

    def rules(pair: Int[Array, "2"]) -> tuple[Int[Array, "J 2"], Array]:
        here = Walk(pair, jnp.int32(0))
        avail = env.observe(here).avail
        each = avail / avail.sum(1, keepdims=True)
        reached = jax.vmap(lambda actions: env.step(jax.random.key(0), here, actions)[0].agents)(jnp.asarray(joint))
        return reached, each[0][joint[:, 0]] * each[1][joint[:, 1]]

    reached, chance = map(np.asarray, jax.jit(jax.vmap(rules))(jnp.asarray(pairs)))
    columns = pairs % board.width - board.rim
    starts, done = np.flatnonzero((columns < env.wall).all(1)), np.flatnonzero((columns > env.wall).all(1))
    return number[reached[..., 0], reached[..., 1]], chance, starts, done


def by_chance(
    following: Int[np.ndarray, "S J"],
    chance: Float[np.ndarray, "S J"],
    starts: Int[np.ndarray, " B"],
    done: Int[np.ndarray, " D"],
    limit: int,
) -> float:
    """The share of episodes that end in time, if each agent takes any available action with equal chance."""
    here, won = np.zeros(len(following)), 0.0
    here[starts] = 1 / len(starts)
    for _ in range(limit):
        here = np.bincount(following.ravel(), (here[:, None] * chance).ravel(), minlength=len(here))
        won += here[done].sum()
        here[done] = 0
    return float(won)


def at_best(following: Int[np.ndarray, "S J"], starts: Int[np.ndarray, " B"], done: Int[np.ndarray, " D"]) -> float:
    """The mean over beginnings of the fewest steps to the end."""
    left = np.full(len(following), np.inf)
    left[done] = 0
    while True:
        shorter = np.minimum(left, 1 + left[following].min(1))
        if (shorter == left).all():
            return float(left[starts].mean())
        left = shorter


@eqx.filter_jit
def played(env: Passage, key: Array) -> Array:
    """Whether random episodes in the world are won."""

    def episode(key: Array) -> Array:
        first, *keys = jax.random.split(key, env.spec.limit + 1)

        def play(carry: tuple[Walk, Array, Array], key: Array) -> tuple[tuple[Walk, Array, Array], None]:
            state, over, won = carry
            avail = env.observe(env.snapshot(state)).avail
            actions = jax.random.categorical(key, jnp.where(avail, 0.0, -jnp.inf))
            state, outcome = env.step(key, state, actions)
            return (state, over | outcome.terminated, won | (outcome.terminated & ~over)), None

        start = (env.reset(first), jnp.zeros((), bool), jnp.zeros((), bool))
        return jax.lax.scan(play, start, jnp.stack(keys))[0][2]

    return jax.vmap(episode)(jax.random.split(key, EPISODES))


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
