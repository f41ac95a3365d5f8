"""A world in which everyone's part is known, and a team whose utilities are given."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.analyse.subject import Subject
from qohort.envs.base import AbstractEnv
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig
from qohort.networks.base import AbstractTeam, Carry, TeamOutput, View
from qohort.networks.feedforward import FeedForward
from qohort.replay.samplers import Replayed
from qohort.spec import EnvSpec, Observation, Outcome

REST, WORK = 0, 1
WORTH = (1.0, 2.0, 4.0)
BONUS = 3.0
"""If the first two work at the same time."""


class Watch(eqx.Module):
    health: Float[Array, "3"]
    time: Int[Array, ""]


class Guard(AbstractEnv):
    """Three guards; each who works earns its worth, the first two together a bonus. Each step costs a point of health.

    They begin with 2, 3 and 4 points; the dead can only rest. The watch ends after four steps.
    """

    spec: EnvSpec = eqx.field(static=True)
    luck: float = eqx.field(static=True)
    """Normal noise of this size is added to every reward."""

    def __init__(self, luck: float = 0.0) -> None:
        self.luck = luck
        self.spec = EnvSpec(
            name="tests/guard",
            agents=("page", "squire", "knight"),
            actions=("rest", "work"),
            obs_features=("health",),
            state_features=("time",),
            unit_features=("health", "rank", "same"),
            limit=4,
            groups=("young", "young", "old"),
        )

    def reset(self, key: PRNGKeyArray) -> Watch:
        return Watch(health=jnp.array([2.0, 3.0, 4.0]), time=jnp.int32(0))

    def step(self, key: PRNGKeyArray, state: Watch, actions: Int[Array, " N"]) -> tuple[Watch, Outcome]:
        works = ((actions == WORK) & (state.health > 0)).astype(jnp.float32)
        reward = works @ jnp.array(WORTH) + BONUS * works[0] * works[1]
        reward = reward + self.luck * jax.random.normal(key)
        reached = Watch(health=jnp.maximum(state.health - 1.0, 0.0), time=state.time + 1)
        over = reached.time >= 4
        return reached, Outcome(reward=reward[None], terminated=over, truncated=~over & over, metrics={})

    def snapshot(self, state: Watch) -> Watch:
        return state

    def observe(self, snapshot: Watch) -> Observation:
        alive = snapshot.health > 0
        living = alive.astype(jnp.float32)
        units = jnp.stack([snapshot.health, jnp.array([3.0, 1.0, 2.0]) * living, living], axis=-1)
        return Observation(
            obs=snapshot.health[:, None],
            state=snapshot.time.astype(jnp.float32)[None],
            units=units,
            avail=jnp.stack([jnp.ones(3, bool), alive], axis=-1),
            alive=alive,
        )

    def traits(self, before: Watch, after: Watch) -> dict[str, Float[Array, "3"]]:
        return {"lost": before.health - after.health}


class Given(AbstractTeam):
    """A team without memory whose utilities are always the same."""

    values: Float[Array, "N A"]

    @property
    def talks(self) -> bool:
        return False

    def initial(self, batch: int) -> Carry:
        return jnp.zeros((batch, len(self.values)))

    def __call__(self, carry: Carry, view: View, first: Bool[Array, "T B"]) -> tuple[TeamOutput, Carry]:
        rows = first.shape
        values = jnp.broadcast_to(self.values, (*rows, *self.values.shape))
        return TeamOutput(values=values, features=jnp.zeros((*rows, len(self.values), 1))), carry


def subject_of(
    env: AbstractEnv, values: Any, mixer: AbstractMixerConfig, built: AbstractMixer | None = None, *, seed: int = 0
) -> Subject:
    """A team with these utilities under a mixer of these settings, as it is drawn or as it is given."""
    algorithm = ValueDecomposition(
        mixer=mixer, team=FeedForward(hidden=4), feed=Replayed(batch=2, episodes=4), environments=2
    )
    return Subject(
        run=Path("runs/by-hand"),
        seed=seed,
        step=1000,
        name="by-hand",
        world=env.spec.name,
        env=env,
        algorithm=algorithm,
        team=Given(jnp.asarray(values, jnp.float32)),
        mixer=built or mixer.build(env.spec, jax.random.key(seed)),
    )
