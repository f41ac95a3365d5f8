"""`qohort preview BATTLE`: a picture of the battlefield, or a film of a battle."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from qohort.envs.battle import catalogue
from qohort.envs.battle.factory import battle
from qohort.envs.battle.preview import preview
from qohort.envs.battle.scenario_file import from_json
from qohort.errors import QohortError
from qohort.training.flags import parse

FILM = 0.25
"""Seconds that a step of a film is shown: half as long as it takes in a game at normal speed."""


@dataclasses.dataclass(frozen=True)
class PreviewFlags:
    """Draw the beginning of a battle, or all of it."""

    battle: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MAP")]
    """A name from `qohort list maps`, or a scenario of your own in a JSON file."""
    out: Path | None = None
    """Where to write: a `.png` shows the ground, who stands where, and what the enemies are up to; a `.gif` or `.mp4`
    shows an episode in which the team follows a simple script. By default the battle's name with `.png`, here."""
    width: int = 720
    """Of the picture, in pixels."""
    seed: int = 0
    """Which beginning, where they are drawn, and which episode."""


def main(argv: Sequence[str]) -> int:
    """Draw, and say where the picture is."""
    flags = parse(PreviewFlags, argv, prog="qohort preview")
    from qohort.report import raster
    from qohort.report.scripted import scripted_episode

    own = flags.battle.endswith(".json")
    scenario = from_json(Path(flags.battle)) if own else catalogue.named(flags.battle.removeprefix("battle/"))
    out = flags.out or Path(f"{scenario.name}.png")
    title = scenario.name if own else f"battle/{scenario.name}"
    films = {".gif": raster.write_gif, ".mp4": raster.write_mp4}
    if (kind := out.suffix.lower()) in films:
        episode = scripted_episode(battle(scenario=scenario), seed=flags.seed, title=f"{title}, scripted")
        films[kind](episode, out, width=flags.width, seconds=FILM)
    elif kind == ".png":
        raster.write_png(raster.draw(preview(scenario, seed=flags.seed), width=flags.width, title=title), out)
    else:
        raise QohortError(f"--out is {out}; its name must end with .png for a picture, .gif or .mp4 for a film.")
    print(f"{out}")
    return 0
