"""Whom the heads of an attention mixer look at.

Yang et al. 2020 (Qatten), section 5.3, show one episode's λ as heat maps. This asks many episodes and
seeds, in numbers, beside what chance and an untrained mixer give:

- entropy of each head among the living, divided by log n: 1 is uniform;
- Spearman's correlation of λ with what is known of the agents, in each moment among the living, then averaged;
- the same of Σ_h w_h λ_{i,h}: at one state nothing else of the heads can matter, however many there are;
- how far Q_tot moves if λ is uniform, or if the living exchange their keys.

A mixer takes part if its `aux` holds `attention` [K N] and `head_weights` [K] and it is linear in the utilities.
"""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Bool, Float

from qohort.analyse.played import Played, copies, mixed, play, utilities
from qohort.analyse.ranks import correlation, exchanged, known_mean, known_quantile, normalised_entropy, rank_directions
from qohort.analyse.subject import Subject
from qohort.errors import QohortError
from qohort.mixers.base import AbstractMixer

EXCHANGES, UNTRAINED = 200, 32
"""How often keys are exchanged, and how many untrained mixers are asked."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Gaze:
    """λ of every moment: K heads, and in the last row the weighted sum of them, divided by the sum of its weights."""

    shares: Float[np.ndarray, "Z K1 N"]
    weights: Float[np.ndarray, "Z K"]

    @property
    def heads(self) -> int:
        """How many there are."""
        return self.weights.shape[1]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Attention:
    """What was found for one seed. The last row of an axis of K + 1 is all heads together."""

    subject: Subject
    played: Played
    gaze: Gaze
    entropy: Float[np.ndarray, " K1"]
    """Means over moments, divided by log n: 1 is uniform."""
    largest: Float[np.ndarray, " K1"]
    """The greatest λ among n living agents times n, on average: 1 is uniform, n is all on one."""
    features: tuple[str, ...]
    correlations: Float[np.ndarray, "K1 F"]
    within: Float[np.ndarray, "K1 F"]
    """Among the living of one kind; unknown where a kind is alone or the feature is the kind."""
    chance: Float[np.ndarray, "K1 F"]
    """What |correlation| exceeds in 5 % of the exchanges of keys."""
    untrained: Float[np.ndarray, "R K1 F"]
    """The correlations of untrained mixers on the same moments."""
    untrained_entropy: Float[np.ndarray, "R K1"]
    untrained_largest: Float[np.ndarray, "R K1"]
    dead_share: float
    """The part of λ on the dead, all heads together, in moments that have some; unknown if there are none."""
    dead_count: float
    """Their part of the team in these moments, which is the part that uniform attention has."""
    survivor: float
    """How often the only living agent has the greatest λ of all heads together."""
    survivor_moments: int
    uniform_shift: float
    """How far Q_tot moves with uniform λ: root mean square over the standard deviation of Q_tot."""
    living_shift: float
    """The same if λ is uniform among the living."""
    exchanged_shift: float
    """The same if the living exchange their keys."""


def look(subject: Subject, *, episodes: int, stream: int = 0, seed: int = 0) -> Attention:
    """Play, and ask the mixer in every moment.

    Args:
        subject: the team and its mixer.
        episodes: how many greedy episodes.
        stream: the random stream of the episodes.
        seed: of the exchanges of keys.
    """
    return ask(subject, play(subject, episodes=episodes, stream=stream), seed=seed)


def ask(subject: Subject, played: Played, *, seed: int = 0) -> Attention:
    """The same of moments that are there already."""
    gaze = gaze_of(subject.mixer, played)
    alive = played.alive
    features = known_of(subject, played)
    sides = {name: rank_directions(values, alive) for name, values in features.items()}
    eyes = rank_directions(np.moveaxis(gaze.shares, 1, 0), alive[None])
    blank = subject.untrained(UNTRAINED)
    strangers = [gaze_of(_nth(blank, index), played) for index in range(UNTRAINED)]
    rng = np.random.default_rng(seed)
    once = copies(played)
    draws = [exchanged(alive, once, rng) for _ in range(EXCHANGES)]
    by_chance = np.stack([_table(np.take_along_axis(eyes, source[None], axis=-1), sides) for source in draws])
    others = [rank_directions(np.moveaxis(stranger.shares, 1, 0), alive[None]) for stranger in strangers]
    dead, last = ~alive.all(axis=-1) & alive.any(axis=-1), alive.sum(axis=-1) == 1
    together, living = gaze.shares[:, -1], alive / np.maximum(alive.sum(axis=-1, keepdims=True), 1)
    return Attention(
        subject=subject,
        played=played,
        gaze=gaze,
        entropy=_entropies(gaze, alive),
        largest=_largest(gaze, alive),
        features=tuple(features),
        correlations=_table(eyes, sides),
        within=_within(subject, gaze, features, alive),
        chance=known_quantile(np.abs(by_chance), 0.95),
        untrained=np.stack([_table(other, sides) for other in others]),
        untrained_entropy=np.stack([_entropies(stranger, alive) for stranger in strangers]),
        untrained_largest=np.stack([_largest(stranger, alive) for stranger in strangers]),
        dead_share=_mean(np.where(alive, 0.0, together).sum(axis=-1)[dead]),
        dead_count=_mean((~alive).mean(axis=-1)[dead]),
        survivor=_mean((np.where(alive, together, -1).max(axis=-1) >= together.max(axis=-1))[last]),
        survivor_moments=int(last.sum()),
        uniform_shift=shift(gaze, played, np.full_like(gaze.shares, 1 / alive.shape[1]), subject.mixer),
        living_shift=shift(gaze, played, np.broadcast_to(living[:, None], gaze.shares.shape), subject.mixer),
        exchanged_shift=float(
            np.mean(
                [
                    shift(gaze, played, np.take_along_axis(gaze.shares, source[:, None], axis=-1), subject.mixer)
                    for source in draws[:20]
                ]
            )
        ),
    )


def gaze_of(mixer: AbstractMixer, played: Played) -> Gaze:
    """λ in every moment of some episodes."""
    aux = mixed(mixer, played).aux
    if "attention" not in aux or "head_weights" not in aux:
        raise QohortError(
            f"{type(mixer).__name__} has no attention over agents; choose a run of qatten or qplex-qatten."
        )
    attention, weights = np.asarray(aux["attention"], np.float64), np.asarray(aux["head_weights"], np.float64)
    together = np.einsum("zk,zkn->zn", weights, attention) / np.maximum(weights.sum(axis=-1), 1e-12)[:, None]
    return Gaze(shares=np.concatenate([attention, together[:, None]], axis=1), weights=weights)


def known_of(subject: Subject, played: Played) -> dict[str, Float[np.ndarray, "Z N"]]:
    """What λ is set beside: kinds, the agents' part of the state, the world's traits, and the chosen utility.

    What tells no two living agents apart in any moment is left out, and so is what orders them as another one does.
    """
    spec, alive = subject.env.spec, played.alive
    kinds = list(dict.fromkeys(spec.groups))
    columns = {f"is {kind}": np.array([group == kind for group in spec.groups]) for kind in kinds[:-1]}
    every = {name: np.broadcast_to(column, alive.shape).astype(np.float64) for name, column in columns.items()}
    every |= {name: np.asarray(played.observation.units)[..., u] for u, name in enumerate(spec.unit_features)}
    every |= {name: np.asarray(values, np.float64) for name, values in played.traits.items()}
    every["utility"] = utilities(played)
    kept: dict[str, np.ndarray] = {}
    directions: list[np.ndarray] = []
    for name, values in every.items():
        direction = rank_directions(values, alive)
        if not direction.any() or any(_same(direction, other) for other in directions):
            continue
        kept[name] = values
        directions.append(direction)
    if not kept:
        raise QohortError(f"{subject.world} says nothing that tells living agents apart; there is nothing to compare.")
    return kept


def shift(gaze: Gaze, played: Played, shares: Float[np.ndarray, "Z K1 N"], mixer: AbstractMixer) -> float:
    """How far Q_tot moves with other λ: root mean square over the standard deviation of Q_tot."""
    moved = np.einsum("zk,zkn,zn->z", gaze.weights, (shares - gaze.shares)[:, :-1], utilities(played))
    q_tot = np.asarray(mixed(mixer, played).q_tot)[:, 0]
    return float(np.sqrt(np.mean(moved**2)) / max(float(q_tot.std()), 1e-12))


def shared_features(found: Sequence[Attention]) -> tuple[str, ...]:
    """The features that every seed has values of."""
    return tuple(name for name in found[0].features if all(name in other.features for other in found))


def _table(eyes: Float[np.ndarray, "K1 Z N"], sides: dict[str, np.ndarray]) -> Float[np.ndarray, "K1 F"]:
    return np.stack([correlation(eyes, side[None]) for side in sides.values()], axis=-1)


def _within(
    subject: Subject, gaze: Gaze, features: dict[str, np.ndarray], alive: Bool[np.ndarray, "Z N"]
) -> Float[np.ndarray, "K1 F"]:
    """Correlations among the living of one kind: the kinds' moments one after the other."""
    groups = np.array(subject.env.spec.groups or [""] * alive.shape[1])
    among = [alive & (groups == kind)[None] for kind in dict.fromkeys(groups.tolist())]
    shares = np.moveaxis(gaze.shares, 1, 0)
    eyes = np.concatenate([rank_directions(shares, some[None]) for some in among], axis=1)
    sides = {
        name: np.concatenate([rank_directions(values, some) for some in among]) for name, values in features.items()
    }
    return _table(eyes, sides)


def _entropies(gaze: Gaze, alive: Bool[np.ndarray, "Z N"]) -> Float[np.ndarray, " K1"]:
    return known_mean(normalised_entropy(gaze.shares, np.broadcast_to(alive[:, None], gaze.shares.shape)), axis=0)


def _largest(gaze: Gaze, alive: Bool[np.ndarray, "Z N"]) -> Float[np.ndarray, " K1"]:
    count = alive.sum(axis=-1)
    inside = np.where(alive[:, None], gaze.shares, 0.0)[count > 1]
    total = np.maximum(inside.sum(axis=-1), 1e-12)
    return known_mean(inside.max(axis=-1) / total * count[count > 1][:, None], axis=0)


def _same(left: Float[np.ndarray, "Z N"], right: Float[np.ndarray, "Z N"]) -> bool:
    return bool(np.allclose(left, right) or np.allclose(left, -right))


def _nth(mixers: AbstractMixer, index: int) -> AbstractMixer:
    return jax.tree.map(lambda leaf: leaf[index], mixers)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
