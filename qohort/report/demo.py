"""`python -m qohort.report.demo`: train a team, then leave a curve and an episode to look at."""

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from qohort.errors import QohortError

if TYPE_CHECKING:
    from qohort.report.curves import Curve

NAME, WORLD = "qatten", "battle/3m"
CURVE, EPISODE = "curve.png", "episode.html"


def main() -> int:
    """Train and show; what a person can put right ends with a sentence and exit code 2."""
    try:
        return demo(Path("runs"))
    except QohortError as error:
        print(f"qohort: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("qohort: stopped at once. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 130


def demo(root: Path, **settings: int) -> int:
    """Train, write the pictures into the run folder, and tell what there is.

    Args:
        root: where run folders are made.
        settings: settings of `Run` in place of the preset's.
    """
    console = Console(highlight=False)
    story = "three Marines against three that the game commands; each sees what is near it, all share one reward."
    console.print(f"{NAME} on {WORLD}: {story}", soft_wrap=True)
    from qohort.algorithms.registry import preset
    from qohort.report import curves, figures  # a missing extra is told before training, not after it
    from qohort.report.episode import watch
    from qohort.training.run import Run
    from qohort.training.train import train
    from qohort.watch.page import page, write_page
    from qohort.watch.record import record

    figures.require()
    chosen = preset(NAME, WORLD)
    run = Run(**{**chosen.run, "root": root, **settings})
    trained = train(chosen.algorithm, WORLD, run, name=NAME, source=chosen.source)
    if not trained.finished:
        return 128 + (trained.signal or 0)
    folder = trained.folder
    curve = curves.read_curve(folder)
    curves.draw_curve(curve, [folder / CURVE])
    episode = watch(folder)
    write_page(folder / EPISODE, page(episode.title, [record(episode)]))
    console.print(_told(folder, curve, run.seed), soft_wrap=True, markup=False)
    return 0


def _told(folder: Path, curve: "Curve", seed: int) -> str:
    """What was learned, where to look, and what to try next."""
    from qohort.training.records import TIMING
    from qohort.training.seeds import seed_folder
    from qohort.training.session import ABSOLUTE_FILE

    best = json.loads((seed_folder(folder, seed) / ABSOLUTE_FILE).read_text(encoding="utf-8"))
    steps, games = int(curve.seeds[seed].steps[-1]), len(best["episodes/return"])
    command = _command()
    return f"""
{NAME} on {WORLD}, {steps:,} environment steps in {_duration(seed_folder(folder, seed) / TIMING)}
  win rate before training  {curve.seeds[seed].values[0]:6.1%}   ({curve.episodes} greedy episodes)
  win rate of the best team {best[curve.metric]:6.1%}   ({games} greedy episodes)

To look at:
  learning curve  {folder / CURVE}
  an episode      {folder / EPISODE}   (open it in a browser)

To try next:
  {command} train qatten battle/2m_vs_1z"""


def _duration(timing: Path) -> str:
    """How long the training took, all its sittings together."""
    from qohort.training.records import running_clock

    lines = timing.read_text(encoding="utf-8").splitlines()
    minutes, seconds = divmod(round(running_clock([json.loads(line)["seconds"] for line in lines])[-1]), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _command() -> str:
    """How this person calls qohort from here."""
    if shutil.which("qohort"):
        return "qohort"
    installed, here = Path(sys.executable).parent / "qohort", Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)


if __name__ == "__main__":
    sys.exit(main())
