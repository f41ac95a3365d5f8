"""`qohort preview BATTLE`: a picture of the battlefield."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from qohort.cli.parse import parse
from qohort.envs.battle import catalogue
from qohort.envs.battle.preview import preview
from qohort.envs.battle.scenario_file import from_json
from qohort.errors import QohortError


@dataclasses.dataclass(frozen=True)
class PreviewFlags:
    """Draw the beginning of a battle: the ground, who stands where, and what the enemies are up to."""

    battle: Annotated[str, tyro.conf.Positional]
    """A name from `qohort list maps`, or a scenario of your own in a JSON file."""
    out: Path | None = None
    """Where to write the picture; by default the battle's name in the current folder."""
    width: int = 720
    """Of the picture, in pixels."""
    seed: int = 0
    """Which beginning, where they are drawn."""


def main(argv: Sequence[str]) -> int:
    """Draw, and say where the picture is."""
    flags = parse(PreviewFlags, argv, prog="qohort preview")
    from qohort.report import raster

    own = flags.battle.endswith(".json")
    scenario = from_json(Path(flags.battle)) if own else catalogue.named(flags.battle.removeprefix("battle/"))
    out = flags.out or Path(f"{scenario.name}.png")
    if out.suffix.lower() != ".png":
        raise QohortError(f"--out is {out}; a preview is a PNG, so the name must end with .png.")
    title = scenario.name if own else f"battle/{scenario.name}"
    raster.write_png(raster.draw(preview(scenario, seed=flags.seed), width=flags.width, title=title), out)
    print(f"{out}")
    return 0
