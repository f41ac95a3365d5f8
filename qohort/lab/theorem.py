"""The theory laboratory: every prediction of Qatten's theory, confirmed or refuted."""

import dataclasses
from collections.abc import Sequence

from qohort.errors import QohortError
from qohort.lab import expansion, trained
from qohort.lab.findings import Effort, Finding, Prediction
from qohort.lab.progress import Progress

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        number=1,
        name="sum of the spectrum",
        claim="The λ of all degrees add up to the derivative of f at the maximiser, so one head at the maximiser is "
        "worth all of them around 0.",
        rule="They do within 1e-6, for every function whose expansion converges there.",
        test=expansion.sums,
    ),
    Prediction(
        number=2,
        name="order of the remainder",
        claim="What the theorem leaves out is of fourth order in the distance from the maximiser.",
        rule="The logarithmic slope is 4 within 0.1, for five functions.",
        test=expansion.remainders,
    ),
    Prediction(
        number=3,
        name="decay of the spectrum",
        claim="λ decays faster than any power for entire functions alone; with a radius of convergence it decays like "
        "a power inside and diverges outside. How many heads are needed grows with the size of the values.",
        rule="The exponential needs more degrees at each larger scale; ratios of softplus and tanh at 0.5 are those of "
        "the power, but for 4 divided by the degree; beyond the radius all degrees together miss by more than the "
        "derivative itself.",
        test=expansion.decay,
    ),
    Prediction(
        number=4,
        name="signs",
        claim="Single λ may be negative (softplus at degree 4, tanh at degree 3), which a softmax cannot be; only "
        "their sum must not be.",
        rule="The first negative degrees are these, none for the exponential, and all sums are at least 0.",
        test=expansion.signs,
    ),
    Prediction(
        number=5,
        name="heads at one state",
        claim="At one state the number of weighted heads is irrelevant; without weights it fixes the sum of all λ.",
        rule="Medians of 1 to 16 weighted heads are within 5 % of the best weighted sum, and the best number of "
        "unweighted heads is the one nearest to the sum of its weights.",
        test=trained.one_state_heads,
    ),
    Prediction(
        number=6,
        name="heads at many states",
        claim="With many states heads help, but only in how the weights vary with the state.",
        rule="Where agents count for two reasons two heads make less than a fifth of the error of one; where they "
        "count for one reason one head does.",
        test=trained.many_states_heads,
    ),
    Prediction(
        number=7,
        name="greedy actions",
        claim="Near the maximiser a weighted sum is enough to choose well; nothing is promised elsewhere.",
        rule="Median regrets of VDN, QMIX, Qatten and QPLEX are 0 near the maximiser, and those of VDN and Qatten "
        "above 1 where a broad lower hill is within reach.",
        test=trained.greedy_regret,
    ),
    Prediction(
        number=8,
        name="shift of the origin",
        claim="If all utilities are moved by a constant the expansion around 0 needs more degrees; the mixer needs no "
        "more heads, since c absorbs the shift.",
        rule="More degrees for 1 %; the best weighted sum has the same error; and the median of one trained head "
        "is within 10 % of it at every shift.",
        test=trained.origin,
    ),
    Prediction(
        number=9,
        name="IGM",
        claim="VDN, QMIX, Qatten and QPLEX choose decentrally what is best together; keys that read the utilities and "
        "keys without a softmax need not.",
        rule="No random mixer of the former breaks it, some of the latter do.",
        test=trained.igm_of_mixers,
    ),
    Prediction(
        number=10,
        name="keys that read utilities",
        claim="With such keys the derivative of a head is λᵢ (1 + gᵢ (Qᵢ − Qʰ)), and negative just when gᵢ (Qʰ − Qᵢ) "
        "exceeds 1.",
        rule="The formula equals automatic differentiation within 1e-4, the signs agree always, and some are negative.",
        test=trained.nonlinear_slopes,
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TheoremStudy:
    """All that was tested, in the order of the numbers."""

    effort: Effort
    findings: dict[int, Finding]

    def verdict(self, number: int) -> str:
        """What became of a prediction, in a word."""
        return "confirmed" if self.findings[number].holds else "refuted"


def study_theorem(effort: Effort, numbers: Sequence[int], progress: Progress) -> TheoremStudy:
    """Test predictions.

    Args:
        effort: how much is spent on training and draws.
        numbers: which ones; all if empty.
        progress: is told what is going on.
    """
    known = [prediction.number for prediction in PREDICTIONS]
    for number in numbers:
        if number not in known:
            raise QohortError(f"There is no prediction {number}; they are numbered from {known[0]} to {known[-1]}.")
    findings = {}
    for prediction in PREDICTIONS:
        if not numbers or prediction.number in numbers:
            with progress.step(f"{prediction.number}. {prediction.name}"):
                findings[prediction.number] = prediction.test(effort)
    return TheoremStudy(effort=effort, findings=findings)
