"""What a reader has to know before the numbers: everything unequal, missing, unfinished or rough, in sentences."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qohort.report.comparison import Comparison
from qohort.report.gather import RunRecord, SeedRun
from qohort.report.labels import Cell, Collection, joined, relative, seeds_named
from qohort.report.statistics import FEW

_GAME = "worlds are part of the library, so the game may differ too"


def caveats(comparison: Comparison) -> list[str]:
    """Sentences, the gravest first."""
    collection = comparison.collection
    cells = [cell for world in collection.worlds for cell in collection.on(world)]
    records = [record for cell in cells for record in cell.records]
    told = list(collection.notes)
    told += [sentence for world in collection.worlds for sentence in _rules(world, collection.on(world))]
    told += [*_versions(records), *_machines(records)]
    told += [f"{cell.label} on {cell.world} has no evaluation yet and is left out." for cell in collection.empty]
    told += [sentence for cell in cells if (sentence := _seeds(cell))]
    told += [sentence for cell in cells for sentence in _odd(cell, collection)]
    told += [sentence for world in collection.worlds for sentence in _unequal(world, collection.on(world))]
    return told + _few(cells, comparison)


def _seeds(cell: Cell) -> str:
    """How many seeds are whole, and what became of the others."""
    missing = sorted({*cell.planned} - {run.seed for run in cell.seeds})
    unfinished = [run for run in cell.seeds if run.state != "finished"]
    if not missing and not unfinished:
        return ""
    parts = _came_so_far(unfinished)
    if missing:
        parts.append(f"{seeds_named(missing)} {'has' if len(missing) == 1 else 'have'} no evaluation yet")
    whole = len(cell.seeds) - len(unfinished)
    return f"{cell.label} on {cell.world}: {whole} of {len(cell.planned)} seeds are finished; {'; '.join(parts)}."


def _came_so_far(runs: Sequence[SeedRun]) -> list[str]:
    """What became of seeds that are not finished; those with one fate in one breath."""
    running = [run for run in runs if run.state == "running"]
    ended = [run for run in runs if run.state != "running" and run.last_step >= run.planned_steps]
    stopped = [run for run in runs if run.state != "running" and run.last_step < run.planned_steps]
    told = []
    if stopped:
        told.append(f"{_who(stopped)} stopped at {_reach(stopped)} and {_be(stopped)} drawn until there")
    if running:
        told.append(f"{_who(running)} {_be(running)} still running ({_reach(running)})")
    if ended:
        told.append(f"{_who(ended)} came to the last step and {_be(ended)} without absolute metric")
    return told


def _who(runs: Sequence[SeedRun]) -> str:
    return seeds_named([run.seed for run in runs])


def _be(runs: Sequence[SeedRun]) -> str:
    return "is" if len(runs) == 1 else "are"


def _reach(runs: Sequence[SeedRun]) -> str:
    at = joined([f"{run.last_step:,}" for run in runs])
    return f"{at} of {max(run.planned_steps for run in runs):,} steps"


def _odd(cell: Cell, collection: Collection) -> Iterable[str]:
    for run in cell.seeds:
        where = relative(run.folder, collection.root)
        if run.torn and run.state != "running":
            yield f"The last line of {where}/metrics.jsonl is damaged and was left out."
        if run.absolute is not None and run.absolute_steps < run.last_step:
            yield (
                f"{cell.label} on {cell.world}, seed {run.seed}: the absolute metric is of step "
                f"{run.absolute_steps:,}, and training has gone on to {run.last_step:,}."
            )


def _unequal(world: str, cells: Sequence[Cell]) -> Iterable[str]:
    lengths = _by_value((run.planned_steps, cell.label) for cell in cells for run in cell.seeds)
    if len(lengths) > 1:
        each = joined([f"{steps:,} ({joined(labels)})" for steps, labels in lengths.items()])
        yield f"On {world} the planned steps differ: {each}. Scores are each run's own; compare curves at equal steps."
    episodes = _by_value((run.episodes, cell.label) for cell in cells for run in cell.seeds if run.episodes)
    if len(episodes) > 1:
        each = joined([f"{count} ({joined(labels)})" for count, labels in episodes.items()])
        yield f"On {world} evaluations have different numbers of episodes: {each}."


def _few(cells: Sequence[Cell], comparison: Comparison) -> list[str]:
    counts = [(cell, _counted(cell, comparison)) for cell in cells]
    few = [(cell, count) for cell, count in counts if count < FEW]
    if not few:
        return []
    if len(few) == len(cells) and len({count for _, count in few}) == 1:
        who, count = "Every algorithm", few[0][1]
        told = f"{who} has {'one seed' if count == 1 else f'{count} seeds'} on every world it was trained on"
    else:
        told = "Fewer than five seeds: " + joined([f"{cell.label} on {cell.world} ({count})" for cell, count in few])
    none = "; one seed has none" if any(count == 1 for _, count in few) else ""
    return [f"{told}. Intervals of fewer than five seeds are rough, and too narrow rather than too wide{none}."]


def _counted(cell: Cell, comparison: Comparison) -> int:
    """The seeds that an interval rests on: those with a score, or while there is none, those with evaluations."""
    numbers = comparison.cells.get((cell.world, cell.label))
    return len(cell.seeds) if numbers is None or numbers.score is None else len(numbers.score.seeds)


def _rules(world: str, cells: Sequence[Cell]) -> Iterable[str]:
    """Versions of the world itself that differ, and runs of which none is known although it is of others."""
    found = [(record.world_versions, cell.label) for cell in cells for record in cell.records]
    known = sorted({version for versions, _ in found for version in versions if version is not None})
    if len(known) > 1:
        trained = _by_value((", then ".join(name or "not recorded" for name in each), who) for each, who in found)
        listed = joined([f"{versions} ({joined(who)})" for versions, who in trained.items()])
        yield f"Runs on {world} are of different versions of it: {listed}. Their scores are of different games."
    elif known and (without := dict.fromkeys(who for versions, who in found if None in versions)):
        yield (
            f"With some runs on {world} ({joined([*without])}) no version of it was recorded, as with all older runs; "
            f"the others are of {known[0]}."
        )


def _versions(records: Sequence[RunRecord]) -> list[str]:
    """One sentence for the library itself, one for each revision, one for what it stands on."""
    worked = [(process, _named(record)) for record in records for process in record.processes]
    told = []
    own = _by_value((version, _named(record)) for record in records for version in record.versions)
    if len(own) > 1:
        each = joined([f"{version} ({_some(who)})" for version, who in own.items()])
        told.append(f"Runs are of different versions of Qohort: {each}; {_GAME}.")
    commits = _by_value((commit, who) for process, who in worked if (commit := _commit(process, "git")))
    if len(commits) > 1:
        each = joined([f"{commit} ({_some(who)})" for commit, who in commits.items()])
        told.append(f"Runs were started from different revisions of the code: {each}; {_GAME}.")
    around = _by_value(
        (commit, who)
        for process, who in worked
        if (commit := _commit(process, "folder_git")) and commit != _commit(process, "git")
    )
    if len(around) > 1:
        each = joined([f"{commit} ({_some(who)})" for commit, who in around.items()])
        told.append(f"The code in the folder where runs were started is of different revisions: {each}.")
    versions = [_mapping(process, "versions") for process, _ in worked]
    names = sorted({name for found in versions for name in found if name != "qohort"})
    other = {name: sorted({str(found[name]) for found in versions if name in found}) for name in names}
    if differing := [f"{name} {joined(values)}" for name, values in other.items() if len(values) > 1]:
        told.append(f"Runs used different versions of other packages: {'; '.join(differing)}.")
    return told


def _machines(records: Sequence[RunRecord]) -> list[str]:
    """Times can be compared only where the machine was the same. What a run did not record contradicts nothing."""
    machines = [(_machine(process), record) for record in records for process in record.processes]
    different: list[_Machine] = []
    for machine, _ in sorted(machines, key=lambda found: found[0].unknown):
        if all(machine.contradicts(other) for other in different):
            different.append(machine)
    if len(different) < 2:
        return []
    named = _by_value(
        (str(fitting[0]), _named(record))
        for machine, record in machines
        if len(fitting := [other for other in different if not machine.contradicts(other)]) == 1
    )
    each = joined([f"{machine} ({_some(who)})" for machine, who in named.items()])
    return [f"Runs were made on different machines: {each}. Seconds and throughput of those cannot be compared."]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Machine:
    """What is known of one; None is unknown."""

    host: str | None
    device: str | None
    processor: str | None
    cpus: int | None

    @property
    def unknown(self) -> int:
        return dataclasses.astuple(self).count(None)

    def contradicts(self, other: "_Machine") -> bool:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return any(None not in pair and pair[0] != pair[1] for pair in pairs)

    def __str__(self) -> str:
        count = "" if self.cpus is None else f"{self.cpus} processor{'' if self.cpus == 1 else 's'}"
        parts = (self.host, self.device, count + (f" ({self.processor})" if self.processor else ""))
        return ", ".join(part for part in parts if part)


def _machine(process: Mapping[str, Any]) -> _Machine:
    devices = process.get("devices")
    device = None
    if isinstance(devices, Mapping):
        device = f"{devices.get('kind')}" + (f" × {devices['count']}" if devices.get("count", 1) != 1 else "")
    return _Machine(
        host=process.get("host"), device=device, processor=process.get("processor"), cpus=process.get("cpus")
    )


def _commit(process: Mapping[str, Any], name: str) -> str:
    """The first letters of a revision; empty if none is known."""
    return str(_mapping(process, name).get("commit", ""))[:8]


def _mapping(process: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = process.get(name)
    return found if isinstance(found, Mapping) else {}


def _named(record: RunRecord) -> str:
    return f"{record.name} on {record.world}"


def _some(names: Sequence[str]) -> str:
    return joined(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _by_value(pairs: Iterable[tuple[Any, str]]) -> dict[Any, list[str]]:
    """Who has which value; each name once."""
    groups: dict[Any, dict[str, None]] = collections.defaultdict(dict)
    for value, name in pairs:
        groups[value][name] = None
    return {value: list(groups[value]) for value in sorted(groups)}
