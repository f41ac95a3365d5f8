"""Scenes as pixels: pictures, GIFs and MP4s. Needs the extra `video`; no screen is needed."""

import math
import subprocess
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from qohort.errors import QohortError
from qohort.report.episode import Episode
from qohort.report.extras import missing
from qohort.scene import Circles, Labels, Layer, Lines, Rectangles, Scene, Tone
from qohort.training import disk

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise missing("Drawing a scene", "Pillow", "video") from error

Colour = tuple[int, int, int]

PALETTE: dict[Tone, Colour] = {
    # Okabe and Ito's colours, which differ for colour-blind eyes too, on warm greys
    Tone.PAPER: (255, 255, 255),
    Tone.GROUND: (240, 238, 233),
    Tone.WALL: (116, 110, 100),
    Tone.FAINT: (208, 204, 196),
    Tone.MUTED: (122, 117, 108),
    Tone.INK: (34, 34, 40),
    Tone.OURS: (0, 114, 178),
    Tone.THEIRS: (213, 94, 0),
    Tone.THIRD: (175, 95, 143),
    Tone.GOOD: (0, 158, 115),
    Tone.SHIELD: (86, 180, 233),
    Tone.ACCENT: (240, 190, 40),
    Tone.GLOW: (255, 240, 190),
}

FINER = 3
"""Everything is drawn so many times larger and averaged down: smooth edges."""
MARGIN, STROKE = 20.0, 1.5
TITLE, CAPTION, NOTE = 20.0, 19.0, 15.0
"""Heights of text, in pixels of a picture 720 wide; other widths in proportion."""
DESIGNED = 720
TALLEST = 1.25
"""A scene is at most so many times as high as the page is wide."""
STEP, REST = 0.6, 2.5
"""Seconds that a moment is shown, and the last one."""


def draw(scene: Scene, *, width: int = DESIGNED, title: str = "", caption: Sequence[str] = ()) -> Image.Image:
    """A picture of one moment, as high as it has to be.

    Args:
        scene: what `env.scene(snapshot)` returned.
        width: in pixels.
        title: a line above.
        caption: lines below; one that is too long is broken.
    """
    page = _Page(width, scene.bounds)
    lines = [line for text in caption for line in page.broken(text, CAPTION)]
    return page.paint(jax.tree.map(np.asarray, scene), title=title, caption=lines, room=len(lines))


def pictures(episode: Episode, *, width: int = DESIGNED) -> list[Image.Image]:
    """One for every moment of an episode, all of one size."""
    first = episode.env.scene(jax.tree.map(lambda leaf: leaf[0], episode.snapshots))
    if first is None:
        raise QohortError(
            f"{episode.env.spec.name} cannot be drawn: it has no scene. Give the world a method "
            "`scene(self, snapshot)` that returns a qohort.scene.Scene; games/relay has one to look at."
        )
    scenes = jax.tree.map(np.asarray, jax.jit(jax.vmap(episode.env.scene))(episode.snapshots))
    page = _Page(width, first.bounds)
    moments = range(episode.length + 1)
    captions = [[line for text in episode.caption(t) for line in page.broken(text, CAPTION)] for t in moments]
    room = max(map(len, captions))
    return [
        page.paint(jax.tree.map(lambda leaf, t=t: leaf[t], scenes), title=episode.title, caption=captions[t], room=room)
        for t in moments
    ]


def write_png(picture: Image.Image, path: Path) -> Path:
    """A picture as a PNG."""
    with disk.explained(path, "write"), disk.in_place(path) as writing:
        picture.save(writing, format="PNG")
    return path


