"""Finds the files and tells what each of them is. Everything is read from `meta` and array names."""

import dataclasses
import json
import os
import pathlib
from typing import Any, Literal

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
BESIDE = ROOT.parent / "shared" / "golden" / "algorithms"
VARIABLE = "QOHORT_GOLDEN"

Kind = Literal[
    "mixer", "joint critic", "coma critic", "learner", "qtran", "weighted qmix", "coma learner", "later", "absent"
]

KINDS: dict[str, Kind] = {
    "modules/mixers/vdn.py VDNMixer": "mixer",
    "modules/mixers/qmix.py QMixer": "mixer",
    "modules/mixers/nmix.py Mixer": "mixer",
    "modules/mixers/qatten.py QattenMixer": "mixer",
    "modules/mixers/qlinear.py QlinearMixer": "mixer",
    "modules/mixers/dmaq_general.py DMAQer": "mixer",
    "modules/mixers/dmaq_qatten.py DMAQ_QattenMixer": "mixer",
    "modules/mixers/qmix_central_no_hyper.py QMixerCentralFF": "mixer",
    "modules/mixers/qmix_central_attention.py QMixerCentralAtten": "mixer",
    "modules/mixers/qtran.py QTranBase": "joint critic",
    "modules/critics/coma.py COMACritic": "coma critic",
    "learners/q_learner.py QLearner": "learner",
    "learners/nq_learner.py NQLearner": "learner",
    "learners/dmaq_qatten_learner.py DMAQ_qattenLearner": "learner",
    "learners/qtran_learner.py QLearner": "qtran",
    "learners/max_q_learner.py MAXQLearner": "weighted qmix",
    "learners/coma_learner.py COMALearner": "coma learner",
}
"""How the numbers of each class are compared; files of other classes are left for later."""

LEARNT_MIXERS: dict[Kind, set[str | None]] = {
    "learner": {None, "None", "none", "", "vdn", "qmix", "qatten", "qlinear", "dmaq", "dmaq_qatten"},
    "qtran": {"qtran_base"},
    "weighted qmix": {"vdn", "qmix"},
}
"""With which mixers learners are compared."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One test: a file, one of its variants, one precision."""

    kind: Kind
    path: pathlib.Path | None = None
    variant: str = ""
    x64: bool = False
    note: str = ""

    def __str__(self) -> str:
        if self.path is None:
            return self.kind
        parts = [self.path.stem, self.variant, "" if self.kind == "later" else ("f64" if self.x64 else "f32")]
        return "-".join(part for part in parts if part)


class Golden:
    """One file."""

    def __init__(self, path: pathlib.Path) -> None:
        with np.load(path) as stored:
            self.arrays = {name: stored[name] for name in stored.files}
        self.meta: dict[str, Any] = json.loads(str(self.arrays.pop("meta")))

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin with `prefix`, without it."""
        return {name[len(prefix) :]: array for name, array in self.arrays.items() if name.startswith(prefix)}

    @property
    def qplex(self) -> bool:
        """Whether it is a learner of QPLEX's release or of its copies."""
        return any("dmaq_qatten_learner" in name for name in self.meta["classes"])

    @property
    def pymarl2(self) -> bool:
        """Whether PyMARL2 produced it."""
        return "pymarl2" in self.meta["repository"]

    def setting(self, *names: str, default: Any = None) -> Any:
        """A setting of the published code, under the first of these names that it has."""
        known = {"unit": self.meta.get("sizes", {}).get("unit"), **self.meta.get("config", {})}
        return next((known[name] for name in names if known.get(name) is not None), default)


def folders() -> list[pathlib.Path]:
    named = [pathlib.Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    return [folder for folder in (BESIDE, *named) if folder.is_dir()]


def all_cases() -> list[Case]:
    paths = {path.resolve(): None for folder in folders() for path in sorted(folder.glob("*.npz"))}
    cases = [case for path in paths for case in _cases_of(path)]
    return cases or [Case("absent")]


def _cases_of(path: pathlib.Path) -> list[Case]:
    golden = Golden(path)
    classes = golden.meta.get("classes", [])
    known: list[Kind] = [KINDS[name] for name in classes if name in KINDS]
    kind: Kind = known[0] if known else "later"
    if kind in LEARNT_MIXERS and golden.setting("mixer") not in LEARNT_MIXERS[kind]:
        kind = "later"
    variants = list(golden.meta.get("variants") or [""])
    if kind == "later":
        return [Case("later", path, note=", ".join(classes) or "no classes named")]
    precisions = (False, True) if golden.under("f64/") else (False,)
    return [Case(kind, path, variant, x64) for variant in variants for x64 in precisions]
