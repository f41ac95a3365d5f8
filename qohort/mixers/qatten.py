"""Qatten: attention of the state over the agents decides how much each utility counts.

Yang et al., *Qatten: a general framework for cooperative multiagent reinforcement learning*, 2020,
arXiv:2002.03939, section 4.

    λ_{i,h}(s) ∝ exp( e_iᵀ W_{k,h}ᵀ W_{q,h} e_s ),  Σ_i λ_{i,h} = 1      the attention of head h
    Q^h = Σ_i λ_{i,h}(s) Q_i                                           the value of head h
    Q_tot = c(s) + Σ_h Q^h                                             the base form
    Q_tot = c(s) + Σ_h w_h(s) Q^h,  w_h = |f(s)|_h                     with `weighted_head`

W_q e_s is a network of the state (the query q_h), W_k e_i one linear layer on agent i's own part of the
state (the key). All λ and w are non-negative and do not depend on the utilities, hence IGM.

*Differences from the paper*

- Logits are divided by √embed, and a penalty on their size joins the loss: both are in the authors' code, not in
  the equations. `regulariser_form="authors"` takes the mean over all agents of the squared logits before
  division and before masking, and averages over padded rows; `"corrected"` takes the divided logits of
  living agents and averages over valid rows only.
- `nonlinear` appends an agent's utility to what its key reads, as the authors do on one map. λ then depends on
  the utilities and **IGM is lost**.
- `dead` keeps dead agents out of the softmax: by what the world says, or by the authors' rule that whoever took
  action 0 is dead. If nobody is left, the weights are equal.
- `biases` adds those that PyMARL2 gives to keys and to the query's last layer. A key's bias moves all logits of
  a head alike and changes nothing but the authors' penalty.
- `feed="observations"`, `keys="observations"` and `norm` are not in the paper.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.errors import QohortError
from qohort.limits import at_least, choices
from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.networks.hyper import Feed, fed, feed_size, layer_sizes
from qohort.networks.perceptron import Perceptron
from qohort.spec import EnvSpec, Observation

Dead = Literal["keep", "alive", "action-0"]
RegulariserForm = Literal["authors", "corrected"]
Keys = Literal["units", "observations"]

_FAR_BELOW = -1e8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Qatten(AbstractMixerConfig):
    """Qatten: multi-head attention over the agents decides how much each utility counts."""

    heads: int = 4
    """Attention heads."""
    embed: int = 32
    """Length of queries and keys; hidden units of c(s)."""
    hypernet_layers: Literal[1, 2] = 2
    """Linear layers of the query's and of the head weights' network."""
    hypernet_hidden: int = 64
    """Hidden units of these networks when they have 2 layers."""
    state_bias: bool = True
    """Add c(s)."""
    weighted_head: bool = False
    """Weigh the heads by the state."""
    nonlinear: bool = False
    """Let keys read the utilities too, as the authors do on MMM2; IGM is lost."""
    dead: Dead = "keep"
    """Keep dead agents in the softmax, take those out that the world calls dead, or those that took action 0, in
    worlds where only the dead do."""
    regulariser: float = 0.01
    """Weight of the penalty on the size of the attention logits."""
    regulariser_form: RegulariserForm = "authors"
    """The authors' penalty, padding and all, or one over living agents and valid rows."""
    biases: bool = False
    """Give biases to the keys and to the query's last layer, as PyMARL2 does."""
    feed: Feed = "state"
    """What queries, head weights and c(s) read: the state, or all agents' observations joined."""
    keys: Keys = "units"
    """What an agent's key reads: its own part of the state, or its observation."""
    norm: bool = False
    """Whether the hidden units of the networks of the state are normalised (LayerNorm)."""

    def __post_init__(self) -> None:
        at_least(1, of="Qatten", heads=self.heads, embed=self.embed, hypernet_hidden=self.hypernet_hidden)
        at_least(0, of="Qatten", regulariser=self.regulariser)
        choices(self, of="Qatten")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "QattenMixer":
        if self.dead == "action-0" and spec.no_op != 0:
            raise QohortError(
                "Qatten's `dead` is action-0, for worlds where only the dead take action 0, but in "
                f"{spec.name} that is {spec.actions[0]!r}, which the living take. Take alive, which goes by what the "
                "world says."
            )
        query_key, key_key, weight_key, value_key = jax.random.split(key, 4)
        inputs = feed_size(self.feed, spec)
        key_inputs = (spec.unit_size if self.keys == "units" else spec.obs_size) + self.nonlinear

        def sizes(outputs: int) -> tuple[int, ...]:
            return layer_sizes(inputs, outputs, self.hypernet_layers, self.hypernet_hidden)

        def query(key: PRNGKeyArray) -> Perceptron:
            return Perceptron(sizes(self.embed), key, last_bias=self.biases, norm=self.norm)

        def extractor(key: PRNGKeyArray) -> eqx.nn.Linear:
            return eqx.nn.Linear(key_inputs, self.embed, use_bias=self.biases, key=key)

        return QattenMixer(
            query=eqx.filter_vmap(query)(jax.random.split(query_key, self.heads)),
            key=eqx.filter_vmap(extractor)(jax.random.split(key_key, self.heads)),
            head_weights=Perceptron(sizes(self.heads), weight_key, norm=self.norm) if self.weighted_head else None,
            value=Perceptron((inputs, self.embed, 1), value_key, norm=self.norm) if self.state_bias else None,
            config=self,
            regularise_padding=self.regulariser_form == "authors",
        )


