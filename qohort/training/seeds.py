"""Where the seeds of a run lie, and which of them train together.

A seed that trains alone saves in its own folder, seeds that train together in one of theirs. As a seed was begun it
goes on, on whatever device and however many seeds are asked for: a checkpoint cannot be taken apart.
"""

import itertools
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from qohort.training import checkpoint

Group = tuple[int, ...]
"""Seeds that follow one another and train in one program; most often a single one."""


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the metrics of a seed lie."""
    return folder / f"seed-{seed}"


def seeds_in(folder: Path) -> list[int]:
    """The seeds that a run folder has metrics of, in order."""
    return sorted(int(first) for (first,) in _numbers(folder, r"seed-(\d+)"))


def checkpoint_folder(folder: Path, seeds: Sequence[int]) -> Path:
    """Where a session saves: in the seed's folder, or in one of its own if seeds train together."""
    if len(seeds) == 1:
        return seed_folder(folder, seeds[0]) / "checkpoints"
    return folder / f"seeds-{seeds[0]}-to-{seeds[-1]}" / "checkpoints"


def groups_in(folder: Path) -> list[Group]:
    """The groups that a run folder has checkpoints of, in order."""
    alone = [(seed,) for seed in seeds_in(folder)]
    every = (*alone, *groups_of_several(folder))
    saved = [group for group in every if checkpoint.paths(checkpoint_folder(folder, group))]
    single = {group[0] for group in saved if len(group) == 1}
    return sorted(group for group in saved if len(group) == 1 or not single & {*group})


def groups_of_several(folder: Path) -> list[Group]:
    """Seeds that began together in a run folder, whether or not there is a checkpoint of them yet."""
    pairs = [(int(first), int(last)) for first, last in _numbers(folder, r"seeds-(\d+)-to-(\d+)")]
    return [tuple(range(first, last + 1)) for first, last in pairs]


def groups_for(begun: Sequence[Group], seeds: Sequence[int], *, together: bool) -> list[Group]:
    """How seeds are to be trained: those that were begun as they were begun, new ones together or one by one.

    A group of which a seed is asked for is there as a whole.
    """
    going = [group for group in begun if {*group} & {*seeds}]
    known = {seed for group in going for seed in group}
    new = [seed for seed in seeds if seed not in known]
    return sorted([*going, *(_runs(new) if together else [(seed,) for seed in new])])


def is_stacked(group: Collection[int], together: bool | None) -> bool:
    """Whether the arrays of a group have an axis of seeds; one that trains alone has it only if that was asked for."""
    return len(group) > 1 if together is None else together


def named(seeds: Sequence[int]) -> str:
    """Seeds in words."""
    return ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(map(str, seeds))


def _runs(seeds: Sequence[int]) -> list[Group]:
    """Cut where a number is missing."""
    parts = itertools.groupby(enumerate(seeds), key=lambda pair: pair[1] - pair[0])
    return [tuple(seed for _, seed in part) for _, part in parts]


def _numbers(folder: Path, pattern: str) -> list[tuple[str, ...]]:
    if not folder.is_dir():
        return []
    matches = (re.fullmatch(pattern, item.name) for item in folder.iterdir() if item.is_dir())
    return [match.groups() for match in matches if match]
