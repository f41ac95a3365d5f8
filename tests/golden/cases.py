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
    "mixer", "joint critic", "coma critic", "learner", "qtran", "weighted qmix", "coma learner", "unknown", "absent"
]

KINDS: dict[str, Kind] = {
    "vdn.py VDNMixer": "mixer",
    "qmix.py QMixer": "mixer",
    "nmix.py Mixer": "mixer",
    "qatten.py QattenMixer": "mixer",
    "qlinear.py QlinearMixer": "mixer",
    "dmaq_general.py DMAQer": "mixer",
    "dmaq_qatten.py DMAQ_QattenMixer": "mixer",
    "qmix_central_no_hyper.py QMixerCentralFF": "mixer",
    "qmix_central_attention.py QMixerCentralAtten": "mixer",
    "qtran.py QTranBase": "joint critic",
    "coma.py COMACritic": "coma critic",
    "q_learner.py QLearner": "learner",
    "nq_learner.py NQLearner": "learner",
    "dmaq_qatten_learner.py DMAQ_qattenLearner": "learner",
    "qtran_learner.py QLearner": "qtran",
    "max_q_learner.py MAXQLearner": "weighted qmix",
    "coma_learner.py COMALearner": "coma learner",
}
"""How the numbers of each class are compared, by its file and name; a file of other classes fails."""


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
        parts = [self.path.stem, self.variant, "" if self.kind == "unknown" else ("f64" if self.x64 else "f32")]
        return "-".join(part for part in parts if part)


class Golden:
    """One file, with the settings of one of its variants."""

    def __init__(self, path: pathlib.Path, variant: str = "") -> None:
        with np.load(path) as stored:
            self.arrays = {name: stored[name] for name in stored.files}
        self.meta: dict[str, Any] = json.loads(str(self.arrays.pop("meta")))
        sizes, own = self.meta.get("sizes", {}), self.meta.get("variants") or {}
        self.settings: dict[str, Any] = {
            "unit": sizes.get("unit"),
            **self.meta.get("config", {}),
            **own.get(variant, {}),
        }

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin with `prefix`, without it."""
        return {name[len(prefix) :]: array for name, array in self.arrays.items() if name.startswith(prefix)}

    def is_of(self, *files: str) -> bool:
        """Whether a class of one of these files produced it."""
        return any(f"{file}.py" == _file_and_class(name).split()[0] for name in self.meta["classes"] for file in files)

    @property
    def qplex(self) -> bool:
        """Whether it is a learner of QPLEX's release or of its copies."""
        return self.is_of("dmaq_qatten_learner")

    @property
    def pymarl2(self) -> bool:
        """Whether PyMARL2 produced it."""
        return "pymarl2" in self.meta["repository"]

    @property
    def adam(self) -> bool:
        """Whether the weights were moved by Adam; PyMARL2's learners but two leave no choice."""
        fixed = self.is_of("dmaq_qatten_learner", "max_q_learner", "qtran_learner", "coma_learner")
        return self.setting("optimizer", default="adam" if self.pymarl2 and fixed else "rmsprop") == "adam"

    def setting(self, *names: str, default: Any = None) -> Any:
        """A setting of the published code, under the first of these names that it has."""
        return next((self.settings[name] for name in names if self.settings.get(name) is not None), default)


def folders() -> list[pathlib.Path]:
    named = [pathlib.Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    return [folder for folder in (BESIDE, *named) if folder.is_dir()]


def all_cases() -> list[Case]:
    paths = {path.resolve(): None for folder in folders() for path in sorted(folder.rglob("*.npz"))}
    cases = [case for path in paths for case in _cases_of(path)]
    return cases or [Case("absent")]


def _cases_of(path: pathlib.Path) -> list[Case]:
    golden = Golden(path)
    classes = golden.meta.get("classes", [])
    known: list[Kind] = [KINDS[name] for name in map(_file_and_class, classes) if name in KINDS]
    if not known:
        return [Case("unknown", path, note=", ".join(classes) or "no classes named")]
    kind, variants = known[0], list(golden.meta.get("variants") or [""])
    precisions = (False, True) if golden.under("f64/") else (False,)
    return [Case(kind, path, variant, x64) for variant in variants for x64 in precisions]


def _file_and_class(name: str) -> str:
    """`qmix.py QMixer` of `modules/mixers/qmix.py QMixer`: releases and their copies have folders of their own."""
    return name.rsplit("/", 1)[-1]
