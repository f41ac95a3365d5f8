"""The page on credit: the mixer's beside the truth, in sentences, tables and a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qohort.analyse.credit import MEASURES, UNTRAINED, Credit
from qohort.analyse.influence import Replays, game_of
from qohort.analyse.page import Picture, grid, headline, mean_of, told, write
from qohort.analyse.points import spread_points
from qohort.analyse.ranks import over_seeds
from qohort.report.figures import INK, MUTED, OURS, footnote, looks, save, styled
from qohort.report.statistics import Interval

NAME = "credit"


def write_credit(found: Sequence[Credit], out: Path, *, how: Replays) -> tuple[list[Path], str]:
    """Write `credit.md`, `credit.json` and the figures."""
    subject = found[0].subject
    sections: list[str | Picture] = [
        headline("Credit", subject),
        "## What was found",
        "\n".join(f"- {sentence}" for sentence in findings(found)),
        _by_seed(found),
        Picture("credit-agreement", "How well each measure agrees with Shapley values", lambda p: draw(found, p)),
        _table(found),
        Picture("credit-scatter", "The mixer's credit against Shapley values", lambda p: draw_scatter(found, p)),
        _methods(found, how),
    ]
    return write(out, NAME, sections=sections, numbers=numbers(found, how))


def findings(found: Sequence[Credit]) -> list[str]:
    """The page in a few sentences, all of them from the numbers."""

    def shown(name: str) -> str:
        return told(estimate(found, name, "ranks", 0))

    weight = "The weight alone, which is attention," if found[0].attention else "The weight alone"
    lines = [
        f"Within a moment, the mixer's credit (weighted advantage) and the Shapley value have a rank correlation of "
        f"{shown('weight x advantage')}; without weights it is {shown('advantage')}, with untrained ones "
        f"{shown('untrained x advantage')}.",
        f"{weight} reaches {shown('weight')}; weight times utility {shown('weight x utility')}.",
    ]
    gains = [item.ranks["weight x advantage"][0] - item.ranks["advantage"][0] for item in found]
    gain = mean_of(gains)
    if np.isnan(gain.low):
        verdict = "one seed says nothing of how sure that is"
    elif gain.low > 0:
        verdict = "learned weights make credit truer"
    elif gain.high < 0:
        verdict = "learned weights make credit less true"
    else:
        verdict = "that weights make credit truer cannot be told from these seeds"
    lines.append(f"Weights change the rank correlation of the advantage by {told(gain, 3)}: {verdict}.")
    if not all(item.exact for item in found):
        halves = mean_of([item.reliability for item in found], least=-1.0, greatest=1.0)
        lines.append(
            f"The truth itself is a mean over draws: its rank correlation between two halves of the draws is "
            f"{told(halves)}, {_ceiling(halves.value)}."
        )
    return lines


def _ceiling(halves: float) -> str:
    """What a measure that knows the truth would come to, if halves of the draws agree so well (Spearman and Brown)."""
    if np.isnan(halves):
        return "so how near 1 a measure could come is not known"
    if halves <= 0:
        return "so nothing can be told from them"
    return f"so a perfect measure would come to about {np.sqrt(2 * halves / (1 + halves)):.2f}"


def estimate(found: Sequence[Credit], name: str, which: str, side: int) -> Interval:
    """A correlation over seeds: `ranks` or `linear`, with Shapley values (0) or counterfactuals (1)."""
    scores = {"ranks": [item.ranks for item in found], "linear": [item.linear for item in found]}[which]
    return mean_of([score[name][side] for score in scores], least=-1.0, greatest=1.0)


def numbers(found: Sequence[Credit], how: Replays) -> dict[str, Any]:
    """Everything on the page, as plain data, and the credit of every moment."""
    subject = found[0].subject
    seeds = [
        {
            "run": str(item.subject.run),
            "seed": item.subject.seed,
            "step": item.subject.step,
            "which": item.subject.which,
            "scores": item.played.scores,
            "exact": item.exact,
            "reliability": item.reliability,
            "rank_correlations": {name: dict(zip(_SIDES, pair, strict=True)) for name, pair in item.ranks.items()},
            "correlations": {name: dict(zip(_SIDES, pair, strict=True)) for name, pair in item.linear.items()},
            "moments": [
                {
                    "episode": int(item.played.episode[row]),
                    "moment": int(item.played.time[row]),
                    "shapley": item.shapley[row],
                    "counterfactual": item.counterfactual[row],
                    **{name: value[row] for name, value in item.measures.items()},
                }
                for row in range(item.played.moments)
            ],
        }
        for item in found
    ]
    return {
        "format": 1,
        "world": subject.world,
        "name": subject.name,
        "how": how,
        "continuation": "optimal" if _optimal(found) else "team",
        "findings": findings(found),
        "seeds": seeds,
    }


def draw(found: Sequence[Credit], paths: Sequence[Path]) -> None:
    """The rank correlation of each measure with Shapley values and counterfactuals, every seed and their interval."""
    styles = looks(_SIDES)
    with styled(11):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 1.7 + 0.5 * len(MEASURES)), layout="constrained")
        axes = figure.subplots()
        for line, name in enumerate(MEASURES):
            for side, truth in enumerate(_SIDES):
                values = np.array([item.ranks[name][side] for item in found])
                place, look = line - 0.17 + 0.34 * side, styles[truth]
                if not np.isnan(values).all():
                    spread = over_seeds(values, least=-1.0, greatest=1.0)
                    spread_points(axes, values, place, spread, colour=look.colour, marker=look.marker)
        for truth in _SIDES:
            axes.scatter([], [], color=styles[truth].colour, marker=styles[truth].marker, label=truth)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_yticks(range(len(MEASURES)), MEASURES)
        axes.invert_yaxis()
        axes.set_xlim(-1.05, 1.05)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("rank correlation within a moment")
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        footnote(figure, "Small: every seed. Large: mean with Student's 95 % interval.")
        save(figure, paths)


def draw_scatter(found: Sequence[Credit], paths: Sequence[Path]) -> None:
    """Every living agent of every moment: the mixer's credit and the true one."""
    with styled(11):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.2, 4.2), layout="constrained")
        for axes, name in zip(figure.subplots(1, 2, sharey=True), ("weight", "weight x advantage"), strict=True):
            for item in found:
                alive = item.played.alive
                x, y = item.measures[name][alive], item.shapley[alive]
                axes.scatter(x, y, s=12, color=OURS, alpha=0.35, linewidths=0)
            axes.axhline(0, color=MUTED, linewidth=1)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xlabel(name)
            fit = estimate(found, name, "linear", 0)
            axes.set_title(f"correlation {told(fit)}", loc="left", fontsize=12, color=INK)
        figure.axes[0].set_ylabel("Shapley value")
        save(figure, paths)


