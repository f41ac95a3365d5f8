"""What is to be trained, and whether it can be: one place for `qohort train` and for the cells of a study."""

from typing import Any

from qohort.algorithms.base import AbstractAlgorithm
from qohort.envs import AbstractEnv
from qohort.envs.fingerprint import fingerprint
from qohort.training.run import Run
from qohort.training.settings import config_to_dict
from qohort.training.sinks import event_files


def check(algorithm: AbstractAlgorithm, env: AbstractEnv, run: Run) -> None:
    """Refuse what cannot be trained, before anything is written; `run.grid_of` looks at the lengths."""
    algorithm.check(env.spec)
    algorithm.feed.check_chunk(run.chunk)
    if run.tensorboard:
        event_files()


def config_of(
    algorithm: AbstractAlgorithm, world: str | AbstractEnv, run: Run, *, name: str, source: str
) -> dict[str, Any]:
    """What `config.json` says.

    Args:
        algorithm: its settings.
        world: a name, or a world that was made in Python; of such a one the name does not say everything.
        run: length, seeds, evaluation and files.
        name: what the run folder calls the algorithm.
        source: where the settings come from.
    """
    made = {} if isinstance(world, str) else {"world_object": fingerprint(world)}
    return {
        "name": name,
        "world": world if isinstance(world, str) else world.spec.name,
        **made,
        "source": source,
        "algorithm": config_to_dict(algorithm),
        "run": config_to_dict(run),
    }
