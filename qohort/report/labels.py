"""Which runs are one algorithm: equal settings under one label; whatever is not equal is shown apart or refused."""

import collections
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qohort.errors import QohortError
from qohort.report.gather import RunRecord, SeedRun
from qohort.training import settings

Key = tuple[str, str]
"""World and label."""

Groups = dict[Key, list[RunRecord]]

_SHOWN = 4
"""So many settings are named in a sentence."""
_NAMED = 3
"""So many settings are named in a label."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """All seeds of one algorithm on one world."""

    world: str
    label: str
    records: tuple[RunRecord, ...]
    seeds: tuple[SeedRun, ...]
    """Those that have been evaluated, each number once."""
    planned: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Collection:
    """Everything that is compared."""

    root: Path
    cells: Mapping[Key, Cell]
    """Those with at least one evaluation."""
    worlds: tuple[str, ...]
    labels: tuple[str, ...]
    """In the order of legends and tables."""
    notes: tuple[str, ...]
    """Sentences about settings and seeds that are not what one would think."""
    empty: tuple[Cell, ...]
    """Those that have not been evaluated yet."""

    def on(self, world: str) -> list[Cell]:
        """The cells of a world, in the order of labels."""
        return [self.cells[world, label] for label in self.labels if (world, label) in self.cells]


def collect(records: Sequence[RunRecord], root: Path, *, names: Mapping[str, str] | None = None) -> Collection:
    """Put runs under labels.

    Args:
        records: what `gather` found.
        root: the folder they were found in; paths in sentences begin there.
        names: other names for labels, or for run folders given by their path below `root`; what is named comes first,
            in this order.
    """
    names, notes = dict(names or {}), []
    groups = _renamed(_split(records, notes), root, names)
    cells = {key: _cell(key, group, root, notes) for key, group in sorted(groups.items())}
    shown = {key: cell for key, cell in cells.items() if cell.seeds}
    if not shown:
        raise QohortError(
            f"No run below {root} has an evaluation yet; the first one comes at step 0. Wait until training has begun."
        )
    labels = {label for _, label in shown}
    notes += _across_worlds(shown, sorted(labels))
    first = [name for name in dict.fromkeys(names.values()) if name in labels]
    return Collection(
        root=root,
        cells=shown,
        worlds=tuple(sorted({world for world, _ in shown})),
        labels=(*first, *sorted(labels - {*first})),
        notes=tuple(notes),
        empty=tuple(cell for cell in cells.values() if not cell.seeds),
    )


def learned_with(record: RunRecord) -> dict[str, Any]:
    """The settings that touch what is learned, by dotted names; seeds and lengths are not among them.

    A world that was made in Python is among them, since its name does not say everything.
    """
    config = record.config
    made = {"world_object": config["world_object"]} if "world_object" in config else {}
    return settings.flat({"algorithm": config["algorithm"], "run": {"chunk": config["run"].get("chunk")}, **made})


def relative(folder: Path, root: Path) -> str:
    """A path as sentences and `--labels` write it."""
    return folder.relative_to(root).as_posix()


def joined(words: Sequence[object]) -> str:
    """Words as a sentence lists them."""
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _split(records: Sequence[RunRecord], notes: list[str]) -> list[tuple[str, RunRecord]]:
    """A label for each record; those of one name and world with different settings are told apart."""
    labelled = []
    groups: Groups = collections.defaultdict(list)
    for record in records:
        groups[record.world, record.name].append(record)
    for (world, name), members in groups.items():
        differing = _differing([learned_with(record) for record in members])
        if not differing:
            labelled += [(name, record) for record in members]
            continue
        apart = _apart(name, members, differing)
        labelled += [(label, record) for label, records in apart.items() for record in records]
        shown = joined([f"'{label}'" for label in sorted(apart)])
        notes.append(
            f"Runs called {name} on {world} have different settings ({_listed(differing)}) and are shown apart: "
            f"{shown}."
        )
    return labelled


def _apart(name: str, members: Sequence[RunRecord], differing: Sequence[str]) -> dict[str, list[RunRecord]]:
    """Runs with equal settings under one label, which says what is peculiar to them."""
    every = [{key: flat[key] for key in differing if key in flat} for flat in map(learned_with, members)]
    usual = {key: _most_common([values.get(key) for values in every]) for key in differing}
    alike: dict[str, list[RunRecord]] = collections.defaultdict(list)
    settings_of = {}
    for record, values in zip(members, every, strict=True):
        digest = settings.config_hash(values)
        alike[digest].append(record)
        settings_of[digest] = values
    suffixes = {digest: _suffix(settings_of[digest], usual) for digest in alike}
    for other in ({digest: _place(name, alike[digest]) for digest in alike}, {digest: digest for digest in alike}):
        taken = collections.Counter(suffixes.values())
        suffixes = {
            digest: suffix if suffix is not None and taken[suffix] == 1 else other[digest]
            for digest, suffix in suffixes.items()
        }
    return {f"{name} {suffixes[digest]}".rstrip(): records for digest, records in alike.items()}


def _differing(every: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of settings; where a part is switched off for some, its switch is, and the rest of it is not named."""
    flats = list(every)
    names = dict.fromkeys(name for flat in flats for name in flat)
    differing = [name for name in names if any(flat.get(name, ...) != flats[0].get(name, ...) for flat in flats)]
    off = {name.rpartition(".")[0] for flat in flats for name in differing if _switches_off(name, flat)}
    return [name for name in differing if name.rpartition(".")[0] not in off or _told(name, flats)]


