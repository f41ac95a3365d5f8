"""The page on a team's attention: what was found in sentences, tables, and figures."""

from pathlib import Path
from typing import Any

import numpy as np

from qohort.analyse import attention_figures as draw
from qohort.analyse.attention import EXCHANGES, UNTRAINED
from qohort.analyse.attention_summary import Summary
from qohort.analyse.page import Picture, grid, headline, mean_of, share_of, told, write
from qohort.analyse.ranks import known_mean, known_quantile, over_seeds
from qohort.report.labels import joined
from qohort.report.statistics import Interval

NAME = "attention"
UNIFORM = 1.05
"""Heads whose greatest λ is at most so much of the uniform one, on average, are called uniform."""


def write_attention(summary: Summary, out: Path, *, episode: int = 0) -> tuple[list[Path], str]:
    """Write `attention.md`, `attention.json` and the figures; the heat maps are of one of the episodes."""
    first = summary.found[0]
    maps = [
        Picture(
            f"attention-map-seed-{item.subject.seed}",
            f"λ of every head in one episode of {item.subject.label}",
            lambda paths, item=item, order=order: draw.draw_maps(item, paths, order=order.tolist(), episode=episode),
        )
        for item, order in zip(summary.found, summary.order, strict=True)
    ]
    sections: list[str | Picture] = [
        headline("Attention", first.subject),
        _played(summary),
        "## What was found",
        "\n".join(f"- {sentence}" for sentence in findings(summary)),
        "## One episode",
        maps[0],
        "## How uneven the heads are",
        Picture("attention-unevenness", "Greatest weight of each head", lambda p: draw.draw_unevenness(summary, p)),
        _uneven(summary),
        "## What the heads go by",
        Picture(
            "attention-correlations", "Rank correlations of each head", lambda p: draw.draw_correlations(summary, p)
        ),
        _strengths(summary),
        "## All heads together",
        _together(summary),
        *(("## The other seeds", *maps[1:]) if len(maps) > 1 else ()),
        _METHODS,
    ]
    return write(out, NAME, sections=sections, numbers=numbers(summary))


def findings(summary: Summary) -> list[str]:
    """The page in a few sentences, all of them from the numbers."""
    found = summary.found
    largest = over_seeds(summary.largest[:, :-1].mean(axis=1), least=1.0)
    untrained = float(np.mean([item.untrained_largest[:, :-1].mean() for item in found]))
    uniform = largest.value <= UNIFORM
    uniform_shift = mean_of([item.uniform_shift for item in found], least=0.0)
    living_shift = mean_of([item.living_shift for item in found], least=0.0)
    exchanged_shift = mean_of([item.exchanged_shift for item in found], least=0.0)
    lines = [
        f"The greatest weight among the living is {told(largest, 3)} times the uniform one (untrained heads: "
        f"{untrained:.3f})" + ("; the heads are uniform in all but name." if uniform else "."),
        f"With uniform weights Q_tot would move by {told(uniform_shift, 3)} of its standard deviation (root mean "
        f"square), with weights uniform among the living by {told(living_shift, 3)}, and by {told(exchanged_shift, 3)} "
        "if the living exchanged their keys.",
    ]
    dead = [item for item in found if not np.isnan(item.dead_share)]
    if dead:
        lines.append(
            f"In moments with dead agents, these have {told(share_of([item.dead_share for item in dead]))} of all "
            f"attention; uniform attention would give them {told(share_of([item.dead_count for item in dead]))}."
        )
    alone = [item for item in found if item.survivor_moments]
    if alone:
        lines.append(
            f"The last survivor has the greatest weight of the team in "
            f"{told(share_of([item.survivor for item in alone]))} of the moments in which it is alone "
            f"({sum(item.survivor_moments for item in alone)} moments)."
        )
    beyond = _beyond(summary)
    named = [f"{name} ({told(value)}, untrained {null:.2f})" for name, value, null in beyond]
    followed = joined(named) if named else "no feature"
    if len(found) == 1:
        lines.append(
            f"The heads of this seed follow {followed} more closely than 97.5 % of untrained mixers' heads do (mean "
            "|rank correlation|); one seed says nothing of how sure that is."
        )
    else:
        lines.append(
            f"Heads follow {followed} more closely than untrained heads do (mean |rank correlation|, the whole "
            "interval above the untrained mean)."
        )
        lines.append(_signed(summary))
        low, high = summary.untrained_agreement
        if summary.agreement > high:
            verdict = ", so training gave them something in common."
        elif summary.agreement < low:
            verdict = ", so training made heads of different seeds less alike than they were."
        else:
            verdict = ", so training gave the heads no common roles that can be told from chance."
        lines.append(
            f"After matching, heads of different seeds agree to {summary.agreement:.2f} (mean cosine of their "
            f"correlations); untrained heads matched in the same way agree to between {low:.2f} and {high:.2f}"
            f"{verdict}"
        )
    if uniform and beyond:
        lines.append(
            "These correlations are of differences that hardly move Q_tot: ranks do not see how small they are."
        )
    return lines


