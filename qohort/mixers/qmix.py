"""QMIX: a mixing network with non-negative weights that the state produces.

Rashid et al., *QMIX: monotonic value function factorisation for deep multi-agent reinforcement
learning*, ICML 2018, arXiv:1803.11485.

    ∂Q_tot/∂Q_i ≥ 0 for every agent i                                  (eq. 5)
    Q_tot = |w_2(s)|ᵀ ELU(|W_1(s)| Q + b_1(s)) + V(s)                   (figure 2, section 4)

W_1, b_1 and w_2 are linear in the state, or have one hidden layer (`hypernet_layers`); V has one.

Controls of section 6.2: `state=False` is QMIX-NS, whose weights and biases are learned as they are;
`linear=True` is QMIX-Lin, without the hidden layer: Q_tot = |w(s)|ᵀ Q + V(s). `sign="free"` leaves |·| out, the
control of Hu et al. 2021 (PyMARL2) for what monotonicity is worth.

*Differences from the paper*

- The weights' hypernetworks are one linear layer in the paper; the default here is two, as in the settings
  published for SMAC (Samvelyan et al. 2019). `hypernet_layers=1` is the paper's.
- `feed="observations"`, `norm` and other signs than `abs` are not in the paper.
- Where the paper says that QMIX represents every monotonic function, note that one hidden layer of ELUs, a
  convex unit, represents monotone tables that are also supermodular: not OR, for instance.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.hyper import Constant, Feed, Hypernetwork, fed, feed_size, layer_sizes
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation

Sign = Literal["abs", "softplus", "quadratic", "free"]

SIGNS: dict[Sign, Callable[[Float[Array, " W"]], Float[Array, " W"]]] = {
    "abs": jnp.abs,
    "softplus": jax.nn.softplus,
    "quadratic": lambda weights: weights**2 / 2,
    "free": lambda weights: weights,
}
"""What becomes of the weights that are produced."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class QMIX(AbstractMixerConfig):
    """QMIX: a monotonic mixing network whose weights the state produces."""

    embed: int = 32
    """Hidden units of the mixing network, and of the value of the state."""
    hypernet_layers: Literal[1, 2] = 2
    """Linear layers of the hypernetworks that produce weights; the paper has 1."""
    hypernet_hidden: int = 64
    """Hidden units of these hypernetworks when they have 2 layers."""
    state: bool = True
    """Whether the state produces weights and biases; if not, they are learned as they are (QMIX-NS)."""
    linear: bool = False
    """Leave the mixing network's hidden layer out (QMIX-Lin)."""
    feed: Feed = "state"
    """What the hypernetworks read: the state, or all agents' observations joined."""
    norm: bool = False
    """Whether the hypernetworks' hidden units are normalised (LayerNorm)."""
    sign: Sign = "abs"
    """How weights are kept from being negative; `free` does not, and the joint value is not monotonic."""

    def __post_init__(self) -> None:
        at_least(1, of="QMIX", embed=self.embed, hypernet_hidden=self.hypernet_hidden)
        choices(self, of="QMIX")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "QMIXMixer":
        keys = jax.random.split(key, 4)
        inputs, agents = feed_size(self.feed, spec), spec.n_agents
        mixed = agents if self.linear else self.embed

        def weights(outputs: int, fan_in: int, key: PRNGKeyArray) -> Hypernetwork:
            if not self.state:
                return Constant(outputs, fan_in, key)
            sizes = layer_sizes(inputs, outputs, self.hypernet_layers, self.hypernet_hidden)
            return Perceptron(sizes, key, norm=self.norm)

        def bias(sizes: tuple[int, ...], fan_in: int, key: PRNGKeyArray) -> Hypernetwork:
            if not self.state:
                return Constant(sizes[-1], fan_in, key)
            return Perceptron((inputs, *sizes), key, norm=self.norm)

        return QMIXMixer(
            hidden_weights=None if self.linear else weights(agents * self.embed, agents, keys[0]),
            hidden_bias=None if self.linear else bias((self.embed,), agents, keys[1]),
            final_weights=weights(mixed, mixed, keys[2]),
            value=bias((self.embed, 1), mixed, keys[3]),
            feed=self.feed,
            sign=self.sign,
        )


class QMIXMixer(AbstractMixer):
    """The mixing network's sources of weights."""

    hidden_weights: Hypernetwork | None
    """W_1, agents first; absent in QMIX-Lin."""
    hidden_bias: Hypernetwork | None
    """b_1."""
    final_weights: Hypernetwork
    """w_2."""
    value: Hypernetwork
    """V."""
    feed: Feed = eqx.field(static=True)
    sign: Sign = eqx.field(static=True)
    regularise_padding: bool = eqx.field(static=True, default=False)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        read, signed = fed(self.feed, observation), SIGNS[self.sign]
        mixed = chosen
        if self.hidden_weights is not None and self.hidden_bias is not None:
            weights = signed(self.hidden_weights(read)).reshape(chosen.shape[0], -1)
            mixed = jax.nn.elu(chosen @ weights + self.hidden_bias(read))
        value = self.value(read)
        q_tot = (mixed @ signed(self.final_weights(read)))[None] + value
        return MixerOutput(q_tot=q_tot, regulariser=jnp.zeros((), chosen.dtype), aux={"state_value": value[0]})
