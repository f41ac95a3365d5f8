"""What all figures share: type, tones, how algorithms look, and writing them so that a crash leaves the old one."""

import contextlib
import dataclasses
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qohort.report.extras import missing
from qohort.training import disk

INK, MUTED, FAINT, OURS = "#222228", "#7a756c", "#d0ccc4", "#0072b2"

FORMATS = ("png", "svg")


def spoken(metric: str) -> str:
    """What is written on an axis or in a table for a name of the metric files; what is no evaluation's keeps it."""
    return metric.removeprefix("eval/").replace("_", " ") if metric.startswith("eval/") else metric


_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "svg.hashsalt": "qohort",
    "text.parse_math": False,  # labels and worlds are names
    "svg.fonttype": "path",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}

_SOLID, _DASHED, _DOTTED, _MIXED = "solid", (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """How an algorithm is drawn: colour and marker each tell any of seven apart, dashes those that come after."""

    colour: str
    dashes: Any
    marker: str


_LOOKS = (
    # Okabe and Ito's colours, which differ for colour-blind eyes too; their yellow is too pale for a line.
    Look(colour="#0072b2", dashes=_SOLID, marker="o"),
    Look(colour="#d55e00", dashes=_DASHED, marker="s"),
    Look(colour="#009e73", dashes=_MIXED, marker="^"),
    Look(colour="#af5f8f", dashes=_DOTTED, marker="D"),
    Look(colour="#222228", dashes=_SOLID, marker="v"),
    Look(colour="#e69f00", dashes=_DASHED, marker="P"),
    Look(colour="#56b4e9", dashes=_MIXED, marker="X"),
)
_AGAIN = (_SOLID, _DASHED, _MIXED, _DOTTED)


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """A look for every label; after seven, colours come again with other dashes."""
    found = {}
    for index, label in enumerate(labels):
        turn, place = divmod(index, len(_LOOKS))
        look = _LOOKS[place]
        dashes = _AGAIN[(_AGAIN.index(look.dashes) + turn) % len(_AGAIN)]
        found[label] = dataclasses.replace(look, dashes=dashes)
    return found


def require() -> None:
    """Refuse, if figures cannot be drawn here."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing("Drawing a curve", "matplotlib", "plots") from error


@contextlib.contextmanager
def styled(size: int) -> Iterator[None]:
    """Figures made inside have our type; `size` is the one of text, in points."""
    require()
    from matplotlib import rc_context

    style: dict[Any, Any] = {**_STYLE, "font.size": size}
    with rc_context(style):
        yield


def save(figure: Any, paths: Sequence[Path]) -> None:
    """Write a figure; the ending of each path chooses the format. Equal figures are equal bytes."""
    for path in paths:
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        with disk.explained(path, "write"), disk.in_place(path) as writing:
            figure.savefig(writing, format=path.suffix[1:], dpi=150, metadata=metadata)


def dress(axes: Any, *, rates: bool) -> None:
    """Axes as all our figures have them; `rates` is for values between 0 and 1 that are read as per cent."""
    if rates:
        axes.set_ylim(-0.04, 1.04)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def headline(axes: Any, text: str) -> None:
    """What a panel shows; a world with many options is broken behind one of them."""
    width = int(axes.get_figure().get_figwidth() * axes.get_position().width / 0.105)  # of letters of this size
    parts = textwrap.wrap(text.replace("?", "? ").replace("&", "& "), width, break_long_words=False)
    lines = [line.replace("? ", "?").replace("& ", "&") for line in parts]
    axes.set_title("\n".join(lines), loc="left", fontsize=13, color=INK)


def footnote(figure: Any, text: str) -> None:
    """Small print below; broken, since a line wider than the figure would push the axes together."""
    width = int(figure.get_figwidth() / 0.085)  # an inch has about twelve letters of this size
    lines = [line for paragraph in text.split("\n") for line in textwrap.wrap(paragraph, width)]
    figure.supxlabel("\n".join(lines), fontsize=10, color=MUTED)


def short(steps: float) -> str:
    """A number of steps as axes write it."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(steps) >= size:
            return f"{steps / size:g}{letter}"
    return f"{steps:g}"
