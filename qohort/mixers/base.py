"""The contract of a mixer: from the agents' utilities to the value of the joint action."""

import abc

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.spec import EnvSpec, Observation


class MixerOutput(eqx.Module):
    """What a mixer makes of the utilities in one moment."""

    q_tot: Float[Array, " M"]
    """The value of the joint action; one for each agent where nothing is mixed (IQL)."""
    regulariser: Float[Array, ""]
    """This row's share of a penalty that joins the loss, its coefficient included; 0 if there is none."""
    aux: dict[str, Float[Array, "..."]]
    """What one would want to look at: attention weights, head values, and so on."""


class AbstractMixer(eqx.Module):
    """A mixer, with its weights. It knows neither time nor batch and is vmapped."""

    regularise_padding: eqx.AbstractVar[bool]
    """Whether the penalty is averaged over padded rows too, as some published code does."""

    @abc.abstractmethod
    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        """Mix the utilities.

        Args:
            chosen: the utilities of `actions`.
            best: each agent's greatest utility over its available actions.
            observation: the moment in which the agents act; a mixer reads the centralised parts.
            actions: the joint action whose value is asked for.
        """


class AbstractMixerConfig(abc.ABC):
    """Settings of a mixer; a frozen dataclass."""

    @abc.abstractmethod
    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> AbstractMixer:
        """Draw the weights for a world."""