def _told(name: str, flats: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a setting of a part that some have switched off tells the others apart, or is the switch itself."""
    values = [flat[name] for flat in flats if name in flat]
    return len(values) == len(flats) or any(value != values[0] for value in values)


def _switches_off(name: str, flat: Mapping[str, Any]) -> bool:
    part, _, end = name.rpartition(".")
    return settings.IDLE.get(flat.get(f"{part}.{settings.KIND}", "")) == end and not flat[name]


def _most_common(values: Sequence[Any]) -> Any:
    return max(values, key=values.count)


def _suffix(values: Mapping[str, Any], usual: Mapping[str, Any]) -> str | None:
    """The settings that differ among runs; if they are many, those that are not as in most; None if these are many too.

    Args:
        values: what a run has, by the names of settings that differ; those of a part that it lacks are not there.
        usual: what most runs have, by the names of all of them.
    """
    if len(usual) > _NAMED:
        values = {name: value for name, value in values.items() if value != usual[name]}
    if len(values) > _NAMED or any(isinstance(value, list | dict) for value in values.values()):
        return None
    ends = [name.rpartition(".")[2] for name in usual]
    short = len({*ends}) == len(ends)
    return " ".join(f"{name.rpartition('.')[2] if short else name}={value}" for name, value in values.items())


def _place(name: str, records: Sequence[RunRecord]) -> str:
    """The name of the folder that holds runs of equal settings; of a single one, its own."""
    folders = [record.folder for record in records]
    place = Path(os.path.commonpath(folders))
    return place.name.removeprefix(f"{name}-")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _renamed(labelled: Sequence[tuple[str, RunRecord]], root: Path, names: Mapping[str, str]) -> Groups:
    known = {old for label, record in labelled for old in (label, relative(record.folder, root))}
    for old in names:
        if old not in known:
            raise QohortError(
                f"--labels names {old!r}, which is neither a label nor a run folder below {root}. Labels are: "
                f"{', '.join(sorted({label for label, _ in labelled}))}."
            )
    groups: Groups = collections.defaultdict(list)
    for label, record in labelled:
        shown = names.get(relative(record.folder, root), names.get(label, label))
        groups[record.world, shown].append(record)
    for (world, label), members in groups.items():
        if differing := _differing(map(learned_with, members)):
            raise QohortError(
                f"--labels puts runs with different settings under {label!r} on {world} ({_listed(differing)}). Runs "
                "of one label have equal settings; give them different labels."
            )
    return groups


def _cell(key: Key, records: Sequence[RunRecord], root: Path, notes: list[str]) -> Cell:
    """All seeds; a number that was trained twice counts once, since it is the same run over again."""
    world, label = key
    kept: dict[int, SeedRun] = {}
    twice: set[int] = set()
    for found in (seed for record in records for seed in record.seeds):
        other = kept.get(found.seed)
        if other is not None:
            twice.add(found.seed)
        if other is None or _rank(found) > _rank(other):
            kept[found.seed] = found
    if twice:
        places = joined([relative(record.folder, root) for record in records])
        what = f"{seeds_named(sorted(twice))} {'was' if len(twice) == 1 else 'were'} trained more than once"
        notes.append(
            f"{label} on {world}: {what} ({places}). A seed is counted once: the run that is finished, or came further."
        )
    return Cell(
        world=world,
        label=label,
        records=tuple(records),
        seeds=tuple(kept[seed] for seed in sorted(kept)),
        planned=tuple(sorted({*kept, *(seed for record in records for seed in record.planned)})),
    )


def seeds_named(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {joined(seeds)}"


def _rank(run: SeedRun) -> tuple[bool, int]:
    return run.state == "finished", run.last_step


def _across_worlds(cells: Mapping[Key, Cell], labels: Sequence[str]) -> list[str]:
    """A label may have other settings on another world (a preset of that world); it is said."""
    notes = []
    for label in labels:
        own = [cell.records[0] for (_, name), cell in cells.items() if name == label]
        if differing := _differing(map(learned_with, own)):
            notes.append(f"{label} has not the same settings on every world ({_listed(differing)} differ).")
    return notes
