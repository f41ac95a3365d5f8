"""Cooperative treasure collection: collectors bring treasures of several kinds to the banks that take them."""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.options import at_least, one_of, within
from qohort.envs.particles.physics import MOVES, Discs, advance, length, offsets
from qohort.envs.particles.treasure_scene import draw
from qohort.envs.particles.treasure_state import EMPTY, TreasureState
from qohort.scene import Scene
from qohort.spec import EnvSpec, Observation, Outcome

COLLECTOR, BANK, TREASURE = 0.05, 0.075, 0.025
"""Radii."""
BANK_MASS = 2.25
BOUND = 0.95
"""Treasures lie in a square from -BOUND to BOUND."""


class Treasure(AbstractEnv):
    """Iqbal and Sha 2019 (MAAC), section 4.1, by the rules of their code.

    A collector that holds nothing and touches a treasure takes it; if it touches the bank of the treasure's kind, it
    hands it over. Every agent gets `prize` for each pair of an empty collector and a treasure that touch, and for each
    collector that touches the bank of what it holds. A collector gets `collision` for each other collector that it
    touches, and loses `shaping` times its distance to the nearest treasure, or to the bank of what it holds. A bank
    loses `shaping` times the distance to the nearest collector that holds its kind; if there is none, to the middle
    of the `sight` nearest collectors. A treasure that was taken comes back a step later, somewhere, as any kind.

    Everyone sees itself and the `sight` nearest others and treasures, in the order of their distance. There is no end
    but the time limit. The metrics count what was `collected` and `deposited`, and the `collisions` of two collectors.

    Differences from the authors' code:
        Observations are of the moment after treasures changed hands; there, of the moment before it.
        A treasure that is not there is seen as zeros, and nobody is shaped towards it; there, it is far outside.
        All agents have observations of one form: each sees what it holds and what it takes. There, only collectors see
        what they hold, and banks have shorter observations.
        An acceleration of 1.5 enters their equations twice; `acceleration` is the product.
    """

    spec: EnvSpec = eqx.field(static=True)
    discs: Discs
    prize: Float[Array, ""]
    collision: Float[Array, ""]
    shaping: Float[Array, ""]
    respawn: Float[Array, ""]
    collectors: int = eqx.field(static=True)
    treasures: int = eqx.field(static=True)
    sight: int = eqx.field(static=True)

    def __init__(
        self,
        *,
        collectors: int = 6,
        banks: int = 2,
        treasures: int = 6,
        sight: int = 7,
        limit: int = 100,
        prize: float = 5.0,
        collision: float = -5.0,
        shaping: float = 0.1,
        respawn: float = 1.0,
        acceleration: float = 2.25,
        top_speed: float = 1.0,
        reward: Literal["individual", "team"] = "individual",
    ) -> None:
        """Fill the square.

        Args:
            collectors: how many there are.
            banks: how many there are, and so the kinds of treasures.
            treasures: how many there are at a time.
            sight: how many others, and how many treasures, an agent sees at most.
            limit: the steps of an episode.
            prize: what everyone gets for a treasure taken, and for one handed over.
            collision: what a collector gets for each other collector that it touches.
            shaping: what a distance of 1 to where one should go costs.
            respawn: the probability that a treasure that is not there comes back, each step.
            acceleration: of an agent that moves, per second.
            top_speed: of all agents, per second.
            reward: `individual` is each agent's own; `team` is the sum of them.
        """
        name = "particles/treasure"
        at_least(name, 1, collectors=collectors, banks=banks, treasures=treasures, sight=sight, limit=limit)
        within(name, 0.0, math.inf, prize=prize, shaping=shaping, acceleration=acceleration, top_speed=top_speed)
        within(name, -math.inf, 0.0, collision=collision)
        within(name, 0.0, 1.0, respawn=respawn)
        one_of(name, ("individual", "team"), reward=reward)
        self.collectors, self.treasures, self.sight = collectors, treasures, sight
        self.prize, self.collision = jnp.float32(prize), jnp.float32(collision)
        self.shaping, self.respawn = jnp.float32(shaping), jnp.float32(respawn)
        self.discs = Discs(
            radius=jnp.array([COLLECTOR] * collectors + [BANK] * banks),
            mass=jnp.array([1.0] * collectors + [BANK_MASS] * banks),
            acceleration=jnp.float32(acceleration),
            top_speed=jnp.float32(top_speed),
            solid=True,
        )
        agents = (*(f"collector {i + 1}" for i in range(collectors)), *(f"bank {k + 1}" for k in range(banks)))
        kinds = tuple(f"kind {k + 1}" for k in range(banks))
        role = (*(f"takes {kind}" for kind in kinds), *(f"holds {kind}" for kind in kinds))
        own = ("x", "y", "x velocity", "y velocity", *role)
        other = ("x offset", "y offset", "x velocity", "y velocity", *role)
        lying = ("there", "x", "y", *kinds)
        self.spec = EnvSpec(
            name=name,
            agents=agents,
            actions=MOVES,
            obs_features=(
                *own,
                *(f"other {i + 1}: {feature}" for i in range(min(sight, len(agents) - 1)) for feature in other),
                *(
                    f"treasure {i + 1}: {feature}"
                    for i in range(min(sight, treasures))
                    for feature in ("x offset", "y offset", *kinds)
                ),
            ),
            state_features=(
                "time used",
                *(f"{agent}: {feature}" for agent in agents for feature in own),
                *(f"treasure {i + 1}: {feature}" for i in range(treasures) for feature in lying),
            ),
            unit_features=own,
            limit=limit,
            metrics=("collected", "deposited", "collisions"),
            no_op=0,
            reward=reward,
            groups=("collector",) * collectors + ("bank",) * banks,
        )

    @property
    def banks(self) -> int:
        """How many there are, and so how many kinds of treasures."""
        return self.spec.n_agents - self.collectors

    def reset(self, key: PRNGKeyArray) -> TreasureState:
        agents_key, treasures_key, kind_key = jax.random.split(key, 3)
        n_agents, zero = self.spec.n_agents, jnp.int32(0)
        return TreasureState(
            position=jax.random.uniform(agents_key, (n_agents, 2), minval=-1.0, maxval=1.0),
            velocity=jnp.zeros((n_agents, 2)),
            holding=jnp.full(self.collectors, EMPTY, jnp.int32),
            lying=jax.random.uniform(treasures_key, (self.treasures, 2), minval=-BOUND, maxval=BOUND),
            kind=jax.random.randint(kind_key, (self.treasures,), 0, self.banks),
            there=jnp.ones(self.treasures, bool),
            time=zero,
            collected=zero,
            deposited=zero,
            collisions=zero,
        )

    def step(self, key: PRNGKeyArray, state: TreasureState, actions: Int[Array, " N"]) -> tuple[TreasureState, Outcome]:
        position, velocity = advance(self.discs, state.position, state.velocity, actions)
        moved = eqx.tree_at(lambda s: (s.position, s.velocity), state, (position, velocity))
        collectors, banks = position[: self.collectors], position[self.collectors :]
        to_treasure = jnp.where(state.there[None, :], length(offsets(collectors, state.lying)), jnp.inf)
        to_bank = length(offsets(collectors, banks))
        to_other = length(offsets(collectors, collectors))
        bumps = (to_other < 2 * COLLECTOR) & ~jnp.eye(self.collectors, dtype=bool)
        picks = (to_treasure < COLLECTOR + TREASURE) & (state.holding == EMPTY)[:, None]
        at_bank = to_bank < COLLECTOR + BANK
        carries = state.holding[:, None] == jnp.arange(self.banks)[None, :]
        everyone = self.prize * (picks.sum() + (at_bank & carries).sum())
        each = everyone + jnp.concatenate(
            [
                self.collision * bumps.sum(axis=1) - self.shaping * _to_goal(to_treasure, to_bank, carries),
                -self.shaping * self._to_customers(collectors, banks, carries),
            ]
        )
        reached = self._exchange(key, moved, picks, at_bank)
        reached = eqx.tree_at(lambda s: s.collisions, reached, state.collisions + bumps.sum() // 2)
        return reached, Outcome(
            reward=each if self.spec.reward == "individual" else each.sum(keepdims=True),
            terminated=jnp.array(False),
            truncated=reached.time >= self.spec.limit,
            metrics={name: getattr(reached, name).astype(jnp.float32) for name in self.spec.metrics},
        )

    def snapshot(self, state: TreasureState) -> TreasureState:
        return state

    def observe(self, snapshot: TreasureState) -> Observation:
        n_agents = self.spec.n_agents
        kinds = jnp.arange(self.banks)
        holds = snapshot.holding[:, None] == kinds[None, :]
        takes = jnp.eye(self.banks, dtype=bool)
        role = jnp.concatenate(
            [
                jnp.concatenate([jnp.zeros_like(holds), holds], axis=1),
                jnp.concatenate([takes, jnp.zeros_like(takes)], axis=1),
            ],
            dtype=jnp.float32,
        )
        units = jnp.concatenate([snapshot.position, snapshot.velocity, role], axis=1)
        others = self._nearest_others(snapshot, role).reshape(n_agents, -1)
        treasures = self._nearest_treasures(snapshot).reshape(n_agents, -1)
        there = snapshot.there[:, None]
        of_kind = snapshot.kind[:, None] == kinds[None, :]
        lying = jnp.where(there, jnp.concatenate([there, snapshot.lying, of_kind], axis=1, dtype=jnp.float32), 0.0)
        used = (snapshot.time / self.spec.limit)[None]
        return Observation(
            obs=jnp.concatenate([units, others, treasures], axis=1),
            state=jnp.concatenate([used, units.ravel(), lying.ravel()], dtype=jnp.float32),
            units=units,
            avail=jnp.ones((n_agents, len(MOVES)), bool),
            alive=jnp.ones(n_agents, bool),
        )

    def scene(self, snapshot: TreasureState) -> Scene:
        """The square from above."""
        return draw(snapshot, radius=self.discs.radius, treasure=TREASURE)

    def _to_customers(
        self, collectors: Float[Array, "C 2"], banks: Float[Array, "K 2"], carries: Bool[Array, "C K"]
    ) -> Float[Array, " K"]:
        """How far a bank is from the nearest collector that holds its kind, or else from the middle of the nearest."""
        away = offsets(banks, collectors)
        distance = length(away)
        _, near = jax.lax.top_k(-distance, min(self.sight, self.collectors))
        middle = jnp.take_along_axis(away, near[:, :, None], axis=1).mean(axis=1)
        nearest = jnp.where(carries.T, distance, jnp.inf).min(axis=1)
        return jnp.where(carries.any(axis=0), nearest, length(middle))

    def _exchange(
        self, key: PRNGKeyArray, state: TreasureState, picks: Bool[Array, "C T"], at_bank: Bool[Array, "C K"]
    ) -> TreasureState:
        """Treasures are taken, those that are missing come back, and collectors hand over what they hold."""

        def take(holding: Int[Array, " C"], treasure: tuple[Array, Array]) -> tuple[Int[Array, " C"], Array]:
            touches, kind = treasure
            takers = touches & (holding == EMPTY)
            first = takers & (jnp.cumsum(takers) == 1)
            return jnp.where(first, kind, holding), takers.any()

        holding, taken = jax.lax.scan(take, state.holding, (picks.T, state.kind))
        chance_key, place_key, kind_key = jax.random.split(key, 3)
        back = ~state.there & (jax.random.uniform(chance_key, (self.treasures,)) < self.respawn)
        places = jax.random.uniform(place_key, (self.treasures, 2), minval=-BOUND, maxval=BOUND)
        kinds = jax.random.randint(kind_key, (self.treasures,), 0, self.banks)
        given = (at_bank & (holding[:, None] == jnp.arange(self.banks)[None, :])).any(axis=1)
        return TreasureState(
            position=state.position,
            velocity=state.velocity,
            holding=jnp.where(given, EMPTY, holding),
            lying=jnp.where(back[:, None], places, state.lying),
            kind=jnp.where(back, kinds, state.kind),
            there=(state.there & ~taken) | back,
            time=state.time + 1,
            collected=state.collected + taken.sum(),
            deposited=state.deposited + given.sum(),
            collisions=state.collisions,
        )

    def _nearest_others(self, state: TreasureState, role: Float[Array, "N R"]) -> Float[Array, "N V F"]:
        n_agents = self.spec.n_agents
        away = offsets(state.position, state.position)
        distance = jnp.where(jnp.eye(n_agents, dtype=bool), jnp.inf, length(away))
        _, near = jax.lax.top_k(-distance, min(self.sight, n_agents - 1))
        where = jnp.take_along_axis(away, near[:, :, None], axis=1)
        return jnp.concatenate([where, state.velocity[near], role[near]], axis=-1)

    def _nearest_treasures(self, state: TreasureState) -> Float[Array, "N V F"]:
        away = offsets(state.position, state.lying)
        distance = jnp.where(state.there[None, :], length(away), jnp.inf)
        _, near = jax.lax.top_k(-distance, min(self.sight, self.treasures))
        where = jnp.take_along_axis(away, near[:, :, None], axis=1)
        features = jnp.concatenate([where, jax.nn.one_hot(state.kind, self.banks)[near]], axis=-1)
        return jnp.where(state.there[near][:, :, None], features, 0.0)


def _to_goal(
    to_treasure: Float[Array, "C T"], to_bank: Float[Array, "C K"], carries: Bool[Array, "C K"]
) -> Float[Array, " C"]:
    """How far each collector is from the nearest treasure, or from the bank of what it holds."""
    nearest = to_treasure.min(axis=1)
    bank = jnp.where(carries, to_bank, 0.0).sum(axis=1)
    return jnp.where(carries.any(axis=1), bank, jnp.where(jnp.isfinite(nearest), nearest, 0.0))
