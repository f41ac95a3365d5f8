"""What `qohort lab theorem` writes: a page, all numbers, and pictures."""

import dataclasses
from pathlib import Path
from typing import Any

import qohort
from qohort.lab.theorem import PREDICTIONS, TheoremStudy
from qohort.lab.theorem_figures import PICTURES
from qohort.report.figures import FORMATS
from qohort.report.table import Table
from qohort.training import disk

PAGE, NUMBERS = "theorem.md", "theorem.json"


def write_theorem(study: TheoremStudy, out: Path, *, pictures: bool = True) -> list[Path]:
    """Write everything into a folder; each file is whole or the one that was there before."""
    with disk.explained(out, "write the laboratory's results in"):
        out.mkdir(parents=True, exist_ok=True)
        drawn: dict[str, list[Path]] = {}
        for picture in PICTURES if pictures else ():
            if set(picture.needs) <= set(study.findings):
                drawn[picture.name] = [out / f"{picture.name}.{ending}" for ending in FORMATS]
                picture.draw(study, drawn[picture.name])
        disk.replace_text(out / PAGE, page(study, set(drawn)))
        disk.replace_json(out / NUMBERS, numbers(study))
    return [out / PAGE, out / NUMBERS, *(path for paths in drawn.values() for path in paths)]


def summary(study: TheoremStudy) -> Table:
    """A line for each prediction."""
    tested = [prediction for prediction in PREDICTIONS if prediction.number in study.findings]
    rows = tuple((str(p.number), p.name, study.verdict(p.number), p.claim) for p in tested)
    return Table(
        name="predictions",
        title="Predictions",
        caption="",
        header=("", "prediction", "verdict", "claim"),
        rows=rows,
        records=(),
        texts=4,
    )


def numbers(study: TheoremStudy) -> dict[str, Any]:
    """Everything, as plain data."""
    return {
        "format": 1,
        "qohort": qohort.__version__,
        "effort": {**dataclasses.asdict(study.effort), "updates_of_prediction_6": study.effort.short_descent().updates},
        "predictions": [
            {
                "number": prediction.number,
                "name": prediction.name,
                "claim": prediction.claim,
                "rule": prediction.rule,
                "verdict": study.verdict(prediction.number),
                "evidence": study.findings[prediction.number].evidence,
                "measured": study.findings[prediction.number].measured,
            }
            for prediction in PREDICTIONS
            if prediction.number in study.findings
        ],
    }


def page(study: TheoremStudy, drawn: set[str]) -> str:
    """The page."""
    effort = study.effort
    parts = [
        "# Qatten's theorem in numbers\n",
        f"Trained mixers: {effort.seeds} starting points, {effort.updates:,} updates; for prediction 6, where they are "
        f"trained on many states together, {effort.short_descent().updates:,}. Random mixers: {effort.draws:,} of each "
        "kind.\n",
        summary(study).markdown(),
    ]
    for prediction in PREDICTIONS:
        if prediction.number in study.findings:
            parts += [
                f"## {prediction.number}. {prediction.name[0].upper()}{prediction.name[1:]}: "
                f"{study.verdict(prediction.number)}\n",
                f"{prediction.claim}\n",
                f"*Confirmed if*: {prediction.rule}\n",
                f"{study.findings[prediction.number].evidence}\n",
                *(
                    f"![{picture.alt}]({picture.name}.png)\n"
                    for picture in PICTURES
                    if picture.name in drawn and picture.needs[0] == prediction.number
                ),
            ]
    return "\n".join(parts)
