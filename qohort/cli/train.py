"""`qohort train NAME WORLD`: the name, the world and a preset choose the settings, flags change them."""

import argparse
from collections.abc import Sequence

from qohort.algorithms.registry import METHODS, preset, preset_names
from qohort.errors import QohortError
from qohort.networks import TEAMS
from qohort.training.flags import flags_type, parse
from qohort.training.run import Run
from qohort.training.train import Trained, train

USAGE = f"""usage: qohort train NAME WORLD [--preset PRESET] [flags]

Train a team, or go on with the same run if it was stopped.

  NAME      {", ".join(METHODS)}
  WORLD     a name from `qohort list`, or module:factory for a world of your own
  --preset  {", ".join(preset_names())}; the world's own if it has one, else paper
  --team    {", ".join(TEAMS)}: another network for the agents than the preset's

`qohort train NAME WORLD --help` shows every flag with its value in the preset."""


def main(argv: Sequence[str]) -> int:
    """Train, and tell how it went."""
    chosen, rest = _choose(argv)
    if chosen is None:
        print(USAGE)
        return 0
    settings = preset(chosen.name, chosen.world, chosen.preset, team=chosen.team)
    flags = parse(
        flags_type(settings),
        rest,
        prog=f"qohort train {chosen.name} {chosen.world}",
        default={"algorithm": settings.algorithm, "run": Run(**settings.run)},
        description=f"Settings from: {settings.source}",
    )
    return finish(train(flags.algorithm, chosen.world, flags.run, name=chosen.name, source=settings.source))


def finish(trained: Trained) -> int:
    """The last lines, and the exit code: 128 plus the signal if one stopped the run."""
    for seed, scores in trained.absolute.items():
        figures = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
        print(f"seed {seed}: best policy, absolute metric: {figures}")
    if trained.finished:
        print(f"Everything is in {trained.folder}")
        return 0
    return 128 + (trained.signal or 0)


def _choose(argv: Sequence[str]) -> tuple[argparse.Namespace | None, list[str]]:
    """Name, world and preset; the rest is for the settings."""
    if not argv or argv[0] in ("-h", "--help"):
        return None, []
    if len(argv) < 2 or argv[0].startswith("-") or argv[1].startswith("-"):
        given = " ".join(argv[:2])
        raise QohortError(
            f"`qohort train {given}` lacks {'a world' if not argv[0].startswith('-') else 'an algorithm and a world'}: "
            "the two come first, as in `qohort train qatten games/relay --seeds 5`. `qohort list` shows what there is."
        )
    picker = argparse.ArgumentParser(prog="qohort train", add_help=False, allow_abbrev=False)
    picker.add_argument("--preset")
    picker.add_argument("--team")
    chosen, rest = picker.parse_known_args(list(argv[2:]))
    chosen.name, chosen.world = argv[:2]
    return chosen, rest
