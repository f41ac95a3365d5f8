"""A folder of `.th` files, named as PyMARL's `save_models` names them.

| file | what it holds |
|---|---|
| `agent.th` | the agents |
| `mixer.th` | the mixer, empty for VDN; for QTRAN its joint critic |
| `critic.th` | COMA's critic |
| `central_agent.th`, `central_mixer.th` | the unrestricted value of weighted QMIX; its release saves the agents only |

The state of PyTorch's optimiser, `opt.th`, is not written: PyMARL's controller loads `agent.th` alone, its learner asks
for `opt.th` too. Nor are networks that a release makes and never uses: QTRAN's encoding in the form `pymarl-coma`, and
QPLEX's transformation if it is switched off. Load such a file with `strict=False`.
"""

import pathlib
from typing import Any

import numpy as np

from qohort.algorithms import coma, qtran, value_decomposition, weighted_qmix
from qohort.errors import QohortError
from qohort.interop.pymarl import Dialect, to_pymarl
from qohort.interop.pymarl_coma import critic_to_pymarl
from qohort.interop.th_file import write_th
from qohort.limits import one_of
from qohort.mixers import IndependentMixer

AnyParams = value_decomposition.Params | qtran.Params | weighted_qmix.Params | coma.Params
"""The weights of a method that PyMARL has too."""


def save_models(folder: str | pathlib.Path, params: AnyParams | Any, dialect: Dialect = "pymarl") -> list[pathlib.Path]:
    """Write everything that a method learns, `learner.params`, into a folder; returns the files."""
    written = []
    for name, arrays in models(params, dialect).items():
        written.append(pathlib.Path(folder) / f"{name}.th")
        write_th(written[-1], arrays)
    return written


def models(params: AnyParams | Any, dialect: Dialect = "pymarl") -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each file, by its name without the ending."""
    one_of(Dialect, dialect=dialect)
    agent = {"agent": to_pymarl(params.team)}
    match params:
        case coma.Params():
            return {**agent, "critic": critic_to_pymarl(params.critic)}
        case qtran.Params():
            return {**agent, "mixer": to_pymarl(params.critic)}
        case weighted_qmix.Params():
            return {
                **agent,
                "mixer": to_pymarl(params.mixer),  # in PyMARL2, too, weighted QMIX mixes with PyMARL's QMIX
                "central_agent": to_pymarl(params.central_team),
                "central_mixer": to_pymarl(params.central_mixer),
            }
        case value_decomposition.Params(mixer=IndependentMixer()):
            return agent
        case value_decomposition.Params():
            return {**agent, "mixer": to_pymarl(params.mixer, dialect)}
        case _:
            kind = type(params).__module__.rpartition(".")[2]
            raise QohortError(f"PyMARL has no files for what {kind} learns; it has the mixers', QTRAN's and COMA's.")