class QattenMixer(AbstractMixer):
    """Queries and keys of all heads; the arrays of `query` and `key` begin with an axis of heads."""

    query: Perceptron
    key: eqx.nn.Linear
    head_weights: Perceptron | None
    """w_h, if heads are weighted."""
    value: Perceptron | None
    """c(s), if there is one."""
    config: Qatten = eqx.field(static=True)
    regularise_padding: bool = eqx.field(static=True)

    def __call__(
        self,
        chosen: Float[Array, " N"],
        best: Float[Array, " N"],
        observation: Observation,
        actions: Int[Array, " N"],
    ) -> MixerOutput:
        config = self.config
        read = fed(config.feed, observation)
        logits = self._logits(read, chosen, observation)
        scaled = logits / config.embed**0.5
        attention = jax.nn.softmax(self._without_dead(scaled, observation, actions), axis=-1)
        head_values = attention @ chosen
        weights = jnp.ones_like(head_values) if self.head_weights is None else jnp.abs(self.head_weights(read))
        value = jnp.zeros((), chosen.dtype) if self.value is None else self.value(read)[0]
        if config.regulariser_form == "authors":
            penalty = jnp.mean(logits**2, axis=-1).sum()
        else:
            penalty = (scaled**2).sum(axis=0) @ _shares(observation.alive.astype(scaled.dtype))
        return MixerOutput(
            q_tot=(weights @ head_values + value)[None],
            regulariser=config.regulariser * penalty,
            aux={
                "attention": attention,
                "head_values": head_values,
                "head_weights": weights,
                "state_value": value,
                "entropies": -(attention * jnp.log(attention + 1e-8)).sum(axis=-1),
                "logits": logits,
            },
        )

    def _logits(
        self, read: Float[Array, " F"], chosen: Float[Array, " N"], observation: Observation
    ) -> Float[Array, "K N"]:
        """q_h · k_{i,h}, undivided.

        The query is pulled back through the key's layer, once a head: keys themselves, N times as much
        work, are never formed.
        """
        seen = observation.units if self.config.keys == "units" else observation.obs
        if self.config.nonlinear:
            seen = jnp.concatenate([seen, chosen[:, None]], axis=-1)
        queries = eqx.filter_vmap(lambda network: network(read))(self.query)
        pulled = jnp.einsum("ke,keu->ku", queries, self.key.weight)
        logits = jnp.einsum("ku,nu->kn", pulled, seen)
        if self.key.bias is not None:
            logits = logits + (queries * self.key.bias).sum(axis=-1)[:, None]
        return logits

    def _without_dead(
        self, logits: Float[Array, "K N"], observation: Observation, actions: Int[Array, " N"]
    ) -> Float[Array, "K N"]:
        match self.config.dead:
            case "keep":
                return logits
            case "alive":
                living = observation.alive
            case "action-0":
                living = actions != 0
        return jnp.where(living[None], logits, _FAR_BELOW)


def _shares(living: Float[Array, " N"]) -> Float[Array, " N"]:
    """Each living agent's share in a mean over the living."""
    return living / jnp.maximum(living.sum(), 1)
