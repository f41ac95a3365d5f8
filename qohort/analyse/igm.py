"""Is the greedy joint action the best one?

Son et al. 2019 (QTRAN), equation 1: a factorisation has IGM if the agents' own best actions together are a joint action
with the greatest Q_tot. Mixers with a non-negative derivative in every utility have it by construction; Qatten with
`nonlinear` keys has not: with the chosen utility in its own key,

    dQ^h / dQ_i = λ_i (1 + g_i (Q_i − Q^h)),    g_i the derivative of agent i's logit by its utility,

which is negative as soon as g_i (Q^h − Q_i) > 1. This asks trained teams on the states they meet: every joint action
where there are few enough, else whatever a search finds.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from qohort.algorithms.joint import pick
from qohort.analyse.played import Played, distinct, mixed, play, spaced, weights_of
from qohort.analyse.subject import Subject
from qohort.errors import QohortError
from qohort.estimators.exploration import mask_unavailable
from qohort.mixers.base import AbstractMixer
from qohort.spec import Observation

ROUNDING = 2e-5
"""Differences of Q_tot below this part of its size are no violations: they are rounding in single precision."""
AT_ONCE = 2048
"""Joint actions in one call; other numbers of them need no other program."""
STARTS = 32
"""Where searches begin: at the greedy joint action, and at random ones."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """Which moments were asked, and how; see `audit`."""

    episodes: int
    stream: int
    moments: int
    most: int
    exploration: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """What was found for one seed; the first axis of arrays is the moments that were asked."""

    subject: Subject
    how: Asked
    played: Played
    """The moments that were asked, of all that were played."""
    greedy: Int[np.ndarray, "Z N"]
    best: Int[np.ndarray, "Z N"]
    """The joint action with the greatest Q_tot; the greedy one where none is better by more than rounding."""
    gap: Float[np.ndarray, " Z"]
    """How much greater its Q_tot is."""
    enumerated: Bool[np.ndarray, " Z"]
    """Whether every joint action was asked; if not, there may be better ones than were found."""
    gradients: Float[np.ndarray, "Z N"]
    """dQ_tot / dQ_i at the greedy joint action."""

    @property
    def violated(self) -> Bool[np.ndarray, " Z"]:
        """Where the greedy joint action is not the best one."""
        return self.gap > 0


def audit(
    subject: Subject,
    *,
    episodes: int,
    stream: int = 0,
    moments: int = 256,
    most: int = 20_000,
    exploration: float = 0.0,
) -> Audit:
    """Play, and compare the greedy joint action with all others.

    Args:
        subject: the team and its mixer.
        episodes: how many episodes are played.
        stream: their random stream.
        moments: how many of their distinct moments are asked, evenly spaced.
        most: with more joint actions than these, a search takes the place of enumeration.
        exploration: how often agents act at random while they play; the joint actions that are asked stay the same.
    """
    for name, value in (("moments", moments), ("most", most)):
        if value < 1:
            raise QohortError(f"`{name}` is {value}; it must be at least 1.")
    played = play(subject, episodes=episodes, stream=stream, exploration=exploration)
    played = played.at(distinct(played))
    played = played.at(spaced(played.moments, moments))
    seen = played.observation
    avail = np.asarray(seen.avail)
    greedy = np.where(avail, played.values, -np.inf).argmax(axis=-1).astype(np.int32)
    q_greedy = np.asarray(mixed(subject.mixer, played, greedy).q_tot, np.float64)
    if q_greedy.shape[1] != 1:
        raise QohortError(f"{subject.name} gives a value to each agent and mixes nothing; IGM says nothing of it.")
    best, gap, enumerated = greedy.copy(), np.zeros(len(greedy)), np.zeros(len(greedy), bool)
    for row in range(len(greedy)):
        here = jax.tree.map(lambda leaf, row=row: jnp.asarray(leaf[row]), seen)
        enumerated[row] = np.prod(avail[row].sum(axis=-1), dtype=float) <= most
        find = enumerate_all if enumerated[row] else search
        joint, value = find(subject.mixer, jnp.asarray(played.values[row]), here, greedy[row])
        if value - q_greedy[row, 0] > ROUNDING * max(1.0, abs(value), abs(q_greedy[row, 0])):
            best[row], gap[row] = joint, value - q_greedy[row, 0]
    return Audit(
        subject=subject,
        how=Asked(episodes=episodes, stream=stream, moments=moments, most=most, exploration=exploration),
        played=played,
        greedy=greedy,
        best=best,
        gap=gap,
        enumerated=enumerated,
        gradients=weights_of(subject.mixer, played, greedy),
    )


def joint_actions(avail: Bool[np.ndarray, "N A"]) -> Int[np.ndarray, "J N"]:
    """Every joint action that is available."""
    return np.array(list(itertools.product(*(np.flatnonzero(row) for row in avail))), np.int32)


def enumerate_all(
    mixer: AbstractMixer, values: Float[Array, "N A"], seen: Observation, greedy: Int[np.ndarray, " N"]
) -> tuple[Int[np.ndarray, " N"], float]:
    """The best of all joint actions, and its Q_tot; the greedy one fills up the last call."""
    every = joint_actions(np.asarray(seen.avail))
    best, value = greedy, -np.inf
    for begin in range(0, len(every), AT_ONCE):
        some = every[begin : begin + AT_ONCE]
        filled = np.concatenate([some, np.broadcast_to(greedy, (AT_ONCE - len(some), len(greedy)))])
        q_tot = np.asarray(q_of(mixer, values, seen, jnp.asarray(filled)), np.float64)
        if q_tot.max() > value:
            best, value = filled[q_tot.argmax()], float(q_tot.max())
    return best, value


def search(
    mixer: AbstractMixer, values: Float[Array, "N A"], seen: Observation, greedy: Int[np.ndarray, " N"]
) -> tuple[Int[np.ndarray, " N"], float]:
    """The best joint action that hill climbing finds: from several starts, one agent at a time changes its action."""
    rng = np.random.default_rng(0)
    avail = np.asarray(seen.avail)
    starts = np.stack([rng.choice(np.flatnonzero(row), size=STARTS) for row in avail], axis=-1).astype(np.int32)
    starts[0] = greedy
    tops, reached = _climb(mixer, values, seen, jnp.asarray(starts))
    place = int(np.asarray(reached).argmax())
    return np.asarray(tops)[place], float(reached[place])


@eqx.filter_jit
def q_of(
    mixer: AbstractMixer, values: Float[Array, "N A"], seen: Observation, joint: Int[Array, "J N"]
) -> Float[Array, " J"]:
    """Q_tot of joint actions in one moment."""
    best = jnp.max(mask_unavailable(values, seen.avail), axis=-1)
    return jax.vmap(lambda actions: mixer(pick(values, actions), best, seen, actions).q_tot[0])(joint)


@eqx.filter_jit
def _climb(
    mixer: AbstractMixer, values: Float[Array, "N A"], seen: Observation, starts: Int[Array, "J N"]
) -> tuple[Int[Array, "J N"], Float[Array, " J"]]:
    agents, actions = seen.avail.shape

    def neighbours(joint: Int[Array, " N"]) -> Int[Array, "M N"]:
        """Every change of one agent's action; unavailable ones change nothing."""
        changed = jnp.where(
            jnp.eye(agents, dtype=bool)[:, None, :], jnp.arange(actions)[None, :, None], joint[None, None, :]
        )
        return jnp.where(seen.avail[:, :, None], changed, joint[None, None]).reshape(-1, agents)

    def climb(joint: Int[Array, " N"]) -> tuple[Int[Array, " N"], Float[Array, ""]]:
        def better(state: tuple) -> tuple:
            joint, value, _ = state
            around = neighbours(joint)
            q_tot = q_of(mixer, values, seen, around)
            top = jnp.argmax(q_tot)
            moved = q_tot[top] > value
            return jnp.where(moved, around[top], joint), jnp.maximum(q_tot[top], value), moved

        first = q_of(mixer, values, seen, joint[None])[0]
        joint, value, _ = jax.lax.while_loop(lambda state: state[2], better, (joint, first, jnp.array(True)))
        return joint, value

    return jax.lax.map(climb, starts)


def worst(audits: Sequence[Audit], count: int) -> list[tuple[Audit, int]]:
    """The moments with the greatest gaps, of all seeds."""
    every = [(item, int(row)) for item in audits for row in np.flatnonzero(item.violated)]
    return sorted(every, key=lambda pair: -pair[0].gap[pair[1]])[:count]
