"""An episode as a page carries it: who could do what and did what, what it was taken to be worth, and what it was."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from qohort.estimators.exploration import mask_unavailable
from qohort.report.episode import Episode
from qohort.watch.pack import Pack
from qohort.watch.stage import stage

MOST = 4_000_000
"""So many numbers of observations are carried at most; of larger ones the page says that they are left out."""


def record(episode: Episode, *, step: int | None = None, goal: int | None = None) -> bytes:
    """Everything that a page shows of an episode.

    Args:
        episode: what was played.
        step: the environment step at which the team was saved, for a page that follows a run.
        goal: the step at which its training ends.
    """
    pack, spec = Pack(), episode.env.spec
    header: dict[str, Any] = {
        "title": episode.title,
        "world": spec.name,
        "agents": list(spec.agents),
        "actions": list(spec.actions),
        "idle": spec.no_op,
        "length": episode.length,
        "ending": episode.caption(episode.length)[1],
        "outcome": {"return": episode.gained(episode.length), **_finite(episode.metrics)},
        "outputs": episode.outputs,
        "step": step,
        "goal": goal,
        "scene": stage(episode, pack),
        "values": pack.exact(_values(episode)),
        "avail": pack.whole(episode.avail),
        "alive": pack.whole(episode.alive),
        "chosen": pack.whole(episode.actions),
        "rewards": pack.exact(episode.rewards),
        "returns": None if episode.returns is None else pack.exact(episode.returns),
        "joint": _joint(episode, pack),
        "heard": None if episode.heard is None else pack.coarse(episode.heard),
        "seen": _seen(episode, pack),
    }
    return pack.bytes(header)


def _values(episode: Episode) -> Float[np.ndarray, "T1 N A"]:
    """Utilities as they are; of logits, the probabilities of a policy that does not explore."""
    if episode.outputs == "utilities":
        return episode.values
    return np.asarray(jax.nn.softmax(mask_unavailable(jnp.asarray(episode.values), jnp.asarray(episode.avail))))


def _joint(episode: Episode, pack: Pack) -> dict[str, Any]:
    """What the mixer made of it, or why there is nothing."""
    made = episode.joint
    if isinstance(made, str):
        return {"missing": made}
    chosen = np.take_along_axis(episode.values[:-1], episode.actions[..., None], axis=-1)[..., 0]
    told: dict[str, Any] = {"q_tot": pack.exact(made.q_tot)}
    rest = made.rest(chosen)
    if made.slopes is None or rest is None:
        return told
    value = made.aux.get("state_value")
    told["slopes"], told["rest"] = pack.exact(made.slopes), pack.exact(rest)
    told["linear"] = value is not None and value.shape == rest.shape and np.allclose(value, rest, atol=1e-3)
    if "attention" in made.aux:
        told["attention"] = pack.exact(made.aux["attention"])
        told["head_weights"] = pack.exact(made.aux["head_weights"])
    if "importance" in made.aux:
        told["importance"] = pack.exact(made.aux["importance"])
    return told


def _seen(episode: Episode, pack: Pack) -> dict[str, Any]:
    """What agents observed, by name."""
    features = episode.env.spec.obs_features
    size = episode.alive.size * len(features)
    if size > MOST:
        return {"missing": f"{size:,} numbers were observed in this episode: too many for a page."}
    observed = jax.jit(jax.vmap(episode.env.observe))(episode.snapshots)
    return {"names": list(features), "obs": pack.coarse(np.asarray(observed.obs), by_entry=True)}


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Those that are numbers; JSON has no others."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
