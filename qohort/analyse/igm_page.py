"""The page on IGM: how often the greedy joint action is not the best one, by how much, and where to watch it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qohort.analyse.igm import STARTS, Asked, Audit, worst
from qohort.analyse.page import Picture, grid, headline, mean_of, share_of, told, write
from qohort.analyse.points import spread_points
from qohort.analyse.ranks import known_mean, over_seeds
from qohort.report.figures import FAINT, INK, MUTED, OURS, footnote, save, styled
from qohort.report.statistics import wilson

NAME = "igm"
LISTED = 10
"""Violations on the page; the JSON file has them all."""
_THEIRS = "#d55e00"


def write_igm(audits: Sequence[Audit], out: Path) -> tuple[list[Path], str]:
    """Write `igm.md`, `igm.json` and the figures; the seeds were all asked in one way."""
    subject, how = audits[0].subject, audits[0].how
    listed = worst(audits, LISTED)
    sections: list[str | Picture] = [
        headline("IGM", subject),
        "## What was found",
        "\n".join(f"- {sentence}" for sentence in findings(audits)),
        _by_seed(audits),
        "## What each utility counts",
        Picture("igm-gradients", "Derivatives of Q_tot by agent", lambda paths: draw_gradients(audits, paths)),
    ]
    if listed:
        sections += [
            "## How much is lost",
            Picture("igm-gaps", "Gaps of the violations", lambda paths: draw_gaps(audits, paths)),
            "## The greatest violations",
            _listed(listed, watchable=how.exploration == 0),
        ]
    sections.append(_methods(how))
    return write(out, NAME, sections=sections, numbers=numbers(audits))


def findings(audits: Sequence[Audit]) -> list[str]:
    """The page in a few sentences, all of them from the numbers."""
    moments = sum(len(item.gap) for item in audits)
    all_asked = sum(int(item.enumerated.sum()) for item in audits)
    broken = sum(int(item.violated.sum()) for item in audits)
    slopes = np.concatenate([item.gradients[item.played.alive] for item in audits])
    lines = [
        f"In {broken} of {moments} moments the greedy joint action is not the one with the greatest Q_tot; a mean over "
        f"seeds of {told(share_of([item.violated.mean() for item in audits]), 3)}.",
        f"Every joint action was asked in {all_asked} moments"
        + (f", and a search was made in the other {moments - all_asked}." if all_asked < moments else "."),
    ]
    if broken:
        gaps = [float(item.gap[item.violated].mean()) for item in audits if item.violated.any()]
        lines.append(f"Where it is not, the best one is better by {told(mean_of(gaps, least=0.0), 3)} on average.")
    lines.append(
        f"The least derivative of Q_tot by a living agent's utility is {slopes.min():.3g}; "
        + (
            f"{100 * (slopes < 0).mean():.3g} % are negative, so a better action of an agent can lower the joint value."
            if (slopes < 0).any()
            else "none is negative."
        )
    )
    if not broken and (slopes >= 0).all():
        lines.append("Nothing speaks against IGM on the states this team meets.")
    return lines


def numbers(audits: Sequence[Audit]) -> dict[str, Any]:
    """Everything on the page, as plain data, and every violation."""
    seeds = []
    for item in audits:
        broken = int(item.violated.sum())
        seeds.append(
            {
                "run": str(item.subject.run),
                "seed": item.subject.seed,
                "step": item.subject.step,
                "which": item.subject.which,
                "scores": item.played.scores,
                "moments": len(item.gap),
                "enumerated": int(item.enumerated.sum()),
                "violations": broken,
                "wilson": wilson(broken, len(item.gap)),
                "least_gradient": float(item.gradients[item.played.alive].min()),
                "negative_gradients": float((item.gradients[item.played.alive] < 0).mean()),
                "mean_gradient": known_mean(_slopes(item), axis=0),
                "list": [
                    {
                        "episode": int(item.played.episode[row]),
                        "moment": int(item.played.time[row]),
                        "greedy": item.greedy[row],
                        "best": item.best[row],
                        "gap": item.gap[row],
                        "enumerated": item.enumerated[row],
                    }
                    for row in np.flatnonzero(item.violated)
                ],
            }
        )
    subject = audits[0].subject
    return {
        "format": 1,
        "world": subject.world,
        "name": subject.name,
        "how": audits[0].how,
        "findings": findings(audits),
        "agents": subject.env.spec.agents,
        "actions": subject.env.spec.actions,
        "seeds": seeds,
    }


def draw_gradients(audits: Sequence[Audit], paths: Sequence[Path]) -> None:
    """For each agent, the middle 95 % of dQ_tot / dQ_i over moments (grey) and every seed's mean."""
    names = audits[0].subject.env.spec.agents
    slopes = [_slopes(item) for item in audits]
    every = np.concatenate(slopes)
    with styled(11):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 1.7 + 0.36 * len(names)), layout="constrained")
        axes = figure.subplots()
        for agent in range(len(names)):
            if np.isnan(every[:, agent]).all():
                continue
            low, high = np.nanquantile(every[:, agent], [0.025, 0.975])
            axes.barh(agent, high - low, left=low, height=0.7, color=FAINT, alpha=0.7, zorder=1)
            least = float(np.nanmin(every[:, agent]))
            axes.scatter([least], [agent], marker="|", s=80, color=_THEIRS if least < 0 else MUTED, zorder=2)
            means = np.array([known_mean(own[:, agent], axis=0) for own in slopes])
            spread_points(axes, means, agent, over_seeds(means))
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("dQ_tot / dQ of the greedy action")
        note = "Grey: 95 % of moments; bar: the least. Dots: seeds, their mean, 95 % interval."
        footnote(figure, note)
        save(figure, paths)


