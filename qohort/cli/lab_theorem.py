"""`qohort lab theorem`: Qatten's theorem in numbers, prediction by prediction."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from qohort.lab.findings import Effort
from qohort.lab.progress import Progress
from qohort.lab.theorem import PREDICTIONS, study_theorem
from qohort.lab.theorem_page import write_theorem
from qohort.report import figures
from qohort.training.flags import parse


@dataclasses.dataclass(frozen=True)
class TheoremFlags:
    """Test each prediction of Qatten's theory in numbers: confirmed or refuted."""

    predictions: tuple[int, ...] = ()
    """Which ones, by number; all if none is given."""
    seeds: int = Effort.seeds
    """Starting points of each trained mixer."""
    updates: int = Effort.updates
    """Updates from each."""
    draws: int = Effort.draws
    """Random mixers of each kind whose joint actions are enumerated."""
    seed: int = Effort.seed
    """Which starting points and draws."""
    out: Path = Path("lab/theorem")
    """The folder that the results go to."""
    pictures: bool = True
    """Draw, too."""


def main(argv: Sequence[str]) -> int:
    """Test, show what came out, and write it."""
    flags = parse(TheoremFlags, argv, prog="qohort lab theorem")
    if flags.pictures:
        figures.require()
    effort = Effort(seeds=flags.seeds, updates=flags.updates, draws=flags.draws, seed=flags.seed)
    study = study_theorem(effort, flags.predictions, Progress())
    console = Console(highlight=False)
    for prediction in PREDICTIONS:
        if prediction.number in study.findings:
            verdict, finding = study.verdict(prediction.number), study.findings[prediction.number]
            console.print(f"\n{prediction.number}. {prediction.name}: {verdict}", style="bold", markup=False)
            console.print(f"   {prediction.claim}\n   {finding.evidence}", markup=False, soft_wrap=True)
    console.print()
    for path in write_theorem(study, flags.out, pictures=flags.pictures):
        console.print(f"{path}", markup=False, soft_wrap=True)
    return 0
