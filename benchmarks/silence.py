"""What a team that talks loses where nobody is heard.

    python benchmarks/silence.py RUN... [--episodes 1280] [--world NAME]

Each run's team plays greedily, as it was trained and with all messages set to zero, the same episodes both times. What
the two differ by is what the messages that it learned to send are worth to it; a team that was trained without messages
may do better than one that has lost them.
"""

import dataclasses
import json
import pathlib
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tyro

import qohort
from qohort.errors import QohortError
from qohort.networks.talking import TalkingTeam
from qohort.training.load import LoadedTeam, Which, read_run

RESULTS = pathlib.Path(__file__).parent / "results" / "junction-silence.json"
TOLD = ("return", "won", "win_rate", "collisions")
"""Which of the episodes' values are told, of those that a world has."""


@dataclasses.dataclass(frozen=True)
class Flags:
    runs: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """Run folders of teams that talk."""
    episodes: int = 1280
    """How many are played."""
    world: str | None = None
    """Another world of the same sizes; the run's own if not given."""
    which: Which = "best"
    """The best team, or the newest one."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def main(flags: Flags) -> None:
    """Print and write two rows for each run."""
    rows = []
    for run in flags.runs:
        config = read_run(run)
        env = qohort.make(flags.world) if flags.world else config.make()
        team = qohort.load(run, which=flags.which)
        for heard in (True, False):
            played = qohort.evaluate(team if heard else silenced(team), env, episodes=flags.episodes)
            means = {name: round(float(np.mean(played[name])), 3) for name in TOLD if name in played}
            rows.append(
                {"run": str(run), "world": flags.world or config.world, "step": team.step, "heard": heard, **means}
            )
            print(f"{run}: {'as trained' if heard else 'silenced'}: {means}")
    flags.out.write_text(json.dumps({"episodes": flags.episodes, "rows": rows}, indent=1) + "\n")


def silenced(team: LoadedTeam) -> LoadedTeam:
    """The same team, which hears nothing but zeros."""
    network = team.network
    if not isinstance(network, TalkingTeam) or network.channel is None:
        raise QohortError("This team does not talk: there is nothing to silence.")
    message = network.channel.message
    mute = eqx.tree_at(lambda talking: talking.channel.message, network, jax.tree.map(jnp.zeros_like, message))
    return LoadedTeam(team.algorithm, mute, team.spec, step=team.step)


if __name__ == "__main__":
    main(tyro.cli(Flags, description=__doc__))
