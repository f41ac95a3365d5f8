"""What several seeds' heads have in common, beside what untrained ones would have."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from qohort.analyse.attention import Attention, shared_features
from qohort.analyse.heads import agreement, match
from qohort.analyse.ranks import known_mean
from qohort.errors import QohortError

DRAWS = 100
"""How often a team of untrained mixers is put together, one for each seed, and matched in the same way."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """Heads of all seeds in matched places; the last row of an axis of K + 1 is all heads together."""

    found: tuple[Attention, ...]
    order: Int[np.ndarray, "S K"]
    """Which of a seed's heads stands in each place."""
    features: tuple[str, ...]
    correlations: Float[np.ndarray, "S K1 F"]
    within: Float[np.ndarray, "S K1 F"]
    chance: Float[np.ndarray, "S K1 F"]
    untrained: Float[np.ndarray, "S R K1 F"]
    """Not matched: an untrained head stands for any place."""
    entropy: Float[np.ndarray, "S K1"]
    largest: Float[np.ndarray, "S K1"]
    agreement: float
    """The mean cosine of the profiles of heads in one place, over pairs of seeds; unknown for one seed."""
    untrained_agreement: tuple[float, float]
    """Between which values 95 % of the agreements of matched untrained heads lie."""

    @property
    def heads(self) -> int:
        return self.order.shape[1]

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the rows."""
        return (*(f"head {place + 1}" for place in range(self.heads)), "all heads")

    def strength(self) -> Float[np.ndarray, "S F"]:
        """The mean of |correlation| over the heads."""
        return known_mean(np.abs(self.correlations[:, :-1]), axis=1)

    def untrained_strength(self) -> Float[np.ndarray, "S R F"]:
        return known_mean(np.abs(self.untrained[:, :, :-1]), axis=2)


def summarise(found: Sequence[Attention], *, seed: int = 0) -> Summary:
    """Match the heads of all seeds by their correlations.

    Matching looks for likeness and finds some in anything; so the same is done with untrained mixers.
    """
    counts = {item.gaze.heads for item in found}
    if len(counts) > 1:
        raise QohortError(f"These runs have {min(counts)} and {max(counts)} heads; heads can be matched among equals.")
    features = shared_features(found)
    if not features:
        raise QohortError("These seeds have no feature in common that tells living agents apart; play more episodes.")
    columns = [[item.features.index(name) for name in features] for item in found]
    tables = np.stack([item.correlations[:, own] for item, own in zip(found, columns, strict=True)])
    untrained = np.stack([item.untrained[..., own] for item, own in zip(found, columns, strict=True)])
    order = match(np.nan_to_num(tables[:, :-1]))
    rows = np.concatenate([order, np.full((len(found), 1), tables.shape[1] - 1)], axis=1)

    def placed(values: np.ndarray) -> np.ndarray:
        return np.stack([own[row] for own, row in zip(values, rows, strict=True)])

    rng = np.random.default_rng(seed)
    nulls = [_null(untrained[:, :, :-1], rng) for _ in range(DRAWS if len(found) > 1 else 0)]
    low, high = np.quantile(nulls, [0.025, 0.975]) if nulls else (np.nan, np.nan)
    matched = placed(tables)
    return Summary(
        found=tuple(found),
        order=order,
        features=features,
        correlations=matched,
        within=placed(np.stack([item.within[:, own] for item, own in zip(found, columns, strict=True)])),
        chance=placed(np.stack([item.chance[:, own] for item, own in zip(found, columns, strict=True)])),
        untrained=untrained,
        entropy=placed(np.stack([item.entropy for item in found])),
        largest=placed(np.stack([item.largest for item in found])),
        agreement=agreement(np.nan_to_num(matched[:, :-1])),
        untrained_agreement=(float(low), float(high)),
    )


def _null(untrained: Float[np.ndarray, "S R K F"], rng: np.random.Generator) -> float:
    """The agreement after matching of untrained mixers, one for each seed."""
    drawn = rng.integers(untrained.shape[1], size=len(untrained))
    profiles = np.nan_to_num(untrained[np.arange(len(untrained)), drawn])
    order = match(profiles)
    return agreement(np.take_along_axis(profiles, order[..., None], axis=1))
