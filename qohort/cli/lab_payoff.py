"""`qohort lab payoff MATRIX`: what each mixer can say of a payoff table, and what it finds by training."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from qohort.cli.show import shown
from qohort.errors import QohortError
from qohort.lab.descent import Descent
from qohort.lab.payoff import study_payoff, verdict
from qohort.lab.payoff_page import classes, mixers, sentences, write_payoff
from qohort.lab.payoffs import TABLES, Payoff, read_payoff
from qohort.lab.progress import Progress
from qohort.lab.training import USUAL
from qohort.report import figures
from qohort.training.flags import parse

CLASSES_SHOWN = ("class", "least squared error", "nearest tables", "payoff of their best joint actions")
MIXERS_SHOWN = ("mixer", "can", "least", "median", "at least", "from nearest", "chosen payoff (seeds)")
"""What fits a terminal; the page has the rest."""


@dataclasses.dataclass(frozen=True)
class PayoffFlags:
    """What each class of mixers can say of payoff tables, exactly, and what each mixer finds by training."""

    payoffs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TABLE [TABLE ...]")]
    """Names as above, files (`.json`, `.csv`, `.npy`), or tables written out: "0 1; 1 1", "[[0, 1], [1, 1]]"."""
    mixers: tuple[str, ...] = USUAL
    """Which mixers are trained; nothing after the flag for none. There are qlinear and qplex-qatten, too."""
    seeds: int = Descent.seeds
    """Starting points of each."""
    updates: int = Descent.updates
    """Updates from each."""
    rate: float | None = None
    """Adam's learning rate, which falls to a tenth after 70 % of the updates; 0.003 for QPLEX and 0.01 for the others
    if not given."""
    seed: int = Descent.seed
    """Which starting points."""
    out: Path = Path("lab")
    """Where the results go, each table in a folder of its own."""
    pictures: bool = True
    """Draw, too."""


def main(argv: Sequence[str]) -> int:
    """Study each table, show what came out, and write it."""
    names = f"Names: {', '.join(TABLES)}, and every game of one step."
    flags = parse(PayoffFlags, argv, prog="qohort lab payoff", description=f"{PayoffFlags.__doc__}\n\n{names}")
    if not flags.payoffs:
        raise QohortError("`qohort lab payoff` needs a payoff table, as in `qohort lab payoff qtran-matrix`.")
    if flags.pictures:
        figures.require()
    how = Descent(
        seeds=flags.seeds,
        updates=flags.updates,
        rate=Descent.rate if flags.rate is None else flags.rate,
        seed=flags.seed,
    )
    payoffs = _told_apart([read_payoff(text) for text in flags.payoffs])
    console = Console(highlight=False)
    for payoff in payoffs:
        study = study_payoff(payoff, flags.mixers, how, Progress(), rate=flags.rate)
        console.print(shown(classes(study), CLASSES_SHOWN))
        for sentence in sentences(study):
            console.print(sentence, markup=False, soft_wrap=True)
        if study.found:
            console.print(shown(mixers(study), MIXERS_SHOWN))
            for found in study.found:
                console.print(f"- {found.mixer}: {verdict(study, found)}", markup=False, soft_wrap=True)
        for path in write_payoff(study, flags.out / payoff.name, pictures=flags.pictures):
            console.print(f"{path}", markup=False, soft_wrap=True)
    return 0


def _told_apart(payoffs: list[Payoff]) -> list[Payoff]:
    """Tables of one name get numbers that no other name has, since each has a folder of its own."""
    names = {payoff.name for payoff in payoffs}
    found: dict[str, Payoff] = {}
    for payoff in payoffs:
        name = payoff.name
        if name in found:
            name = next(other for count in itertools.count(2) if (other := f"{payoff.name}-{count}") not in names)
            names.add(name)
        found[name] = dataclasses.replace(payoff, name=name)
    return list(found.values())
