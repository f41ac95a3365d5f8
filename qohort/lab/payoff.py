"""The representation laboratory: what each mixer can say of a payoff table, and what it finds by training."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from qohort.algorithms.registry import unknown
from qohort.envs.games.matrix import MatrixGame
from qohort.errors import QohortError
from qohort.lab.descent import Descent
from qohort.lab.fits import KINDS, Fit, Kind, fit
from qohort.lab.payoffs import Payoff
from qohort.lab.progress import Progress
from qohort.lab.training import MIXERS, Reached, begin, train
from qohort.report.table import number

NEAR = 0.01
"""An error is the least possible if it is above by no more than this share of it, and a thousandth of the variation."""

FLAT = 1e-4
"""The variation counts as at least this share of the greatest entry's square; what training leaves of less is rounding.
"""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """One mixer on one table."""

    mixer: str
    kind: Kind
    settings: str
    rate: float
    reached: Reached
    kept: Reached | None
    """What is left of the nearest table of its class if that was learned first; None if nothing hangs on it."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PayoffStudy:
    """All that is known of one table."""

    payoff: Payoff
    fits: dict[Kind, Fit]
    found: tuple[Found, ...]
    how: Descent

    def least(self, found: Found) -> float:
        """The squared error below which no table of the mixer's class is."""
        return self.fits[found.kind].bound

    @property
    def variation(self) -> float:
        """The squared error of a table that is the mean everywhere; above 0 even where all entries are the same."""
        table = self.payoff.table
        least = FLAT * max(1.0, float(np.abs(table).max())) ** 2
        return max(float(((table - table.mean()) ** 2).sum()), least)

    def near(self, found: Found, reached: Reached | None = None) -> int:
        """From how many starting points the least error was reached."""
        least = self.least(found)
        room = NEAR * least + 1e-3 * self.variation
        return int(((reached or found.reached).errors <= least + room).sum())

    def chosen(self, found: Found) -> Float[np.ndarray, " seeds"]:
        """The payoff of the joint action that each seed holds for the best."""
        tables = found.reached.tables
        return self.payoff.table.ravel()[tables.reshape(len(tables), -1).argmax(axis=1)]

    def best(self, found: Found) -> int:
        """How many seeds hold a best joint action for the best."""
        return int((self.chosen(found) == self.payoff.table.max()).sum())


def study_payoff(
    payoff: Payoff, mixers: Sequence[str], how: Descent, progress: Progress, *, rate: float | None = None
) -> PayoffStudy:
    """Find the nearest tables of all classes, then train.

    Args:
        payoff: the table.
        mixers: names of `MIXERS`; none to look at classes alone.
        how: how mixers are trained, but for the rate.
        progress: is told what is going on.
        rate: Adam's learning rate; each mixer's own if not given.
    """
    for mixer in mixers:
        if mixer not in MIXERS:
            raise QohortError(unknown("mixer on tables", mixer, MIXERS, see="qohort lab payoff --help"))
    if mixers and payoff.table.ndim < 2:
        raise QohortError(f"{payoff.name} has one agent, so there is nothing to mix. Give an axis for each agent.")
    fits: dict[Kind, Fit] = {}
    for kind in KINDS:
        with progress.step(f"{payoff.name}: nearest {kind} table"):
            fits[kind] = fit(payoff.table, kind)
    study = PayoffStudy(payoff=payoff, fits=fits, found=(), how=how)
    return dataclasses.replace(study, found=tuple(_found(study, mixer, rate, progress) for mixer in mixers))


def _found(study: PayoffStudy, mixer: str, rate: float | None, progress: Progress) -> Found:
    config, kind, table = MIXERS[mixer].config, MIXERS[mixer].kind, study.payoff.table
    how = dataclasses.replace(study.how, rate=MIXERS[mixer].rate if rate is None else rate)
    game = MatrixGame(table)
    with progress.step(f"{study.payoff.name}: {mixer} from {how.seeds} starting points") as told:
        _, reached = train(begin(config, game, how), table, how, told)
    found = Found(mixer=mixer, kind=kind, settings=repr(config), rate=how.rate, reached=reached, kept=None)
    if kind in ("additive", "igm") or study.near(found) == how.seeds:
        return found
    with progress.step(f"{study.payoff.name}: {mixer} from the nearest {kind} table") as told:
        learned, _ = train(begin(config, game, how), study.fits[kind].tables[0], how, lambda done: told(done / 2))
        _, kept = train(learned, table, how, lambda done: told(0.5 + done / 2))
    return dataclasses.replace(found, kept=kept)


def verdict(study: PayoffStudy, found: Found) -> str:
    """What a mixer can say, what it finds, and which of the two is to blame."""
    fit, seeds = study.fits[found.kind], study.how.seeds
    near, best = study.near(found), study.best(found)
    if near == seeds:
        reached = f"Every starting point ends at the least error of its class, {number(fit.squared_error)}."
    else:
        least, median = float(found.reached.errors.min()), float(np.median(found.reached.errors))
        reached = (
            f"{_share(near, seeds)} at the least error of its class, {number(fit.bound)}; the nearest to it is "
            f"{number(least)}, the median {number(median)}."
        )
    if found.kept is not None:
        stay = study.near(found, found.kept)
        always = " always" if near else ""
        told = f"so it can say that table, and training does not{always} find it" if stay else "so training leaves it"
        reached += f" Begun at the nearest {found.kind} table, {stay} of {seeds} stay there, {told}."
    return f"{reached} {_choice(study, found, best)}"


def _choice(study: PayoffStudy, found: Found, best: int) -> str:
    seeds, top = study.how.seeds, study.payoff.table.max()
    can, can_only = top in study.fits[found.kind].greedy, study.fits[found.kind].greedy == (top,)
    if best == seeds:
        return "It always chooses a best joint action."
    chose = f"It chooses a best joint action from {best} of {seeds} starting points"
    if not can:
        return f"{chose}: a limit of representation, since the nearest table itself prefers another."
    if can_only:
        return f"{chose}: a limit of training, since the nearest table prefers the best."
    return f"{chose}: the nearest tables are several or have several best entries, which bring different payoffs."


def _share(near: int, seeds: int) -> str:
    if near == 0:
        return "No starting point ends"
    return f"{near} of {seeds} starting points {'ends' if near == 1 else 'end'}"