def write_gif(episode: Episode, path: Path, *, width: int = DESIGNED, seconds: float = STEP) -> Path:
    """The episode as a GIF that plays for ever.

    Args:
        episode: what `watch` returned.
        path: where to write.
        width: in pixels.
        seconds: how long a moment is shown; the last one stays a little longer.
    """
    frames = pictures(episode, width=width)
    shared = _shared_palette(frames[len(frames) // 2])
    flat = [frame.quantize(palette=shared, dither=Image.Dither.NONE) for frame in frames]
    shown = [round(1000 * seconds)] * (len(flat) - 1) + [round(1000 * max(seconds, REST))]
    with disk.explained(path, "write"), disk.in_place(path) as writing:
        flat[0].save(writing, format="GIF", save_all=True, append_images=flat[1:], duration=shown, loop=0)
    return path


def write_mp4(episode: Episode, path: Path, *, width: int = DESIGNED, seconds: float = STEP) -> Path:
    """The episode as a film; the arguments are those of `write_gif`."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise missing("Writing an MP4", "imageio-ffmpeg", "video") from error
    frames = [_even(frame) for frame in pictures(episode, width=width)]
    frames += [frames[-1]] * math.ceil(REST / seconds)
    wide, high = frames[0].size
    with disk.explained(path, "write"), disk.in_place(path) as writing:
        arguments = [
            *("-loglevel", "error", "-y"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{wide}x{high}", "-r", f"{1 / seconds:g}", "-i", "-"),
            # Browsers want this layout of pixels, and players a rate that is not far below a film's.
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-r", "20", "-movflags", "+faststart", "-f", "mp4"),
            str(writing),
        ]
        pixels = b"".join(frame.tobytes() for frame in frames)
        done = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), *arguments], input=pixels, capture_output=True, check=False
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it did not say why"]
            raise QohortError(f"Cannot write {path}: ffmpeg failed: {said[-1]}. A GIF needs no ffmpeg.")
    return path


def _shared_palette(example: Image.Image) -> Image.Image:
    """One palette for all frames, or still parts would flicker: every tone as it is, and the edges between them."""
    tones = np.array(list(PALETTE.values()))
    edges = np.array(example.quantize(256 - len(tones), dither=Image.Dither.NONE).getpalette()).reshape(-1, 3)
    # Pillow looks for the nearest colour in steps of 8: one that all but is a tone would take its place.
    apart = np.abs(edges[:, None, :] - tones[None, :, :]).max(axis=-1).min(axis=-1) >= 8
    shared = Image.new("P", (1, 1))
    shared.putpalette(np.concatenate([tones, edges[apart]]).ravel().tolist())
    return shared


def _even(picture: Image.Image) -> Image.Image:
    """Films have even sizes."""
    wide, high = picture.size
    grown = Image.new("RGB", (wide + wide % 2, high + high % 2), PALETTE[Tone.PAPER])
    grown.paste(picture)
    return grown


class _Page:
    """A sheet for pictures of one world: where its units lie, and what is written around."""

    def __init__(self, width: int, bounds: tuple[float, float, float, float]) -> None:
        if width < 64:
            raise QohortError(f"`width` is {width}; a picture is at least 64 pixels wide.")
        self._left, self._bottom, right, self._top = bounds
        self._width = width * FINER
        self._unit = self._width / DESIGNED
        """One pixel of the design."""
        self._margin = MARGIN * self._unit
        room = self._width - 2 * self._margin
        self._scale = min(room / (right - self._left), TALLEST * room / (self._top - self._bottom))
        self._wide, self._high = (right - self._left) * self._scale, (self._top - self._bottom) * self._scale
        self._begin = (self._width - self._wide) / 2
        self._fonts: dict[int, Any] = {}

    def broken(self, text: str, size: float) -> list[str]:
        """Lines of a text that fit the page."""
        lines = [""]
        for word in _known(text).split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self._font(size * self._unit).getlength(longer) > self._width - 2 * self._margin:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def paint(self, scene: Scene, *, title: str, caption: Sequence[str], room: int) -> Image.Image:
        """The scene with its writing; `room` is for so many lines of a caption."""
        above = [(line, TITLE, Tone.INK) for line in self.broken(title, TITLE) if line]
        gap = ("", NOTE / 3, Tone.MUTED)
        below = [gap, *((line, CAPTION, Tone.INK) for line in caption)]
        below += [("", CAPTION, Tone.INK)] * (room - len(caption)) + [gap]
        below += [(line, NOTE, Tone.MUTED) for line in self.broken(scene.note, NOTE) if line]
        self._ground = self._margin * 0.8 + self._depth(above)
        height = self._ground + self._high + self._depth(below) + self._margin
        finer = (self._width, math.ceil(height / FINER) * FINER)
        image = Image.new("RGB", finer, PALETTE[Tone.PAPER])
        self._draw = ImageDraw.Draw(image)
        for layer in scene.layers:
            self._layer(layer)
        # What a scene drew beyond its bounds is not shown.
        right, floor = self._begin + self._wide, self._ground + self._high
        wide, high = image.size
        for box in (
            (0, 0, wide, self._ground),
            (0, floor, wide, high),
            (0, 0, self._begin, high),
            (right, 0, wide, high),
        ):
            self._draw.rectangle(box, fill=PALETTE[Tone.PAPER])
        self._write(above, self._margin * 0.8)
        self._write(below, floor)
        return image.reduce(FINER)

    def _layer(self, layer: Layer) -> None:
        for mark in map(int, np.flatnonzero(layer.visible)):
            match layer:
                case Circles():
                    self._circle(layer, mark)
                case Rectangles():
                    self._rectangle(layer, mark)
                case Lines():
                    self._line(layer, mark)
                case Labels():
                    self._label(layer, mark)

    def _circle(self, layer: Circles, mark: int) -> None:
        x, y = self._place(layer.centre[mark])
        radius, sides = float(layer.radius[mark]) * self._scale, int(layer.sides[mark])
        fill, outline = _colour(layer.fill[mark]), _colour(layer.outline[mark])
        pen = self._pen(1.0) if outline else 0
        if sides < 3:
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=outline, width=pen)
            return
        turn = math.pi / 2 + math.pi / sides
        angles = [turn + 2 * math.pi * k / sides for k in range(sides)]
        corners = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
        self._draw.polygon(corners, fill=fill, outline=outline, width=max(pen, 1))

    def _rectangle(self, layer: Rectangles, mark: int) -> None:
        x0, y1 = self._place(layer.low[mark])
        x1, y0 = self._place(layer.high[mark])
        full = float(layer.full[mark])
        middle = x0 + (x1 - x0) * min(max(full, 0.0), 1.0)
        fill, empty, outline = (_colour(tone[mark]) for tone in (layer.fill, layer.empty, layer.outline))
        if full < 1 and empty:
            self._draw.rectangle((x0, y0, x1, y1), fill=empty)
        if full > 0 and fill:
            self._draw.rectangle((x0, y0, middle, y1), fill=fill)
        if outline:
            self._draw.rectangle((x0, y0, x1, y1), outline=outline, width=self._pen(1.0))

    def _line(self, layer: Lines, mark: int) -> None:
        colour = _colour(layer.tone[mark])
        if colour is None:
            return
        start, end = np.array(self._place(layer.start[mark])), np.array(self._place(layer.end[mark]))
        pen = self._pen(float(layer.weight[mark]))
        pieces = [(0.0, 1.0)]
        if layer.dashed[mark]:
            dashes = max(1, round(float(np.linalg.norm(end - start)) / (14 * self._unit)))
            pieces = [(k / dashes, (k + 0.6) / dashes) for k in range(dashes)]
        for begins, ends in pieces:
            self._draw.line([tuple(start + t * (end - start)) for t in (begins, ends)], fill=colour, width=pen)

    def _label(self, layer: Labels, mark: int) -> None:
        colour, text = _colour(layer.tone[mark]), _known(layer.texts[int(layer.which[mark])])
        if colour is None:
            return
        font = self._font(layer.size * self._scale)
        # Letters stand in the middle by the height of a capital, so that all labels of a row share a line.
        ascent = -font.getbbox("X", anchor="ls")[1]
        x, y = self._place(layer.at[mark])
        side = {"left": "l", "middle": "m", "right": "r"}[layer.anchor]
        self._draw.text((x, y + ascent / 2), text, fill=colour, font=font, anchor=f"{side}s")

    def _write(self, lines: Sequence[tuple[str, float, Tone]], y: float) -> None:
        for text, size, tone in lines:
            font = self._font(size * self._unit)
            self._draw.text((self._margin, y), text, fill=PALETTE[tone], font=font, anchor="la")
            y += self._depth([(text, size, tone)])

    def _depth(self, lines: Sequence[tuple[str, float, Tone]]) -> float:
        return 1.4 * self._unit * sum((size for _, size, _ in lines), 0.0)

    def _place(self, point: Any) -> tuple[float, float]:
        x, y = float(point[0]), float(point[1])
        return self._begin + (x - self._left) * self._scale, self._ground + (self._top - y) * self._scale

    def _pen(self, weight: float) -> int:
        return max(1, round(weight * STROKE * self._unit))

    def _font(self, size: float) -> Any:
        """Pillow's own font, so that pictures are the same everywhere."""
        pixels = max(1, round(size))
        if pixels not in self._fonts:
            self._fonts[pixels] = ImageFont.load_default(pixels)
        return self._fonts[pixels]


def _colour(tone: Any) -> Colour | None:
    return PALETTE.get(Tone(int(tone)))


def _known(text: str) -> str:
    """The text in letters that the font has: accents are dropped, and what is left over is a question mark."""
    for special, plain in (("×", "x"), ("−", "-"), ("–", "-"), ("—", "-"), ("→", "->"), ("·", ";")):
        text = text.replace(special, plain)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode()
