"""SMAC's own numbers against ours.

Files lie beside the repository, or in the folders that the environment variable QOHORT_GOLDEN_SMAC names.
"""

import pytest

from tests.golden_smac.cases import BESIDE, VARIABLE, Case, Golden
from tests.golden_smac.comparison import Comparison
from tests.golden_smac.frame_cases import compare_frames, compare_reset, compare_variant
from tests.golden_smac.step_cases import compare_commands, compare_rewards

PARTS = {
    "frames": compare_frames,
    "reset": compare_reset,
    "rewards": compare_rewards,
    "commands": compare_commands,
}


def test_golden_smac(smac_case: Case, tell) -> None:
    if smac_case.path is None:
        pytest.skip(f"no golden vectors: there are no .npz files in {BESIDE}, and {VARIABLE} names no folder with some")
    golden, comparison = Golden(smac_case.path), Comparison()
    try:
        if smac_case.part.startswith("variant "):
            compare_variant(golden, smac_case.part.removeprefix("variant "), comparison)
        else:
            PARTS[smac_case.part](golden, comparison)
    finally:
        tell(smac_case, comparison.summary())
    comparison.check()
    assert not golden.forgotten(smac_case.part), f"nothing compares {sorted(golden.forgotten(smac_case.part))}"
