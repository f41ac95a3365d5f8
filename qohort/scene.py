"""What a world wants drawn, as data: a renderer decides how it looks.

A scene is a stack of layers, painted in their order. Every layer holds a fixed number of marks, so that the scenes
of an episode stack over time; marks that are not there at a moment are not `visible`. Positions are in the world's
own units: x grows to the right, y upwards.

Colours are roles. A reader who sees none of them must still tell things apart: give marks of two meanings different
shapes, outlines or labels too.
"""

import enum
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Shaped

Given = ArrayLike | Sequence[ArrayLike] | Sequence[Sequence[ArrayLike]]
"""Arrays, numbers, and lists of them."""


class Tone(enum.IntEnum):
    """The palette, by role."""

    NONE = 0
    """Nothing is painted."""
    PAPER = 1
    """What pictures are drawn on; also for text on dark marks."""
    GROUND = 2
    """Where one may go."""
    WALL = 3
    """Where one may not."""
    FAINT = 4
    MUTED = 5
    INK = 6
    """Text and outlines."""
    OURS = 7
    """The team."""
    THEIRS = 8
    """Who or what is against it."""
    THIRD = 9
    """Whoever is neither."""
    GOOD = 10
    """Health, goals, success."""
    SHIELD = 11
    ACCENT = 12
    """What to look at first."""
    GLOW = 13
    """An area to notice: sight, range."""


class Circles(eqx.Module):
    """Discs, rings, and regular polygons: units, goals, ranges."""

    centre: Float[Array, "*rows n 2"]
    radius: Float[Array, "*rows n"]
    fill: Int[Array, "*rows n"]
    outline: Int[Array, "*rows n"]
    sides: Int[Array, "*rows n"]
    """0 is round; 3 or more is a polygon standing on its base, so that kinds differ in shape."""
    visible: Bool[Array, "*rows n"]

    def __init__(
        self,
        centre: Given,
        radius: Given,
        *,
        fill: Given = Tone.OURS,
        outline: Given = Tone.INK,
        sides: Given = 0,
        visible: Given = True,
    ) -> None:
        """Everything but the centres may be one value for all."""
        self.centre = jnp.asarray(centre, jnp.float32)
        n = self.centre.shape[0]
        self.radius = _each(radius, n, jnp.float32)
        self.fill = _each(fill, n, jnp.int32)
        self.outline = _each(outline, n, jnp.int32)
        self.sides = _each(sides, n, jnp.int32)
        self.visible = _each(visible, n, jnp.bool_)


class Rectangles(eqx.Module):
    """Terrain, cells, walls, and bars, of which only a part is filled."""

    low: Float[Array, "*rows n 2"]
    """The lower left corners."""
    high: Float[Array, "*rows n 2"]
    """The upper right corners."""
    full: Float[Array, "*rows n"]
    """The filled part of the width, from the left, 0 to 1: health, shields, progress."""
    fill: Int[Array, "*rows n"]
    empty: Int[Array, "*rows n"]
    """The tone of the rest."""
    outline: Int[Array, "*rows n"]
    visible: Bool[Array, "*rows n"]

    def __init__(
        self,
        low: Given,
        high: Given,
        *,
        full: Given = 1.0,
        fill: Given = Tone.GROUND,
        empty: Given = Tone.PAPER,
        outline: Given = Tone.NONE,
        visible: Given = True,
    ) -> None:
        """Everything but the corners may be one value for all."""
        self.low = jnp.asarray(low, jnp.float32)
        self.high = jnp.asarray(high, jnp.float32)
        n = self.low.shape[0]
        self.full = _each(full, n, jnp.float32)
        self.fill = _each(fill, n, jnp.int32)
        self.empty = _each(empty, n, jnp.int32)
        self.outline = _each(outline, n, jnp.int32)
        self.visible = _each(visible, n, jnp.bool_)


