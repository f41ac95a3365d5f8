"""Battles on disk: what happened in one episode, as `.npz`, and to look at as a GIF."""

import dataclasses
import datetime
import importlib.util
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from qohort.envs.battle.env import Battle
from qohort.envs.battle.rewards import End, ending
from qohort.envs.battle.state import Snapshot

FIELDS = tuple(field.name for field in dataclasses.fields(Snapshot))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """T steps, and T + 1 moments."""

    map_name: str
    snapshots: Snapshot
    """Every leaf begins with the axis T + 1."""
    actions: Int[np.ndarray, "T N"]
    rewards: Float[np.ndarray, " T"]


def save(
    battle: Battle,
    snapshots: Snapshot,
    actions: Sequence[Sequence[int]],
    rewards: Sequence[float],
    *,
    folder: str | pathlib.Path = "",
    prefix: str = "",
) -> pathlib.Path:
    """Write an episode as a `.npz` file, and beside it a GIF if the extra `video` and a scene are there.

    Args:
        battle: where it took place.
        snapshots: the moments, stacked.
        actions: of each step.
        rewards: likewise.
        folder: where to write; the current one if empty.
        prefix: what the name begins with; the time follows.

    Returns:
        the path of the `.npz` file.
    """
    now = datetime.datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
    path = pathlib.Path(folder) / f"{prefix or battle.scenario.name}_{now}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = np.array(actions, np.int32).reshape(-1, battle.face.n_allies)
    moments: dict[str, Any] = {
        name: np.asarray(value) for name in FIELDS if (value := getattr(snapshots, name)) is not None
    }
    np.savez_compressed(
        path, map_name=battle.scenario.name, actions=taken, rewards=np.array(rewards, np.float32), **moments
    )
    if importlib.util.find_spec("PIL") is not None:
        _film(battle, snapshots, taken, rewards, path.with_suffix(".gif"))
    return path


def load(path: str | pathlib.Path) -> Replay:
    """Read what `save` has written."""
    with np.load(path) as file:
        moments: dict[str, Any] = {name: jnp.asarray(file[name]) for name in FIELDS if name in file}
        return Replay(
            map_name=str(file["map_name"]),
            snapshots=Snapshot(**{**dict.fromkeys(FIELDS), **moments}),
            actions=file["actions"],
            rewards=file["rewards"],
        )


def _film(
    battle: Battle,
    snapshots: Snapshot,
    actions: Int[np.ndarray, "T N"],
    rewards: Sequence[float],
    path: pathlib.Path,
) -> None:
    from qohort.report.episode import Episode
    from qohort.report.raster import write_gif

    if battle.scene(jax.tree.map(lambda leaf: leaf[0], snapshots)) is None:
        return
    seen = jax.jit(jax.vmap(battle.observe))(snapshots)
    end = ending(battle.face, snapshots.kind[-1], snapshots.health[-1] > 0)
    avail = np.asarray(seen.avail)
    episode = Episode(
        env=battle,
        title=battle.spec.name,
        snapshots=snapshots,
        values=np.full(avail.shape, np.nan, np.float32),
        avail=avail,
        alive=np.asarray(seen.alive),
        actions=actions,
        rewards=np.array(rewards, np.float32).reshape(-1, 1),
        terminated=bool(end != End.OPEN),
        metrics={"won": float(end == End.WIN)},
    )
    write_gif(episode, path)
