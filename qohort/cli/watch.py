"""`qohort watch RUN [OTHER]`: an episode as a page."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from qohort.cli.runs import refuse
from qohort.errors import QohortError
from qohort.training.flags import parse
from qohort.training.load import Which, read_run


@dataclasses.dataclass(frozen=True, kw_only=True)
class WatchFlags:
    """Write an episode of a trained team as a page: one file, for any browser, without a network."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN]")]
    """A run folder, or two, whose teams start alike and are shown side by side."""
    seed: tuple[int, ...] = ()
    """Which seed's team, one for each run; each run's first if not given. Of one run, two seeds are compared."""
    which: Which | None = None
    """The team with the best evaluation, or the newest one; if not given the best, and the newest with --serve."""
    number: int = 0
    """Which episode, from 0."""
    stream: int = 0
    """Number of the random stream, as in `qohort eval`; another one gives other episodes."""
    out: Path | None = None
    """Where to write; in the (first) run folder, episode.html, if not given."""
    serve: bool = False
    """Show the page from a local server instead, which follows a run in progress."""
    port: int = 8340
    """Where the server listens; 0 for any port that is free."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.runs) <= 2:
            raise QohortError(f"{len(self.runs)} runs are given; a page shows one run, or two side by side.")
        if self.serve and len(self.teams) > 1:
            raise QohortError("--serve follows one team; give one run and one seed.")
        if len(self.seed) > 2 or (len(self.runs) == 2 and len(self.seed) == 1):
            raise QohortError(f"--seed has {len(self.seed)} seeds; give one for each team, of which a page shows two.")
        refuse(stream=self.stream, number=self.number)
        if not 0 <= self.port < 65536:
            raise QohortError(f"--port is {self.port}; ports go from 0 to 65535.")

    @property
    def teams(self) -> tuple[tuple[Path, int | None], ...]:
        """The run and the seed of every team."""
        seeds = self.seed or (None,) * len(self.runs)
        return tuple(zip(self.runs if len(self.runs) > 1 else self.runs * len(seeds), seeds, strict=True))


def main(argv: Sequence[str]) -> int:
    """Play, write, and say where the page is."""
    if not argv:
        raise QohortError("`qohort watch` needs a run folder, as in `qohort watch runs/battle/3m/qatten-1234abcd`.")
    flags = parse(WatchFlags, argv, prog="qohort watch")
    if flags.serve:
        from qohort.watch.serve import serve

        ((run, seed),) = flags.teams
        which = flags.which or "last"
        return serve(run, seed=seed, which=which, number=flags.number, stream=flags.stream, port=flags.port)
    print(f"{_write(flags)}")
    return 0


def _write(flags: WatchFlags) -> Path:
    from qohort.report.episode import watch
    from qohort.watch.page import NAME, page, refuse_folder, write_page
    from qohort.watch.record import record

    out = flags.out or flags.runs[0] / NAME
    refuse_folder(out)
    configs = [read_run(run) for run, _ in flags.teams]
    worlds = {config.world for config in configs}
    if len(worlds) > 1:
        raise QohortError(
            f"The runs are of different worlds, {' and '.join(sorted(worlds))}; side by side, teams start alike."
        )
    start = configs[0].run.seed if flags.teams[0][1] is None else flags.teams[0][1]
    episodes = [
        watch(run, seed=seed, which=flags.which or "best", number=flags.number, stream=flags.stream, start=start)
        for run, seed in flags.teams
    ]
    title = episodes[0].title if len(episodes) == 1 else f"{configs[0].world}: two teams, one start"
    text = page(title, [record(episode) for episode in episodes])
    return write_page(out, text)
