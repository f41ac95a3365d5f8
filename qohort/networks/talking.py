"""Agents that talk: targeted messages, weighed by attention.

Das et al., "TarMAC: Targeted Multi-Agent Communication" (2019). With the state h_i of agent i,

    send (eqs. 1, 2)      k_i = W_k h_i (the signature),  v_i = W_v h_i (the message)
    receive (eqs. 3–5)    α_ji = softmax_i(q_j · k_i / √size),  q_j = W_q h_j,  c_j = Σ_i α_ji v_i
    remember              h_j' = GRU(h_j, [x_j', c_j])
    further rounds (7)    h_j ← tanh(W [c_j; h_j]), then again send and receive

Everybody is heard, oneself included, but for agents that are not alive. One round is one exchange at the end of the
step: what is said at t is heard at t + 1. With R rounds R − 1 more exchanges come before it, and each changes the state
that the action is read from, so that the team can act on what is said in the same step. No round is no communication,
and then the network is that of `recurrent.py`.

Differences from the paper: the agent sees its previous action and its id, as the other teams here do, unless that is
switched off; linear layers have PyTorch's initial weights and biases. With `through_messages` off the sender's state is
detached, as some re-implementations do: agents are then not taught to speak by those who listen.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from qohort.limits import at_least, choices
from qohort.networks.agent import InputLayer, Rows
from qohort.networks.base import AbstractTeam, AbstractTeamConfig, TeamOutput, View
from qohort.networks.gru import GRU
from qohort.spec import EnvSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Talking(AbstractTeamConfig):
    """Agents that remember and send each other messages; all share their weights."""

    hidden: int = 64
    """Units of the hidden layer and of the memory."""
    signature: int = 16
    """The size of signatures and queries."""
    message: int = 32
    """The size of messages."""
    rounds: int = 1
    """Exchanges in a step; the last is heard in the next step. 0 means that nobody speaks."""
    hears: Literal["everybody", "itself"] = "everybody"
    """Whom an agent hears. One that hears itself alone computes as much and learns nothing from others: the control
    for what messages are worth."""
    through_messages: bool = True
    """Whether gradients flow from those who listen to those who speak."""
    last_action: bool = True
    """Whether an agent sees its previous action."""
    agent_id: bool = True
    """Whether an agent sees which agent it is."""

    def __post_init__(self) -> None:
        at_least(1, of="Talking", hidden=self.hidden, signature=self.signature, message=self.message)
        at_least(0, of="Talking", rounds=self.rounds)
        choices(self, of="Talking")

    def build(self, spec: EnvSpec, key: PRNGKeyArray) -> "TalkingTeam":
        key_in, key_gru, key_out, key_talk, key_merge = jax.random.split(key, 5)
        heard = self.message if self.rounds else 0
        return TalkingTeam(
            fc1=InputLayer(spec, self.hidden, last_action=self.last_action, agent_id=self.agent_id, key=key_in),
            gru=GRU.draw(self.hidden + heard, self.hidden, key_gru),
            fc2=eqx.nn.Linear(self.hidden, spec.n_actions, key=key_out),
            channel=Channel(self, key_talk) if self.rounds else None,
            merge=eqx.nn.Linear(self.message + self.hidden, self.hidden, key=key_merge) if self.rounds > 1 else None,
            rounds=self.rounds,
            n_agents=spec.n_agents,
        )


class Channel(eqx.Module):
    """One exchange of messages."""

    signature: eqx.nn.Linear
    message: eqx.nn.Linear
    query: eqx.nn.Linear
    through_messages: bool = eqx.field(static=True)
    hears: Literal["everybody", "itself"] = eqx.field(static=True)

    def __init__(self, config: Talking, key: PRNGKeyArray) -> None:
        keys = jax.random.split(key, 3)
        # A bias would add the same to the scores of all senders, which the softmax does not notice.
        self.signature = eqx.nn.Linear(config.hidden, config.signature, use_bias=False, key=keys[0])
        self.message = eqx.nn.Linear(config.hidden, config.message, key=keys[1])
        self.query = eqx.nn.Linear(config.hidden, config.signature, key=keys[2])
        self.through_messages = config.through_messages
        self.hears = config.hears

    def __call__(
        self, hidden: Float[Array, "B N H"], alive: Bool[Array, "B N"]
    ) -> tuple[Float[Array, "B N C"], Float[Array, "B N N"]]:
        """What each agent hears, and how much of whom: receivers, then senders."""
        spoken = hidden if self.through_messages else jax.lax.stop_gradient(hidden)
        signatures, messages = _linear(self.signature, spoken), _linear(self.message, spoken)
        queries = _linear(self.query, hidden)
        scores = jnp.einsum("bjk,bik->bji", queries, signatures) / queries.shape[-1] ** 0.5
        audible = alive[:, None, :]
        if self.hears == "itself":
            audible = audible & jnp.eye(alive.shape[1], dtype=bool)[None]
        weights = jax.nn.softmax(jnp.where(audible, scores, -9999999.0), axis=-1)
        weights = jnp.where(audible, weights, 0.0)  # a softmax over nobody is not zero
        return jnp.einsum("bji,bic->bjc", weights, messages), weights


class Memory(eqx.Module):
    """What agents keep from step to step."""

    hidden: Float[Array, "B N H"]
    heard: Float[Array, "B N C"] | None
    """The messages of the last step; None where nobody speaks."""


class TalkingTeam(AbstractTeam):
    fc1: InputLayer
    gru: GRU
    fc2: eqx.nn.Linear
    channel: Channel | None
    merge: eqx.nn.Linear | None
    rounds: int = eqx.field(static=True)
    n_agents: int = eqx.field(static=True)

    @property
    def talks(self) -> bool:
        return self.channel is not None

    def initial(self, batch: int) -> Memory:
        dtype = self.fc2.weight.dtype
        size = 0 if self.channel is None else self.channel.message.weight.shape[0]
        return Memory(
            hidden=jnp.zeros((batch, self.n_agents, self.fc2.weight.shape[1]), dtype),
            heard=jnp.zeros((batch, self.n_agents, size), dtype) if size else None,
        )

    def __call__(self, carry: Memory, view: View, first: Bool[Array, "T B"]) -> tuple[TeamOutput, Memory]:
        steps, batch, agents, _ = view.obs.shape
        rows = Rows(
            obs=view.obs.reshape(steps, batch * agents, -1),
            last_action=view.last_action.reshape(steps, batch * agents),
            first=jnp.repeat(first, agents, axis=1),
            agent=jnp.tile(jnp.arange(agents), batch),
        )
        read = jax.nn.relu(self.fc1(rows)).reshape(steps, batch, agents, -1)

        def step(memory: Memory, now: tuple[Array, Array, Array]) -> tuple[Memory, tuple[Array, dict[str, Array]]]:
            read, alive, first = now
            memory, aux = self._step(memory, read, alive=alive, first=first)
            return memory, (memory.hidden, aux)

        carry, (hidden, aux) = jax.lax.scan(step, carry, (read, view.alive, first))
        return TeamOutput(values=_linear(self.fc2, hidden), features=hidden, aux=aux), carry

    def _step(
        self, memory: Memory, read: Float[Array, "B N H"], *, alive: Bool[Array, "B N"], first: Bool[Array, " B"]
    ) -> tuple[Memory, dict[str, Float[Array, "B N N"]]]:
        """Who hears whom in the last exchange is told beside the memory: receivers, then senders."""
        memory = jax.tree.map(lambda leaf: jnp.where(first[:, None, None], 0.0, leaf), memory)
        known = read if memory.heard is None else jnp.concatenate([read, memory.heard], axis=-1)
        hidden = self._remember(memory.hidden, known)
        if self.channel is None:
            return Memory(hidden, None), {}
        heard, weights = self.channel(hidden, alive)
        if self.merge is not None:
            for _ in range(self.rounds - 1):
                hidden = jnp.tanh(_linear(self.merge, jnp.concatenate([heard, hidden], axis=-1)))
                heard, weights = self.channel(hidden, alive)
        return Memory(hidden, heard), {"heard": weights}

    def _remember(self, hidden: Float[Array, "B N H"], known: Float[Array, "B N I"]) -> Float[Array, "B N H"]:
        shape = hidden.shape
        rows = known.reshape(1, shape[0] * shape[1], -1)
        going_on = jnp.zeros(rows.shape[:2], bool)
        return self.gru(hidden.reshape(rows.shape[1], -1), rows, going_on).reshape(shape)


def _linear(layer: eqx.nn.Linear, x: Float[Array, "*rows I"]) -> Float[Array, "*rows J"]:
    out = x @ layer.weight.T
    return out if layer.bias is None else out + layer.bias.reshape((1,) * (x.ndim - 1) + (-1,))
