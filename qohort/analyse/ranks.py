"""Measures of how a team shares something out: entropy, and rank correlation among those who are alive."""

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from qohort.report.statistics import Interval

_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""97.5 % points of Student's t for 1, 2, ... degrees of freedom; beyond the last one it is kept, which is cautious."""


def over_seeds(values: Float[np.ndarray, " S"], *, least: float = -math.inf, greatest: float = math.inf) -> Interval:
    """The mean over seeds with Student's 95 % interval; unknown bounds for one seed.

    With three seeds a bootstrap interval is hardly more than their range; this one says how little three seeds are.

    Args:
        values: one for each seed; unknown ones are left out.
        least: what the interval is cut at, because nothing can be below.
        greatest: likewise.
    """
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return Interval(value=float(known[0]) if len(known) else np.nan, low=np.nan, high=np.nan)
    half = _STUDENT[min(len(known) - 1, len(_STUDENT)) - 1] * float(known.std(ddof=1)) / len(known) ** 0.5
    mean = float(known.mean())
    return Interval(value=mean, low=max(mean - half, least), high=min(mean + half, greatest))


def known_mean(values: Float[np.ndarray, "*any"], axis: int) -> np.ndarray:
    """The mean of what is known; unknown where nothing is."""
    count = (~np.isnan(values)).sum(axis=axis)
    return np.where(count > 0, np.nansum(values, axis=axis) / np.maximum(count, 1), np.nan)


def known_quantile(values: Float[np.ndarray, "*any"], part: float | list[float], axis: int = 0) -> np.ndarray:
    """Quantiles of what is known; unknown where nothing is."""
    nothing = np.isnan(values).all(axis=axis)
    filled = np.where(np.expand_dims(nothing, axis), 0.0, values)
    return np.where(nothing, np.nan, np.nanquantile(filled, part, axis=axis))


def normalised_entropy(shares: Float[np.ndarray, "*rows N"], among: Bool[np.ndarray, "*rows N"]) -> np.ndarray:
    """−Σ p log p / log n of shares among n agents: 1 is uniform, 0 is all on one; unknown for fewer than two."""
    inside = np.where(among, shares, 0.0)
    total = inside.sum(axis=-1, keepdims=True)
    p = np.divide(inside, total, out=np.zeros_like(inside), where=total > 0)
    count = among.sum(axis=-1)
    entropy = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)
    known = (count > 1) & (total[..., 0] > 0)
    return np.where(known, entropy / np.log(np.where(known, count, 2)), np.nan)


def rank_directions(values: Float[np.ndarray, "*rows N"], among: Bool[np.ndarray, "*#rows N"]) -> np.ndarray:
    """Ranks among some agents, moved to mean 0 and scaled to length 1; all zero where there is no order.

    The inner product of two such rows is Spearman's correlation. Equal values share the mean of their ranks.
    """
    among = np.broadcast_to(among, values.shape)
    order = np.lexsort((values, ~among), axis=-1)  # those who are not among them come last
    ordered, inside = np.take_along_axis(values, order, axis=-1), np.take_along_axis(among, order, axis=-1)
    places, last = np.arange(values.shape[-1]), values.shape[-1] - 1
    differs = (ordered[..., 1:] != ordered[..., :-1]) | ~inside[..., 1:]
    edge = np.ones((*values.shape[:-1], 1), bool)
    begins, ends = np.concatenate([edge, differs], axis=-1), np.concatenate([differs, edge], axis=-1)
    below = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    through = np.minimum.accumulate(np.where(ends, places, last)[..., ::-1], axis=-1)[..., ::-1]
    known = inside & ~np.isnan(np.where(among, values, 0)).any(axis=-1, keepdims=True)
    excess = np.where(known, below + through - (inside.sum(axis=-1, keepdims=True) - 1), 0)
    above = np.zeros(values.shape, np.result_type(values.dtype, 0.0))
    np.put_along_axis(above, order, excess, axis=-1)
    length = np.sqrt((above**2).sum(axis=-1, keepdims=True))  # half of `above` is the rank less its mean
    return np.divide(above, length, out=np.zeros_like(above), where=length > 0)


def correlation(left: Float[np.ndarray, "*rows Z N"], right: Float[np.ndarray, "*rows2 Z N"]) -> np.ndarray:
    """The mean of Spearman's correlation over the moments in which both rows have an order; unknown without any."""
    product = (left * right).sum(axis=-1)
    known = (left != 0).any(axis=-1) & (right != 0).any(axis=-1)
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, product, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def exchanged(
    alive: Bool[np.ndarray, "Z N"], episode: Int[np.ndarray, " Z"], rng: np.random.Generator
) -> Int[np.ndarray, "Z N"]:
    """Whose key each agent gets: a random exchange among the living that stays the same through an episode.

    It stays, because moments of an episode are much alike; exchanges anew in every moment would make a null that is
    far too narrow. So would exchanges of their own for episodes that are copies of each other: these have one number.
    """
    _, which = np.unique(episode, return_inverse=True)
    order = rng.random((which.max() + 1, alive.shape[1]))[which]
    places = np.argsort(np.where(alive, np.arange(alive.shape[1])[None], alive.shape[1]), axis=-1, kind="stable")
    givers = np.argsort(np.where(alive, order, 2.0), axis=-1, kind="stable")
    source = np.broadcast_to(np.arange(alive.shape[1]), alive.shape).copy()
    among = np.arange(alive.shape[1])[None] < alive.sum(axis=-1, keepdims=True)
    rows = np.broadcast_to(np.arange(len(alive))[:, None], alive.shape)
    source[rows[among], places[among]] = givers[among]
    return source