def draw_gaps(audits: Sequence[Audit], paths: Sequence[Path]) -> None:
    """Every moment by step: how much better than the greedy joint action the best one is."""
    with styled(11):
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.subplots()
        for offset, item in zip(np.linspace(-0.25, 0.25, len(audits)), audits, strict=True):
            step, broken = item.played.time + 1 + offset, item.violated
            axes.scatter(step[~broken], item.gap[~broken], s=12, color=OURS, alpha=0.5, linewidths=0)
            axes.scatter(step[broken], item.gap[broken], s=26, marker="^", color=_THEIRS, alpha=0.8, linewidths=0)
        axes.set_xlim(0.3, max(item.played.time.max() for item in audits) + 1.7)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("step")
        axes.set_ylabel("gap in Q_tot")
        footnote(figure, "Blue dots: the greedy joint action is the best. Orange: another is, by so much.")
        save(figure, paths)


def _slopes(audit: Audit) -> Float[np.ndarray, "Z N"]:
    """dQ_tot / dQ_i of the living; unknown of the dead."""
    return np.where(audit.played.alive, audit.gradients, np.nan)


def _by_seed(audits: Sequence[Audit]) -> str:
    rows = []
    for item in audits:
        broken, alive = int(item.violated.sum()), item.played.alive
        low, high = wilson(broken, len(item.gap))
        rows.append(
            [
                f"`{item.subject.run}`",
                str(item.subject.seed),
                item.subject.age,
                str(len(item.gap)),
                str(int(item.enumerated.sum())),
                f"{100 * broken / len(item.gap):.1f} % [{100 * low:.1f}, {100 * high:.1f}]",
                f"{item.gap.max():.3g}",
                f"{item.gradients[alive].min():.3g}",
                f"{100 * (item.gradients[alive] < 0).mean():.1f} %",
            ]
        )
    header = [
        "run",
        "seed",
        "steps",
        "moments",
        "enumerated",
        "violated",
        "greatest gap",
        "least dQ_tot/dQ",
        "negative",
    ]
    return grid(header, rows)


def _listed(listed: Sequence[tuple[Audit, int]], *, watchable: bool) -> str:
    rows = []
    for item, row in listed:
        spec = item.subject.env.spec
        changes = [
            f"{spec.agents[agent]}: {spec.actions[item.greedy[row, agent]]} → {spec.actions[item.best[row, agent]]}"
            for agent in np.flatnonzero(item.greedy[row] != item.best[row])
        ]
        number, step = int(item.played.episode[row]), int(item.played.time[row])
        where = f"seed {item.subject.seed}, episode {number}, step {step + 1}"
        rows.append([where, f"{item.gap[row]:.3g}", "; ".join(changes)])
    table = grid(["where", "gap", "greedy → best"], rows, texts=1)
    first, row = listed[0]
    command = (
        f"qohort watch {shlex.quote(str(first.subject.run))} --seed {first.subject.seed} --which {first.subject.which} "
        f"--number {int(first.played.episode[row])}" + (f" --stream {first.how.stream}" if first.how.stream else "")
    )
    return f"{table}\n\nTo watch the first one: `{command}`." if watchable else table


def _methods(how: Asked) -> str:
    acting = "in which all agents are greedy"
    if how.exploration:
        acting = f"in which agents act at random with probability {how.exploration:g}; none can be watched again"
    return f"""## How the numbers are made

At most {how.moments:,} evenly spaced distinct moments of {how.episodes:,} episodes of each seed
(random stream {how.stream}), {acting}. The mixer is the same team's.
**Violated**: some available joint action has a greater Q_tot than the greedy one, by more than rounding; the interval
is Wilson's, 95 %, as if moments were independent, which those of one episode are not. **Enumerated**: every available
joint action was asked, where there are at most {how.most:,}; elsewhere hill climbing from {STARTS} starts was made, so
violations may be missed but none is invented. **dQ_tot/dQ**: as learning sees it; QPLEX stops gradients through
advantages, so there it is the weight of the transformation alone.
"""
