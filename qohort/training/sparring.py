"""Battles against a team that has been trained before."""

from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs import make
from qohort.envs.battle import names
from qohort.envs.battle.commander import Memory, against, other_side
from qohort.envs.battle.env import Battle
from qohort.errors import QohortError
from qohort.networks.base import AbstractTeam, View
from qohort.spec import Observation
from qohort.training.load import LoadedTeam, Which, load


class FrozenTeam(eqx.Module):
    """A greedy policy that learns no more."""

    network: AbstractTeam
    algorithm: AbstractAlgorithm = eqx.field(static=True)

    def first(self, agents: int) -> Memory:
        """What it remembers when an episode begins."""
        return self.network.initial(1), jnp.full((1, agents), -1, jnp.int32), jnp.ones(1, bool)

    def __call__(self, key: PRNGKeyArray, seen: Observation, memory: Memory) -> tuple[Int[Array, " N"], Memory]:
        carry, last, first = memory
        view = View(obs=seen.obs[None], avail=seen.avail[None], alive=seen.alive[None], last_action=last)
        actions, carry = self.algorithm.act(self.network, carry, view, first=first, key=key, exploration=jnp.zeros(()))
        actions = actions.astype(jnp.int32)
        return actions[0], (carry, actions, jnp.zeros_like(first))


def frozen_team(
    run: str | Path | LoadedTeam, env: str | Battle, *, seed: int | None = None, which: Which = "best"
) -> Battle:
    """A battle whose enemies are commanded by a trained team; its units see and act as the run's agents did.

    Args:
        run: a run folder, or what `qohort.load` returned.
        env: the battle, or its name.
        seed: which seed's team; the run's first if not given.
        which: the one with the best evaluation, or the newest one.
    """
    team = run if isinstance(run, LoadedTeam) else load(run, seed=seed, which=which)
    battle = make(env) if isinstance(env, str) else env
    if not isinstance(battle, Battle):
        raise QohortError(
            f"{battle.spec.name} is no battle, or one with `nearest`; a team can command enemies in all other battles."
        )
    face = other_side(battle)
    for what, has, needs in (
        ("agents", team.spec.n_agents, face.n_allies),
        ("actions", team.spec.n_actions, face.n_actions),
        ("features in an observation", team.spec.obs_size, len(names.observation(face))),
    ):
        if has != needs:
            raise QohortError(
                f"The team was trained on {team.spec.name} and has {has} {what}; as the enemies of "
                f"{battle.spec.name} it would need {needs}."
            )
    policy = FrozenTeam(team.network, team.algorithm)
    return against(battle, policy, policy.first(face.n_allies))
