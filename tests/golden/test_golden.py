"""Published implementations' own numbers against ours, in single and in double precision.

Files lie beside the repository, or in the folders that the environment variable QOHORT_GOLDEN names.
"""

import functools
from collections.abc import Callable

import jax
import pytest

from tests.golden.cases import BESIDE, VARIABLE, Case, Golden, Kind
from tests.golden.coma_cases import compare_coma_critic, compare_coma_learner
from tests.golden.comparison import Comparison
from tests.golden.critic_learner_cases import QTRAN_LEARNER, WEIGHTED_QMIX
from tests.golden.learner_cases import VALUE, compare_learner
from tests.golden.limits import refused
from tests.golden.mixer_cases import compare_joint_critic, compare_mixer

COMPARE: dict[Kind, Callable[[Golden, str, Comparison], None]] = {
    "mixer": compare_mixer,
    "joint critic": compare_joint_critic,
    "coma critic": compare_coma_critic,
    "learner": functools.partial(compare_learner, VALUE),
    "qtran": functools.partial(compare_learner, QTRAN_LEARNER),
    "weighted qmix": functools.partial(compare_learner, WEIGHTED_QMIX),
    "coma learner": compare_coma_learner,
}


def test_golden(golden_case: Case, tell) -> None:
    if golden_case.path is None:
        pytest.skip(f"no golden vectors: there are no .npz files in {BESIDE}, and {VARIABLE} names no folder with some")
    assert golden_case.kind != "unknown", f"{golden_case.path}: nothing here is compared with {golden_case.note}"
    comparison = Comparison(golden_case.x64)
    golden = Golden(golden_case.path, golden_case.variant)
    assert not (sentences := refused(golden)), "\n".join(sentences)
    try:
        with jax.enable_x64(golden_case.x64):
            COMPARE[golden_case.kind](golden, golden_case.variant, comparison)
    finally:
        tell(golden_case, comparison.summary())
    comparison.check()
