"""How well the mixer's credit agrees with what each agent's action was worth.

A mixer that is linear in the utilities says Q_tot = c + Σ_i w_i Q_i, with w_i = Σ_h w_h λ_{i,h} for Qatten. Let an
agent that is left out take any available action with equal chances. Then the Shapley value of agent i in the mixer's
own game is exactly

    w_i (Q_i(u_i) − mean over a of Q_i(a)),

the weighted advantage. Here it is set beside the Shapley values and counterfactuals of the true game, and so are its
parts: the weight alone, w_i Q_i, and the advantage without any weight, which is what uniform attention gives.
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

from qohort.analyse.influence import Replays, by_replay, by_tables, game_of
from qohort.analyse.played import Played, mixed, play, spaced, utilities, weights_of
from qohort.analyse.ranks import correlation, rank_directions
from qohort.analyse.shapley import counterfactual, shapley
from qohort.analyse.subject import Subject
from qohort.errors import QohortError
from qohort.limits import at_least, at_most, share

DIGITS = 6
"""Of true credit, after the point; further ones are rounding, and ranks would take them seriously."""
MOST_DRAWS = 100_000
UNTRAINED = 16
"""Untrained mixers that weigh the same advantages."""

MEASURES = ("weight", "weight x utility", "weight x advantage", "advantage", "untrained x advantage")
"""What is set beside the truth; the last two are nulls: no weights, and weights that were not learned."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Credit:
    """What was found for one seed."""

    subject: Subject
    played: Played
    """The moments that were asked."""
    shapley: Float[np.ndarray, "Z N"]
    counterfactual: Float[np.ndarray, "Z N"]
    measures: dict[str, Float[np.ndarray, "Z N"]]
    """By name, all but those of untrained mixers."""
    ranks: dict[str, tuple[float, float]]
    """Mean rank correlation, among the living of a moment, with Shapley values and with counterfactuals."""
    linear: dict[str, tuple[float, float]]
    """The ordinary correlation over all moments and living agents, with both."""
    reliability: float
    """The rank correlation of Shapley values from the even and the odd draws; 1 where nothing is drawn."""
    exact: bool
    attention: bool
    """Whether the mixer's weights are attention."""


def weigh(
    subject: Subject,
    *,
    episodes: int,
    stream: int = 0,
    moments: int = 64,
    how: Replays | None = None,
) -> Credit:
    """Play, and compare the mixer's credit with the truth.

    Args:
        subject: the team and its mixer.
        episodes: how many greedy episodes are played.
        stream: their random stream.
        moments: how many of their moments are asked, evenly spaced.
        how: the discount, and how play is taken up again where there are no tables; with tables, only the discount.
    """
    how = how or Replays()
    share(gamma=how.gamma)
    at_least(1, moments=moments, hold=how.hold)
    at_least(2, draws=how.draws)
    at_most(MOST_DRAWS, draws=how.draws)
    game = game_of(subject.env)
    if game is not None:
        _check_tables(subject.world, how)
    played = play(subject, episodes=episodes, stream=stream, resumable=game is None)
    played = played.at(spaced(played.moments, moments))
    if mixed(subject.mixer, played).q_tot.shape[1] != 1:
        raise QohortError(f"{subject.name} gives a value to each agent and mixes nothing; there is no credit to weigh.")
    values = by_replay(subject, played, how=how) if game is None else by_tables(game, played, gamma=how.gamma)
    return compared(subject, played, values)


def _check_tables(world: str, how: Replays) -> None:
    """Refuse settings of replays that a table does not heed."""
    if how.hold != 1:
        raise QohortError(
            f"hold is {how.hold}, but {world} has tables: these value one joint action and optimal play afterwards, so "
            "nobody can stay out for longer. Leave hold at 1."
        )
    if how.draws != Replays.draws:
        raise QohortError(
            f"draws is {how.draws}, but {world} has tables, whose values are exact: nothing is drawn. Leave draws at "
            f"{Replays.draws}."
        )


def compared(subject: Subject, played: Played, values: Float[np.ndarray, "Z C D"]) -> Credit:
    """The mixer's credit beside that of coalitions whose values are known."""
    by_draw = np.moveaxis(shapley(np.moveaxis(values, 1, 0)), 0, 1)
    truth = by_draw.mean(axis=-1).round(DIGITS)
    alone = np.moveaxis(counterfactual(np.moveaxis(values.mean(axis=-1), 1, 0)), 0, 1).round(DIGITS)
    measures, strangers = measures_of(subject, played)
    alive = played.alive
    sides = [rank_directions(side, alive) for side in (truth, alone)]

    def against(score: Callable[[np.ndarray, int], float]) -> dict[str, tuple[float, float]]:
        """Each measure's score with both truths; of untrained mixers the mean."""
        found = {name: (score(value, 0), score(value, 1)) for name, value in measures.items()}
        every = [[score(value, side) for value in strangers] for side in (0, 1)]
        return {**found, MEASURES[-1]: (float(np.mean(every[0])), float(np.mean(every[1])))}

    exact = values.shape[-1] == 1
    return Credit(
        subject=subject,
        played=played,
        shapley=truth,
        counterfactual=alone,
        measures=measures,
        ranks=against(lambda value, side: float(correlation(rank_directions(value, alive), sides[side]))),
        linear=against(lambda value, side: pearson(value[alive], (truth, alone)[side][alive])),
        reliability=1.0 if exact else _halves(by_draw, alive),
        exact=exact,
        attention="attention" in mixed(subject.mixer, played).aux,
    )


def measures_of(subject: Subject, played: Played) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """What the mixer says of each agent, and the advantages as untrained mixers weigh them."""
    weights, utility = weights_of(subject.mixer, played), utilities(played)
    avail = np.asarray(played.observation.avail)
    usual = np.where(avail, played.values, 0.0).sum(axis=-1) / avail.sum(axis=-1)
    advantage = utility - usual
    blank = subject.untrained(UNTRAINED)
    strangers = []
    for index in range(UNTRAINED):
        mixer = jax.tree.map(lambda leaf, index=index: leaf[index], blank)
        strangers.append(weights_of(mixer, played) * advantage)
    named = (weights, weights * utility, weights * advantage, advantage)
    return dict(zip(MEASURES[:-1], named, strict=True)), strangers


def pearson(left: Float[np.ndarray, " n"], right: Float[np.ndarray, " n"]) -> float:
    """The ordinary correlation; unknown if one of them does not vary."""
    x, y = left - left.mean(), right - right.mean()
    length = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float(x @ y) / length if length > 1e-12 else float("nan")


def _halves(by_draw: Float[np.ndarray, "Z N D"], alive: np.ndarray) -> float:
    even, odd = (rank_directions(by_draw[..., part::2].mean(axis=-1), alive) for part in (0, 1))
    return float(correlation(even, odd))
