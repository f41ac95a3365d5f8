"""Communication is worth something where one knows what another must do."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.algorithms.ppo import PPO
from qohort.envs.base import AbstractEnv
from qohort.networks import Talking
from qohort.networks.critic import Critic
from qohort.replay.fresh import Fresh
from qohort.spec import EnvSpec, Observation, Outcome
from qohort.training.evaluation import evaluation_key
from qohort.training.programs import Programs


class SignalState(eqx.Module):
    bit: Int[Array, ""]
    time: Int[Array, ""]


class Signal(AbstractEnv):
    """The first agent sees a bit in the first of two steps; in the second, the other must name it.

    Nothing that the first one does reaches the other but messages. Whoever guesses is right half of the time.
    """

    spec: EnvSpec = eqx.field(static=True)

    def __init__(self) -> None:
        self.spec = EnvSpec(
            name="tests/signal",
            agents=("witness", "judge"),
            actions=("no", "yes"),
            obs_features=("no", "yes"),
            state_features=("no", "yes"),
            unit_features=("time",),
            limit=2,
        )

    def reset(self, key: PRNGKeyArray) -> SignalState:
        return SignalState(jax.random.randint(key, (), 0, 2), jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: SignalState, actions: Int[Array, " N"]) -> tuple[SignalState, Outcome]:
        over = state.time == 1
        right = over & (actions[1] == state.bit)
        reached = SignalState(state.bit, state.time + 1)
        return reached, Outcome(
            reward=right.astype(jnp.float32)[None], terminated=over, truncated=jnp.zeros((), bool), metrics={}
        )

    def snapshot(self, state: SignalState) -> SignalState:
        return state

    def observe(self, snapshot: SignalState) -> Observation:
        bit = jax.nn.one_hot(snapshot.bit, 2)
        seen = jnp.where(snapshot.time == 0, bit, 0.0)
        return Observation(
            obs=jnp.stack([seen, jnp.zeros(2)]),
            state=bit,
            units=jnp.full((2, 1), snapshot.time, jnp.float32),
            avail=jnp.ones((2, 2), bool),
            alive=jnp.ones(2, bool),
        )


TALKING = Talking(hidden=16, signature=4, message=4)
SILENT = dataclasses.replace(TALKING, rounds=0)
ACTORS = PPO(
    team=TALKING,
    critic=Critic(hidden=16, layers=1, memory=False),
    feed=Fresh(length=16, epochs=4),
    optimiser=dataclasses.replace(PPO().optimiser, learning_rate=5e-3),
    environments=16,
    backprop=None,
)


def judged(algorithm: PPO) -> float:
    """How often the team that 60 stretches have taught is right."""
    programs = Programs(algorithm, Signal(), chunk=16, together=False)
    state = programs.begin([0])
    for _ in range(60):
        state, _ = programs.chunk(state, exploration=1.0, learning_rate=5e-3)
    played = programs.evaluate(state.learner.params.team, [evaluation_key(0, 0)], episodes=512)
    return float(played["return"].mean())


@pytest.mark.slow
def test_messages_tell_what_nobody_else_can():
    assert judged(ACTORS) >= 0.99
    assert judged(dataclasses.replace(ACTORS, team=SILENT)) <= 0.55