def _by_seed(found: Sequence[Credit]) -> str:
    rows = [
        [
            f"`{item.subject.run}`",
            str(item.subject.seed),
            item.subject.age,
            str(item.played.moments),
            "exact" if item.exact else f"{item.reliability:.2f}",
            *(f"{item.ranks[name][0]:.2f}" for name in MEASURES),
        ]
        for item in found
    ]
    return grid(["run", "seed", "steps", "moments", "halves agree", *MEASURES], rows)


def _table(found: Sequence[Credit]) -> str:
    rows = [
        [name, *(told(estimate(found, name, which, side)) for which in ("ranks", "linear") for side in (0, 1))]
        for name in MEASURES
    ]
    header = ["", "rank: Shapley", "rank: counterfactual", "linear: Shapley", "linear: counterfactual"]
    return grid(header, rows)


_SIDES = ("Shapley value", "counterfactual")


def _optimal(found: Sequence[Credit]) -> bool:
    """Whether the values that coalitions have assume optimal play afterwards."""
    return game_of(found[0].subject.env) is not None


def _methods(found: Sequence[Credit], how: Replays) -> str:
    after = "" if how.hold == 1 else f" for {how.hold} steps"
    if all(item.exact for item in found):
        truth = "exact, from the values of all joint actions in the moment"
    else:
        truth = f"from play taken up again in the moment, {how.draws} draws of what those outside do"
    goes_on = "Afterwards everyone plays optimally" if _optimal(found) else "Afterwards the team goes on as it plays"
    return f"""## How the numbers are made

Evenly spaced moments of greedy episodes. **Coalition**: its agents act as they did, the others take any available
action{after}, all with the same chance. {goes_on}; the discount is {how.gamma:g}. The values of all
coalitions are {truth}.
**Shapley value**: what an agent adds, on average over all orders of joining. **Counterfactual**: what is lost if it
alone is left out. **Weight**: dQ_tot/dQ of the agent, for Qatten all heads' attention together. **Advantage**: the
utility of the agent's action less the mean over its available actions. **Untrained**: {UNTRAINED} mixers as they are
drawn before training weigh the trained team's advantages. **Rank correlation**: Spearman's among the living of a
moment, averaged over moments; **linear**: over all moments and living agents. **Intervals**: Student's, 95 %, over
seeds.
"""
