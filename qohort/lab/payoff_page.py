"""What `qohort lab payoff` writes: a page, all numbers, and pictures."""

from pathlib import Path
from typing import Any

import numpy as np

import qohort
from qohort.lab.fits import KINDS, best_combine
from qohort.lab.payoff import PayoffStudy, verdict
from qohort.lab.payoff_figures import draw_errors, draw_tables
from qohort.report.figures import FORMATS
from qohort.report.table import Table, number
from qohort.training import disk

PAGE, NUMBERS = "payoff.md", "payoff.json"


def write_payoff(study: PayoffStudy, out: Path, *, pictures: bool = True) -> list[Path]:
    """Write everything into a folder; each file is whole or the one that was there before."""
    with disk.explained(out, "write the laboratory's results in"):
        out.mkdir(parents=True, exist_ok=True)
        drawn: list[Path] = []
        if pictures:
            for name, draw in (("tables", draw_tables), ("errors", draw_errors)):
                if name == "tables" or study.found:
                    paths = [out / f"{name}.{ending}" for ending in FORMATS]
                    draw(study, paths)
                    drawn += paths
        disk.replace_text(out / PAGE, page(study, [path.name for path in drawn]))
        disk.replace_json(out / NUMBERS, numbers(study))
    return [out / PAGE, out / NUMBERS, *drawn]


def classes(study: PayoffStudy) -> Table:
    """The nearest table of each class."""
    fits = study.fits.values()
    return Table(
        name="classes",
        title=f"{study.payoff.name}: what can be said",
        caption="",
        header=("class", "its tables", "least squared error", "nearest tables", "payoff of their best joint actions"),
        rows=tuple(
            (
                fit.kind,
                KINDS[fit.kind],
                number(fit.squared_error) if fit.exact else f"{number(fit.bound)} to {number(fit.squared_error)}",
                str(len(fit.tables)) if fit.ended else f"{len(fit.tables)} or more",
                _brought(fit.greedy),
            )
            for fit in fits
        ),
        records=tuple({"class": fit.kind, "squared_error": fit.squared_error, "bound": fit.bound} for fit in fits),
    )


def mixers(study: PayoffStudy) -> Table:
    """What training reached."""
    rows, records = [], []
    for found in study.found:
        errors, kept = found.reached.errors, found.kept
        rows.append(
            (
                found.mixer,
                found.kind,
                number(study.least(found)),
                number(float(errors.min())),
                number(float(np.median(errors))),
                f"{study.near(found)}/{study.how.seeds}",
                "" if kept is None else f"{study.near(found, kept)}/{study.how.seeds}",
                ", ".join(f"{payoff:g} ({count})" for payoff, count in _counted(study.chosen(found))),
            )
        )
        records.append(record(study)[found.mixer])
    return Table(
        name="mixers",
        title=f"{study.payoff.name}: what is found by training",
        caption="",
        header=(
            "mixer",
            "class",
            "can",
            "least",
            "median",
            "at least",
            "from nearest",
            "chosen payoff (seeds)",
        ),
        rows=tuple(rows),
        records=tuple(records),
    )


def record(study: PayoffStudy) -> dict[str, dict[str, Any]]:
    """What training reached, as plain data."""
    return {
        found.mixer: {
            "class": found.kind,
            "settings": found.settings,
            "rate": found.rate,
            "can": study.least(found),
            "squared_errors": found.reached.errors.round(6).tolist(),
            "chosen_payoffs": study.chosen(found).tolist(),
            "seeds_at_the_least": study.near(found),
            "squared_errors_from_nearest": None if found.kept is None else found.kept.errors.round(6).tolist(),
            "tables": found.reached.tables.round(7).tolist(),
            "verdict": verdict(study, found),
        }
        for found in study.found
    }


def numbers(study: PayoffStudy) -> dict[str, Any]:
    """Everything, as plain data."""
    return {
        "format": 1,
        "qohort": qohort.__version__,
        "name": study.payoff.name,
        "payoff": study.payoff.table.tolist(),
        "training": {"seeds": study.how.seeds, "updates": study.how.updates, "seed": study.how.seed},
        "classes": {
            kind: {
                "squared_error": fit.squared_error,
                "bound": fit.bound,
                "exact": fit.exact,
                "all_tables": fit.ended,
                "payoffs_of_the_best_joint_actions": fit.greedy,
                "tables": [table.tolist() for table in fit.tables],
            }
            for kind, fit in study.fits.items()
        },
        "mixers": record(study),
    }


def page(study: PayoffStudy, pictures: list[str]) -> str:
    """The page."""
    shape = " × ".join(map(str, study.payoff.table.shape))
    alts = {
        "tables.png": "The nearest tables, and those that were found",
        "errors.png": "Errors of all starting points",
    }
    shown = [f"![{alts[name]}]({name})\n" for name in pictures if name in alts]
    parts = [f"# {study.payoff.name}\n", f"A table of {shape} payoffs; the best is {study.payoff.table.max():g}.\n"]
    parts += ["## What can be said\n", classes(study).markdown(), *sentences(study), ""]
    parts += shown[:1]
    if study.found:
        how, rates = study.how, ", ".join(f"{found.mixer} {found.rate:g}" for found in study.found)
        parts += [
            "## What is found\n",
            f"{how.seeds} starting points, {how.updates:,} updates of Adam on the whole table; rates: {rates}.\n",
            mixers(study).markdown(),
            *(f"- **{found.mixer}**: {verdict(study, found)}" for found in study.found),
            "",
            *shown[1:],
        ]
    return "\n".join(parts)


def sentences(study: PayoffStudy) -> list[str]:
    """What has to be said about the classes."""
    said = []
    for fit in study.fits.values():
        if not fit.exact:
            said.append(
                f"- The search for the orders of the nearest {fit.kind} table was given up: the least error lies "
                f"between {number(fit.bound)} and {number(fit.squared_error)}."
            )
    if not best_combine(study.payoff.table):
        said.append(
            "- The best joint actions are not all combinations of some actions of each agent, so agents that are "
            "indifferent between theirs can miss each other: utilities have to prefer one."
        )
    return said


def _brought(payoffs: tuple[float, ...]) -> str:
    if len(payoffs) > 3:
        return f"{payoffs[0]:.4g} to {payoffs[-1]:.4g}"
    return " or ".join(f"{payoff:g}" for payoff in payoffs)


def _counted(values: np.ndarray) -> list[tuple[float, int]]:
    """Each value and how often it is there, the greatest first."""
    found, counts = np.unique(values, return_counts=True)
    return [(float(value), int(count)) for value, count in zip(found[::-1], counts[::-1], strict=True)]
