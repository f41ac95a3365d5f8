"""One HTML file with everything in it: scripts, styles and episodes. It asks for nothing, from anywhere."""

import base64
import html
import importlib.resources
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from qohort.errors import QohortError
from qohort.training import disk

ASSETS = importlib.resources.files("qohort.watch") / "assets"
STYLES = ("tones.css", "layout.css", "panels.css")
ENTRY = "main.js"
NAME = "episode.html"
"""What a page is called where nobody names it."""
_IMPORT = re.compile(r'^import\s[^"]*?"\./(?P<file>[\w-]+\.js)";\n', re.MULTILINE)


def page(title: str, records: Sequence[bytes], *, follow: bool = False) -> str:
    """The page of one episode, or of two side by side.

    Args:
        title: of the window.
        records: what `record` made of each episode.
        follow: whether a server will have newer episodes.
    """
    episodes = "\n".join(f'<script type="text/plain" class="episode">{_text(record)}</script>' for record in records)
    return Template(_asset("page.html")).substitute(
        title=html.escape(title),
        policy="connect-src 'self'" if follow else "connect-src 'none'",
        follow="yes" if follow else "no",
        styles="\n".join(map(_asset, STYLES)),
        script=script(),
        episodes=episodes,
    )


def refuse_folder(path: Path) -> None:
    """Refuse a place that is a folder, for a page is one file."""
    with disk.explained(path, "write"):
        folder = path.is_dir()
    if folder:
        raise QohortError(f"{path} is a folder, and a page is one file; name the file too, as in {path / NAME}.")


def write_page(path: Path, text: str) -> Path:
    """Write the file, whole or not at all."""
    refuse_folder(path)
    with disk.explained(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace_text(path, text)
    return path


def script() -> str:
    """All modules as one: each after those that it imports, without the words `import` and `export`.

    A page that is opened as a file may not load modules, so they share one scope; their names must differ.
    """
    order: dict[str, str] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        source = _asset(name)
        order[name] = ""
        for found in _IMPORT.finditer(source):
            visit(found["file"])
        del order[name]  # behind those that it imports
        order[name] = re.sub(r"^export ", "", _IMPORT.sub("", source), flags=re.MULTILINE)

    visit(ENTRY)
    return "\n".join(order.values())


def _text(record: bytes) -> str:
    return base64.b64encode(record).decode()


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
