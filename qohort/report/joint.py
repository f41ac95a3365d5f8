"""What a mixer made of the utilities in an episode, and how much each of them counted."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qohort.mixers.base import AbstractMixer, MixerOutput
from qohort.spec import Observation


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Joint:
    """Joint values over the steps of an episode."""

    q_tot: Float[np.ndarray, "T M"]
    slopes: Float[np.ndarray, "T N"] | None
    """∂Q_tot/∂Q_i at what was done: what one more unit of an agent's utility is worth to the team. In Qatten it is
    Σ_h w_h λ_{i,h}. None where nothing is mixed."""
    aux: dict[str, Float[np.ndarray, "T ..."]]
    """What the mixer gives to be looked at: attention, head values, the value of the state."""

    def rest(self, chosen: Float[np.ndarray, "T N"]) -> Float[np.ndarray, " T"] | None:
        """Q_tot less every agent's slope times its utility: c(s), in a mixer that is linear in the utilities."""
        return None if self.slopes is None else self.q_tot[:, 0] - (self.slopes * chosen).sum(axis=1)


def joint(
    mixer: AbstractMixer,
    chosen: Float[Array, "T N"],
    observation: Observation,
    actions: Int[Array, "T N"],
) -> Joint:
    """Mix the utilities of greedy actions, which are each agent's best ones at the same time."""
    out, slopes = jax.jit(jax.vmap(_mixed, in_axes=(None, 0, 0, 0)))(mixer, chosen, observation, actions)
    return Joint(
        q_tot=np.asarray(out.q_tot),
        slopes=np.asarray(slopes) if out.q_tot.shape[-1] == 1 else None,
        aux={name: np.asarray(value) for name, value in out.aux.items()},
    )


def _mixed(
    mixer: AbstractMixer, chosen: Float[Array, " N"], observation: Observation, actions: Int[Array, " N"]
) -> tuple[MixerOutput, Float[Array, " N"]]:
    def total(chosen: Float[Array, " N"]) -> tuple[Float[Array, ""], MixerOutput]:
        out = mixer(chosen, chosen, observation, actions)
        return jnp.sum(out.q_tot), out

    slopes, out = jax.grad(total, has_aux=True)(chosen)
    return out, slopes
