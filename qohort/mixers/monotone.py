"""A monotone mixer without a blind spot: every table that is monotone is within its reach.

QMIX's hidden layer of ELUs is convex, so its tables are monotone *and supermodular*: AND, but not OR. This mixer
takes a smooth maximum, over groups k, of smooth minima, over pieces j, of sums with non-negative weights:

    z_{kj} = |W_{kj}(s)|ᵀ Q + b_{kj}(s)
    Q_tot = smax_k smin_j z_{kj} + V(s)
    smax_k x_k = (1/t) log( (1/K) Σ_k exp(t x_k) ),    smin_j x_j = −smax_j(−x_j)

Sill, *Monotonic networks*, NeurIPS 1997, for maxima of minima; Igel, *Smooth min-max monotonic networks*, ICML 2024,
arXiv:2306.01147, for the smooth ones, in which every piece keeps a gradient. The state produces W, b and V as in
QMIX; the two sharpnesses t are learned.

*IGM.* ∂Q_tot/∂Q_i is a mean of weights |W_{kji}| with positive shares, hence never negative.

*Every monotone table.* Let T be a table that does not fall when an agent goes to a later action of its order, and let
r_i(u_i) = 0, 1, ... be that order, taken as utilities. Take one group for each joint action p, with the pieces

    T(p),    and for each agent i    T(p) + β (Q_i − r_i(p_i)),  β = max T − min T

If u is nowhere below p, the least piece is T(p); else it is at most T(p) − β ≤ min T. The greatest of the groups is
therefore the greatest T(p) among the p that u is nowhere below, which is T(u). Smooth maxima and minima come as near
as one likes: a smooth maximum of K values is below the true one by at most log(K)/t. This takes N + 1 pieces and at
most as many groups as there are joint actions; the defaults are as wide as QMIX's hidden layer.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.hyper import Feed, fed, feed_size, layer_sizes
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Monotone(AbstractMixerConfig):
    """A smooth maximum of minima of weighted sums: every monotone table, OR as well as AND."""

    groups: int = 8
    """Sums are gathered in so many groups; the greatest group counts."""
    pieces: int = 4
    """Sums in a group, of which the least counts."""
    hypernet_layers: Literal[1, 2] = 2
    """Linear layers of the hypernetwork that produces weights."""
    hypernet_hidden: int = 64
    """Hidden units of this hypernetwork when it has 2 layers."""
    embed: int = 32
    """Hidden units of the value of the state."""
    sharpness: float = 1.0
    """t of the smooth maximum and minimum at the beginning; both are learned."""
    feed: Feed = "state"
    """What the hypernetworks read: the state, or all agents' observations joined."""
    norm: bool = False
    """Whether the hypernetworks' hidden units are normalised (LayerNorm)."""

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("groups", "pieces", "hypernet_hidden", "embed")}
        at_least(1, of="Monotone", **sizes)
        at_least(1e-3, of="Monotone", sharpness=self.sharpness)
        choices(self, of="Monotone")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "MonotoneMixer":
        weight_key, bias_key, value_key = jax.random.split(key, 3)
        inputs, sums = feed_size(self.feed, spec), self.groups * self.pieces
        sizes = layer_sizes(inputs, sums * spec.n_agents, self.hypernet_layers, self.hypernet_hidden)
        return MonotoneMixer(
            weights=Perceptron(sizes, weight_key, norm=self.norm),
            bias=Perceptron((inputs, sums), bias_key, norm=self.norm),
            value=Perceptron((inputs, self.embed, 1), value_key, norm=self.norm),
            log_sharpness=jnp.full(2, jnp.log(self.sharpness), float),
            groups=self.groups,
            feed=self.feed,
        )


class MonotoneMixer(AbstractMixer):
    """The sources of weights, and the sharpnesses."""

    weights: Perceptron
    """W: groups, pieces and agents, in this order."""
    bias: Perceptron
    """b: groups, then pieces."""
    value: Perceptron
    """V."""
    log_sharpness: Float[Array, " 2"]
    """log t of the maximum over groups and of the minimum over pieces."""
    groups: int = eqx.field(static=True)
    feed: Feed = eqx.field(static=True)
    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        read = fed(self.feed, observation)
        weights = jnp.abs(self.weights(read)).reshape(-1, chosen.shape[0])
        sums = (weights @ chosen + self.bias(read)).reshape(self.groups, -1)
        sharpness = jnp.exp(self.log_sharpness)
        least = -smooth_maximum(-sums, sharpness[1])
        value = self.value(read)
        return MixerOutput(
            q_tot=smooth_maximum(least, sharpness[0])[None] + value,
            regulariser=jnp.zeros((), chosen.dtype),
            aux={"group_values": least, "state_value": value[0]},
        )


def smooth_maximum(values: Float[Array, "*rows K"], sharpness: Float[Array, ""]) -> Float[Array, "*rows"]:
    """The logarithm of a mean of exponentials: at most the maximum, and within log(K)/t of it."""
    mean = jax.nn.logsumexp(sharpness * values, axis=-1) - jnp.log(values.shape[-1])
    return mean / sharpness
