"""A world of your own: two agents on a line of five cells have to meet. Complete, in pure JAX."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

import qohort

CELLS = 5


class Places(eqx.Module):
    cells: Int[Array, " N"]
    time: Int[Array, ""]


class Meet(qohort.AbstractEnv):
    spec: qohort.EnvSpec = eqx.field(static=True)

    def __init__(self, limit: int = 8) -> None:
        cells = tuple(f"cell {i}" for i in range(CELLS))
        self.spec = qohort.EnvSpec(
            name="mine/meet",
            agents=("left", "right"),
            actions=("stay", "go left", "go right"),
            obs_features=cells,
            state_features=(*cells, *(f"other's {cell}" for cell in cells)),
            unit_features=cells,
            limit=limit,
            metrics=("won",),
            no_op=0,
        )

    def reset(self, key: PRNGKeyArray) -> Places:
        cells = jax.random.choice(key, CELLS, (2,), replace=False)
        return Places(cells.astype(jnp.int32), jnp.int32(0))

    def step(self, key: PRNGKeyArray, state: Places, actions: Int[Array, " N"]) -> tuple[Places, qohort.Outcome]:
        moves = jnp.array([0, -1, 1])[actions]
        reached = Places(jnp.clip(state.cells + moves, 0, CELLS - 1).astype(jnp.int32), state.time + 1)
        met = reached.cells[0] == reached.cells[1]
        return reached, qohort.Outcome(
            reward=jnp.where(met, 1.0, -0.05)[None],
            terminated=met,
            truncated=~met & (reached.time >= self.spec.limit),
            metrics={"won": met.astype(jnp.float32)},
        )

    def snapshot(self, state: Places) -> Int[Array, " N"]:
        return state.cells

    def observe(self, snapshot: Int[Array, " N"]) -> qohort.Observation:
        where = jax.nn.one_hot(snapshot, CELLS)
        edges = jnp.stack([jnp.ones(2, bool), snapshot > 0, snapshot < CELLS - 1], axis=1)
        return qohort.Observation(obs=where, state=where.ravel(), units=where, avail=edges, alive=jnp.ones(2, bool))


if __name__ == "__main__":
    qohort.check_env(Meet())
    qohort.register("mine/meet", Meet)
    algorithm = qohort.ValueDecomposition(
        mixer=qohort.Qatten(heads=2),
        team=qohort.FeedForward(hidden=32),
        environments=8,
        update_every=8,
        epsilon=qohort.LinearSchedule(start=1.0, end=0.05, steps=4_000),
    )
    print(qohort.train(algorithm, "mine/meet", qohort.Run(steps=8_000, eval_every=4_000)).absolute)