class Lines(eqx.Module):
    """Borders, paths, shots."""

    start: Float[Array, "*rows n 2"]
    end: Float[Array, "*rows n 2"]
    tone: Int[Array, "*rows n"]
    weight: Float[Array, "*rows n"]
    """How thick; 1 is the renderer's thin line, whatever the world's size."""
    dashed: Bool[Array, "*rows n"]
    visible: Bool[Array, "*rows n"]

    def __init__(
        self,
        start: Given,
        end: Given,
        *,
        tone: Given = Tone.INK,
        weight: Given = 1.0,
        dashed: Given = False,
        visible: Given = True,
    ) -> None:
        """Everything but the ends may be one value for all."""
        self.start = jnp.asarray(start, jnp.float32)
        self.end = jnp.asarray(end, jnp.float32)
        n = self.start.shape[0]
        self.tone = _each(tone, n, jnp.int32)
        self.weight = _each(weight, n, jnp.float32)
        self.dashed = _each(dashed, n, jnp.bool_)
        self.visible = _each(visible, n, jnp.bool_)


class Labels(eqx.Module):
    """Words, out of a list that is fixed for the world."""

    at: Float[Array, "*rows n 2"]
    """The middle of each label; of its left or right edge if it is anchored there."""
    which: Int[Array, "*rows n"]
    """The label's place in `texts`."""
    tone: Int[Array, "*rows n"]
    visible: Bool[Array, "*rows n"]
    texts: tuple[str, ...] = eqx.field(static=True)
    size: float = eqx.field(static=True)
    """The height of a line, in the world's units."""
    anchor: str = eqx.field(static=True)
    """`left`, `middle` or `right`."""

    def __init__(
        self,
        at: Given,
        texts: tuple[str, ...],
        *,
        size: float,
        which: Given | None = None,
        tone: Given = Tone.INK,
        anchor: str = "middle",
        visible: Given = True,
    ) -> None:
        """Without `which`, label k says `texts[k]`."""
        self.at = jnp.asarray(at, jnp.float32)
        n = self.at.shape[0]
        self.which = _each(jnp.arange(n) if which is None else which, n, jnp.int32)
        self.tone = _each(tone, n, jnp.int32)
        self.visible = _each(visible, n, jnp.bool_)
        self.texts = texts
        self.size = size
        self.anchor = anchor


Layer = Circles | Rectangles | Lines | Labels
"""Whatever a scene is made of."""


class Scene(eqx.Module):
    """One moment of a world, to be drawn."""

    layers: tuple[Layer, ...]
    """Painted in this order."""
    bounds: tuple[float, float, float, float] = eqx.field(static=True)
    """Left, bottom, right and top of what is shown."""
    note: str = eqx.field(static=True, default="")
    """A sentence that explains the marks; it stands under the picture."""
    agents: Float[Array, "*rows N 2"] | None = None
    """Where each agent is, in the order of the world's agents: a viewer lets one point at them. None if nowhere."""
    reach: Float[Array, "*rows N"] | None = None
    """How far from there each agent can do something to others; 0 where there is nothing to show."""


def sound(scene: Scene) -> Bool[Array, ""]:
    """Whether what is visible can be drawn: finite numbers, tones of the palette, words of the list."""
    faults = [jnp.zeros((), bool)]
    for layer in scene.layers:
        match layer:
            case Circles():
                tones, numbers = (layer.fill, layer.outline), (layer.centre, layer.radius)
            case Rectangles():
                tones, numbers = (layer.fill, layer.empty, layer.outline), (layer.low, layer.high, layer.full)
            case Lines():
                tones, numbers = (layer.tone,), (layer.start, layer.end, layer.weight)
            case Labels():
                tones, numbers = (layer.tone,), (layer.at,)
                faults.append(jnp.any(layer.visible & ((layer.which < 0) | (layer.which >= len(layer.texts)))))
        faults += [jnp.any(layer.visible & ((tone < 0) | (tone >= len(Tone)))) for tone in tones]
        faults += [jnp.any(layer.visible & ~jnp.isfinite(x.reshape(len(x), -1)).all(axis=1)) for x in numbers]
    faults += [~jnp.isfinite(x).all() for x in (scene.agents, scene.reach) if x is not None]
    return ~jnp.any(jnp.stack(faults))


def _each(value: Given, n: int, dtype: object) -> Shaped[Array, " n"]:
    """One value for all, or one for each."""
    return jnp.broadcast_to(jnp.asarray(value, dtype), (n,))  # pyright: ignore[reportArgumentType]
