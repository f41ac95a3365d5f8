"""The scenes of an episode, as a page carries them: what never changes once, the rest for every moment."""

from typing import Any

import jax
import numpy as np

from qohort.report.episode import Episode
from qohort.scene import Circles, Labels, Layer, Lines, Rectangles
from qohort.watch.pack import Entry, Pack

NUMBERS: dict[type, tuple[str, ...]] = {
    Circles: ("centre", "radius"),
    Rectangles: ("low", "high", "full"),
    Lines: ("start", "end", "weight"),
    Labels: ("at",),
}
"""The fields of each kind of layer that are numbers; the others are tones, choices and truth values."""
CHOICES: dict[type, tuple[str, ...]] = {
    Circles: ("fill", "outline", "sides", "visible"),
    Rectangles: ("fill", "empty", "outline", "visible"),
    Lines: ("tone", "dashed", "visible"),
    Labels: ("which", "tone", "visible"),
}


def stage(episode: Episode, pack: Pack) -> dict[str, Any] | None:
    """What is drawn; None if the world says nothing of it."""
    first = episode.env.scene(jax.tree.map(lambda leaf: leaf[0], episode.snapshots))
    if first is None:
        return None
    scenes = jax.tree.map(np.asarray, jax.jit(jax.vmap(episode.env.scene))(episode.snapshots))
    return {
        "bounds": list(map(float, first.bounds)),
        "note": first.note,
        "layers": [_layer(layer, pack) for layer in scenes.layers],
        "agents": None if scenes.agents is None else pack.coarse(scenes.agents),
        "reach": None if scenes.reach is None else pack.coarse(scenes.reach),
    }


def _layer(layer: Layer, pack: Pack) -> dict[str, Any]:
    kind = type(layer)
    seen = np.asarray(layer.visible)
    told: dict[str, Any] = {"kind": kind.__name__.lower(), "count": seen.shape[1]}
    for name in NUMBERS[kind]:
        told[name] = _numbers(getattr(layer, name), seen, pack)
    for name in CHOICES[kind]:
        still, values = _still(getattr(layer, name))
        told[name] = {**pack.whole(values), "still": still}
    if isinstance(layer, Labels):
        told |= {"texts": list(layer.texts), "size": layer.size, "anchor": layer.anchor}
    return told


def _numbers(values: np.ndarray, seen: np.ndarray, pack: Pack) -> Entry:
    """Numbers of marks that are not there would only widen the range."""
    hidden = ~seen.reshape(seen.shape + (1,) * (values.ndim - 2))
    shown = np.where(hidden, values[seen].min(initial=0.0), values) if hidden.any() and seen.any() else values
    still, shown = _still(shown)
    return {**pack.coarse(shown), "still": still}


def _still(values: np.ndarray) -> tuple[bool, np.ndarray]:
    """Whether all moments are equal; then one of them."""
    still = bool((values == values[:1]).all())
    return still, values[:1] if still else values
