"""Published implementations' own numbers against ours, in single and in double precision.

Files lie beside the repository, or in the folders that the environment variable QOHORT_GOLDEN names.
"""

from collections.abc import Callable

import jax
import pytest

from tests.golden.cases import BESIDE, VARIABLE, Case, Golden
from tests.golden.comparison import Comparison
from tests.golden.critic_learner_cases import QTRAN_LEARNER, WEIGHTED_QMIX
from tests.golden.learner_cases import VALUE, compare_learner
from tests.golden.mixer_cases import compare_joint_critic, compare_mixer

MODULES: dict[str, Callable[[Golden, Comparison], None]] = {
    "mixer": compare_mixer,
    "joint critic": compare_joint_critic,
}
FAMILIES = {"learner": VALUE, "qtran": QTRAN_LEARNER, "weighted qmix": WEIGHTED_QMIX}


def test_golden(golden_case: Case, tell) -> None:
    if golden_case.path is None:
        pytest.skip(f"no golden vectors: there are no .npz files in {BESIDE}, and {VARIABLE} names no folder with some")
    if golden_case.kind == "later":
        tell(golden_case, golden_case.note)
        pytest.skip(f"later: {golden_case.note}")
    comparison = Comparison(golden_case.x64)
    golden = Golden(golden_case.path)
    try:
        with jax.enable_x64(golden_case.x64):
            if golden_case.kind in FAMILIES:
                compare_learner(FAMILIES[golden_case.kind], golden, golden_case.variant, comparison)
            else:
                MODULES[golden_case.kind](golden, comparison)
    finally:
        tell(golden_case, comparison.summary())
    comparison.check()
