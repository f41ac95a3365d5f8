"""`qohort resume RUN` and `qohort eval RUN`."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from qohort.cli.train import finish
from qohort.envs import make
from qohort.errors import QohortError
from qohort.plain import plain
from qohort.training.flags import parse
from qohort.training.load import Which, check_asked, load, read_run
from qohort.training.load import evaluate as play
from qohort.training.run import Run
from qohort.training.tally import metric_name
from qohort.training.train import train


@dataclasses.dataclass(frozen=True)
class ResumeFlags:
    run: Annotated[Run, tyro.conf.arg(name="")] = Run()


def resume(argv: Sequence[str]) -> int:
    """Go on with a run; length, evaluation and logging may be changed."""
    folder, rest = _folder("resume", argv, ResumeFlags)
    config = read_run(folder)
    before = dataclasses.replace(config.run, folder=folder, fresh=False)
    flags = parse(ResumeFlags, rest, prog=f"qohort resume {folder}", default={"run": before})
    if (flags.run.folder, flags.run.root) != (folder, before.root):
        raise QohortError(f"A run goes on where it is, in {folder}; to have it elsewhere, move the folder first.")
    if flags.run.fresh:
        raise QohortError(
            f"--fresh begins another run, and {folder} is to go on; `qohort train` with --fresh starts one beside it."
        )
    world = config.world if config.world_object is None else config.make()
    return finish(train(config.algorithm, world, flags.run, name=config.name, source=config.source))


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvalFlags:
    """Play greedy episodes with a trained team and print what came out."""

    world: str | None = None
    """Another world of the same sizes to play in, such as the run's with other options; its own if not given."""
    seed: int | None = None
    """Which seed's team; the run's first if not given."""
    which: Which = "best"
    """The team with the best evaluation, or the newest one."""
    episodes: int = 320
    """How many episodes to play."""
    stream: int = 0
    """Number of the random stream; another one gives other episodes."""
    json: bool = False
    """Print every episode's values as JSON."""

    def __post_init__(self) -> None:
        refuse(stream=self.stream, episodes=self.episodes)


def refuse(**asked: int) -> None:
    """Refuse streams and episodes that there are none of, in the words of the command line."""
    try:
        check_asked(**asked)
    except QohortError as error:
        raise QohortError(f"--{error}") from None


def evaluate(argv: Sequence[str]) -> int:
    """Greedy episodes of a saved team."""
    folder, rest = _folder("eval", argv, EvalFlags)
    flags = parse(EvalFlags, rest, prog=f"qohort eval {folder}")
    config = read_run(folder)
    seed = config.run.seed if flags.seed is None else flags.seed
    team = load(folder, seed=seed, which=flags.which)
    env = config.make() if flags.world is None else make(flags.world)
    world = flags.world or config.world
    played = play(team, env, episodes=flags.episodes, seed=seed, stream=flags.stream)
    scores = {metric_name(name): value for name, value in played.items()}
    if flags.json:
        print(json.dumps(plain(scores)))
        return 0
    count = "one greedy episode" if flags.episodes == 1 else f"{flags.episodes} greedy episodes"
    print(f"{config.name} on {world}, seed {seed}, {flags.which} team, {count}")
    if flags.which == "last":
        print(f"  saved at step {team.step:,}")
    for name, value in scores.items():
        error = f" ± {value.std(ddof=1) / len(value) ** 0.5:.2g} (standard error)" if len(value) > 1 else ""
        print(f"  {name:<14} {value.mean():10.4g}{error}")
    return 0


def _folder(command: str, argv: Sequence[str], kind: type) -> tuple[Path, list[str]]:
    """The run folder, and the flags; without a folder the flags are shown with their defaults."""
    if argv and argv[0] in ("-h", "--help"):
        print(f"usage: qohort {command} RUN [flags]\n\nRUN is a run folder.\n")
        parse(kind, ["--help"], prog=f"qohort {command} RUN")
    if not argv or argv[0].startswith("-"):
        raise QohortError(
            f"`qohort {command}` needs a run folder first, as in `qohort {command} runs/games/relay/...`."
        )
    return Path(argv[0]), list(argv[1:])