def numbers(summary: Summary) -> dict[str, Any]:
    """Everything on the page, as plain data."""
    seeds = [
        {
            "run": str(item.subject.run),
            "seed": item.subject.seed,
            "step": item.subject.step,
            "which": item.subject.which,
            "moments": item.played.moments,
            "scores": item.played.scores,
            "heads": (order + 1).tolist(),
            "entropy": entropy,
            "largest": largest,
            "untrained_largest": item.untrained_largest.mean(axis=0),
            "untrained_entropy": item.untrained_entropy.mean(axis=0),
            "correlations": dict(zip(summary.features, table.T, strict=True)),
            "within_kinds": dict(zip(summary.features, within.T, strict=True)),
            "chance_95": dict(zip(summary.features, chance.T, strict=True)),
            "untrained_strength": dict(zip(summary.features, strength.mean(axis=0), strict=True)),
            "dead_share": item.dead_share,
            "dead_part_of_team": item.dead_count,
            "survivor_has_greatest": item.survivor,
            "survivor_moments": item.survivor_moments,
            "uniform_shift": item.uniform_shift,
            "living_shift": item.living_shift,
            "exchanged_shift": item.exchanged_shift,
        }
        for item, order, entropy, largest, table, within, chance, strength in zip(
            summary.found,
            summary.order,
            summary.entropy,
            summary.largest,
            summary.correlations,
            summary.within,
            summary.chance,
            summary.untrained_strength(),
            strict=True,
        )
    ]
    return {
        "format": 1,
        "world": summary.found[0].subject.world,
        "name": summary.found[0].subject.name,
        "places": summary.places,
        "findings": findings(summary),
        "agreement": summary.agreement,
        "untrained_agreement": summary.untrained_agreement,
        "seeds": seeds,
    }


def _played(summary: Summary) -> str:
    rows = [
        [
            f"`{item.subject.run}`",
            str(item.subject.seed),
            item.subject.age,
            str(len(np.unique(item.played.episode))),
            str(item.played.moments),
            *(f"{value:.3g}" for value in item.played.scores.values()),
        ]
        for item in summary.found
    ]
    return grid(["run", "seed", "steps", "episodes", "moments", *summary.found[0].played.scores], rows)


def _uneven(summary: Summary) -> str:
    rows = [
        [
            place,
            told(over_seeds(summary.entropy[:, row], greatest=1.0), 4),
            told(over_seeds(summary.largest[:, row], least=1.0), 3),
        ]
        for row, place in enumerate(summary.places)
    ]
    return grid(["", "entropy / log n", "greatest λ × n"], rows)


def _strengths(summary: Summary) -> str:
    null = summary.untrained_strength()
    rows = []
    for column, name in enumerate(summary.features):
        low, high = known_quantile(null[..., column].ravel(), [0.025, 0.975])
        per_head = [told(_of_ranks(summary.correlations[:, row, column])) for row in range(summary.heads)]
        rows.append(
            [
                name,
                *per_head,
                told(over_seeds(summary.strength()[:, column], least=0.0, greatest=1.0)),
                told(Interval(value=float(known_mean(null[..., column].ravel(), axis=0)), low=low, high=high)),
            ]
        )
    return grid(["rank correlation of λ with", *summary.places[:-1], "mean of abs", "untrained: mean of abs"], rows)


def _together(summary: Summary) -> str:
    rows = []
    for column, name in enumerate(summary.features):
        own, within = summary.correlations[:, -1, column], summary.within[:, -1, column]
        beyond = int((np.abs(own) > summary.chance[:, -1, column]).sum())
        rows.append([name, told(_of_ranks(own)), told(_of_ranks(within)), f"{beyond} of {len(own)}"])
    header = ["rank correlation of Σ w λ with", "among the living", "within kinds", "seeds beyond exchanged keys"]
    return grid(header, rows)


def _of_ranks(values: np.ndarray) -> Interval:
    return over_seeds(values, least=-1.0, greatest=1.0)


def _signed(summary: Summary) -> str:
    """What all heads together go by with one sign; untrained mixers have either sign as often."""
    together = {name: _of_ranks(summary.correlations[:, -1, column]) for column, name in enumerate(summary.features)}
    sure = [f"{name} ({told(value)})" for name, value in together.items() if value.low > 0 or value.high < 0]
    return (
        f"All heads together go {f'by {joined(sure)}' if sure else 'by no feature'} with the same sign in these seeds "
        "(rank correlation, the interval without 0)."
    )


def _beyond(summary: Summary) -> list[tuple[str, Any, float]]:
    """Features that heads follow more closely than untrained ones do: those whose interval lies above their mean; of
    one seed, which has none, those above 97.5 % of them."""
    strength, null = summary.strength(), summary.untrained_strength()
    found = []
    for column, name in enumerate(summary.features):
        value, untrained = over_seeds(strength[:, column]), float(known_mean(null[..., column].ravel(), axis=0))
        one = len(strength) == 1
        if value.value > known_quantile(null[..., column].ravel(), 0.975) if one else value.low > untrained:
            found.append((name, value, untrained))
    return sorted(found, key=lambda item: -item[1].value)


_METHODS = f"""## How the numbers are made

All greedy episodes of a seed, moment by moment, with the mixer of the same team. **Rank correlation**:
Spearman's, in each moment among the living, averaged over the moments in which both have an order. **Within kinds**:
the same among the living of one kind. **Intervals**: Student's, 95 %, over seeds. **Exchanged keys**: {EXCHANGES}
times, the living of each episode exchange their λ for the whole episode, in copies of an episode alike; a correlation
is beyond them if it is greater than 95 % of theirs. **Untrained**: {UNTRAINED} mixers as they are drawn before
training, on the same moments. λ is a smooth function of the agents' features, so any mixer's λ is correlated with some
of them; only what exceeds the untrained ones was learned. **Matching**: heads of different seeds by their correlations,
Hungarian method.
"""
