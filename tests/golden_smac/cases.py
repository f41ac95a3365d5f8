"""Finds the files, and tells which of their arrays belong to which test."""

import dataclasses
import os
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
BESIDE = ROOT.parent / "shared" / "golden" / "smac"
VARIABLE = "QOHORT_GOLDEN_SMAC"

COMMANDS = ("tr_actions", "tr_cmd_")
VARIANT_PREFIXES = ("flags__", "obs__", "state__", "announced__")
FRAMES = ("info_", "ally_", "enemy_", "spawn_")
FRAME_NAMES = {
    "unit_type_names", "pathing_grid", "terrain_height", "shoot_range", "sight_range", "last_action", "step", "obs",
    "state", "avail", "visible", "max_reward", "max_reward_double_reset", "obs_revealed", "hidden", "affected",
    "variant_names",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """One test: a part of a file."""

    path: pathlib.Path | None
    part: str = "absent"

    def __str__(self) -> str:
        return f"{self.path.stem}-{self.part}" if self.path else self.part


class Golden:
    """One file; it notes which arrays have been read."""

    def __init__(self, path: pathlib.Path) -> None:
        self.name = path.stem.removeprefix("smacv2_").removeprefix("variants_")
        with np.load(path) as stored:
            self.arrays = {name: stored[name] for name in stored.files}
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        self.read.add(name)
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def forgotten(self, part: str) -> set[str]:
        """The arrays of a part that nothing has read."""
        return {name for name in self.arrays if part_of(name) == part} - self.read

    @property
    def second(self) -> bool:
        """Whether it is SMACv2's: teams differ from frame to frame."""
        return self.arrays["ally_type"].ndim == 2


def part_of(name: str) -> str:
    """Which test an array belongs to. Nothing is left out: what is not known must fail."""
    for prefix in VARIANT_PREFIXES:
        if name.startswith(prefix):
            return f"variant {name.removeprefix(prefix)}"
    if name.startswith("reset_"):
        return "reset"
    if name.startswith(COMMANDS):
        return "commands"
    if name.startswith("tr_"):
        return "rewards"
    if name.startswith(FRAMES) or name in FRAME_NAMES:
        return "frames"
    return f"unknown array {name}"


def folders() -> list[pathlib.Path]:
    named = [pathlib.Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    return [folder for folder in (BESIDE, *named) if folder.is_dir()]


def all_cases() -> list[Case]:
    paths = {path.resolve(): None for folder in folders() for path in sorted(folder.glob("*.npz"))}
    cases = []
    for path in paths:
        with np.load(path) as stored:
            cases.extend(Case(path, part) for part in dict.fromkeys(map(part_of, stored.files)))
    return cases or [Case(None)]
