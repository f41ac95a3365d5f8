"""What a learner receives: a batch of stretches of time."""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Int

from qohort.networks.base import AbstractTeam, Carry, View
from qohort.spec import Observation


class Window(eqx.Module):
    """`T` steps and the frame after the last one.

    Learners accept any `valid` and compute the other rows as given. Carries reset at every `first`.
    """

    observations: Observation
    """`T+1 B ...`"""
    last_action: Int[Array, "T1 B N"]
    """What each agent did one step before; -1 where there was nothing."""
    first: Bool[Array, "T1 B"]
    """Whether an episode begins here."""
    actions: Int[Array, "T B N"]
    reward: Float[Array, "T B M"]
    terminated: Bool[Array, "T B"]
    truncated: Bool[Array, "T B"]
    valid: Bool[Array, "T B"]
    """Whether a decision was made here that the loss counts."""
    exploration: Float[Array, "T B"]
    """With which ε the action was drawn."""
    carry: Carry | None = None
    """What the agents remembered before the first frame, where that is kept; None begins without memory."""

    def columns(self, which: Int[Array, " C"]) -> "Window":
        """Some of the stretches."""
        steps = jax.tree.map(lambda leaf: leaf[:, which], dataclasses.replace(self, carry=None))
        return dataclasses.replace(steps, carry=jax.tree.map(lambda leaf: leaf[which], self.carry))

    def memory(self, team: AbstractTeam) -> Carry:
        """With what the unrolling of a team begins."""
        return team.initial(self.first.shape[1]) if self.carry is None else self.carry

    @property
    def view(self) -> View:
        """What the agents may look at."""
        seen = self.observations
        return View(obs=seen.obs, avail=seen.avail, alive=seen.alive, last_action=self.last_action)
