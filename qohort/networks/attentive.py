"""MAAC's critics: each agent asks, by attention, what it has to know of the others (Iqbal and Sha 2019).

For agent i, with e_j read from [o_j, u_j] and s_i from o_i, and for each head k of width d:

    α_ij = softmax_{j ≠ i}( (W_q s_i) · (W_k e_j) / √d ),      x_i = Σ_{j ≠ i} α_ij LeakyReLU(W_v e_j)
    Q_i(o, (·, u_{−i})) = MLP_i([s_i, x_i of all heads]),      one output for each own action

W_q, W_k and W_v are shared by all agents. What reads o_i and u_i, and what the values come out of, is each agent's own
in the authors' code; with `sharing="all"` it is one network that reads which agent it is.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.errors import QohortError
from qohort.limits import at_least, choices
from qohort.spec import EnvSpec

CriticSharing = Literal["none", "all"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentiveCritic:
    """One critic for each agent; the attention is common to all."""

    hidden: int = 128
    """Units of every hidden layer, and the width of all heads together."""
    heads: int = 4
    """Attention heads."""
    attention: bool = True
    """Weigh the others by attention; if not, all alike, which is the paper's control (MAAC, uniform)."""
    sharing: CriticSharing = "none"
    """Whether agents have encoders and heads of their own or share them."""

    def __post_init__(self) -> None:
        at_least(1, of="AttentiveCritic", hidden=self.hidden, heads=self.heads)
        choices(self, of="AttentiveCritic")
        if self.hidden % self.heads:
            raise QohortError(
                f"AttentiveCritic: `hidden` is {self.hidden}, which {self.heads} heads cannot divide evenly; "
                f"give a multiple of {self.heads}."
            )

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "AttentiveValues":
        """Draw the weights for a world."""
        sets = 1 if self.sharing == "all" else spec.n_agents
        ids = spec.n_agents if self.sharing == "all" else 0
        keys = jax.random.split(key, 7)

        def each(inputs: int, outputs: int, key: PRNGKeyArray) -> EachLinear:
            return EachLinear(sets, inputs, outputs, key)

        def common(key: PRNGKeyArray, *, bias: bool = False) -> eqx.nn.Linear:
            return eqx.nn.Linear(self.hidden, self.hidden, use_bias=bias, key=key)

        return AttentiveValues(
            encode_pair=each(spec.obs_size + spec.n_actions + ids, self.hidden, keys[0]),
            encode_own=each(spec.obs_size + ids, self.hidden, keys[1]),
            query=common(keys[2]) if self.attention else None,
            key=common(keys[3]) if self.attention else None,
            value=common(keys[4], bias=True),
            hidden=each(2 * self.hidden, self.hidden, keys[5]),
            out=each(self.hidden, spec.n_actions, keys[6]),
            heads=self.heads,
        )


class EachLinear(eqx.Module):
    """A linear layer for each agent, or one for all of them (`sets` 1); PyTorch's initial weights."""

    weight: Float[Array, "sets J I"]
    bias: Float[Array, "sets J"]

    def __init__(self, sets: int, inputs: int, outputs: int, key: PRNGKeyArray) -> None:
        key_weight, key_bias = jax.random.split(key)
        limit = inputs**-0.5
        self.weight = jax.random.uniform(key_weight, (sets, outputs, inputs), minval=-limit, maxval=limit)
        self.bias = jax.random.uniform(key_bias, (sets, outputs), minval=-limit, maxval=limit)

    def __call__(self, x: Float[Array, "N I"]) -> Float[Array, "N J"]:
        if self.weight.shape[0] == 1:
            return x @ self.weight[0].T + self.bias
        return jnp.einsum("ni,nji->nj", x, self.weight) + self.bias


class Attended(eqx.Module):
    """What the critics say of a moment."""

    values: Float[Array, "*rows N A"]
    """Row i: Q_i(o, (a, u_{−i})) for every own action a."""
    logits: Float[Array, "*rows K N N"]
    """Query times key, undivided; 0 on the diagonal."""
    attention: Float[Array, "*rows K N N"]
    """How much agent i (row) looks at agent j; 0 on the diagonal."""


class AttentiveValues(eqx.Module):
    encode_pair: EachLinear
    encode_own: EachLinear
    query: eqx.nn.Linear | None
    key: eqx.nn.Linear | None
    value: eqx.nn.Linear
    hidden: EachLinear
    out: EachLinear
    heads: int = eqx.field(static=True)

    def __call__(self, obs: Float[Array, "N O"], actions: Float[Array, "N A"]) -> Attended:
        """The values of one moment; `actions` are one-hot rows, or these standardised."""
        others = ~jnp.eye(len(obs), dtype=bool)[None]
        ids = jnp.eye(len(obs), dtype=obs.dtype)[:, : self.encode_own.weight.shape[2] - obs.shape[1]]
        pairs = jax.nn.leaky_relu(self.encode_pair(jnp.concatenate([obs, actions, ids], axis=-1)))
        own = jax.nn.leaky_relu(self.encode_own(jnp.concatenate([obs, ids], axis=-1)))

        looked_at = self._by_head(jax.nn.leaky_relu(jax.vmap(self.value)(pairs)))
        logits, attention = self._attention(own, pairs, others)
        context = jnp.einsum("kij,jkd->ikd", attention, looked_at).reshape(len(obs), -1)
        hidden = jax.nn.leaky_relu(self.hidden(jnp.concatenate([own, context], axis=-1)))
        return Attended(self.out(hidden), logits, attention)

    def _attention(
        self, own: Float[Array, "N H"], pairs: Float[Array, "N H"], others: Bool[Array, "1 N N"]
    ) -> tuple[Float[Array, "K N N"], Float[Array, "K N N"]]:
        """Logits and weights; a team of one looks at nobody."""
        if self.query is None or self.key is None:
            weights = others / jnp.maximum(jnp.sum(others, axis=-1, keepdims=True), 1).astype(own.dtype)
            weights = jnp.broadcast_to(weights, (self.heads, len(own), len(own)))
            return jnp.zeros_like(weights), weights
        queries, keys = (self._by_head(jax.vmap(f)(x)) for f, x in ((self.query, own), (self.key, pairs)))
        logits = jnp.where(others, jnp.einsum("ikd,jkd->kij", queries, keys), 0.0)
        scaled = jnp.where(others, logits / queries.shape[-1] ** 0.5, -1e9)
        return logits, jnp.where(others, jax.nn.softmax(scaled, axis=-1), 0.0)

    def _by_head(self, x: Float[Array, "N H"]) -> Float[Array, "N K D"]:
        return x.reshape(len(x), self.heads, -1)
