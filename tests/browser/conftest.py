"""Pages in the system's Chromium. Where there is none, these tests are skipped, and the summary says so."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qohort.envs import make
from qohort.mixers import QPLEX, Independent, Qatten
from qohort.mixers.qplex import Importance
from qohort.networks.talking import Talking
from qohort.report.episode import Episode
from qohort.watch.page import page, write_page
from qohort.watch.record import record
from tests.watch.worlds import Undrawn, noise, race

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP, PHONE, WIDE = (1280, 800), (390, 844), (2200, 1200)
SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def _missing(what: str) -> None:
    sentence = (
        f"{what}: pages were NOT tried in a browser. On Debian: apt-get install chromium; pip install -e '.[dev]'"
    )
    if os.environ.get("QOHORT_BROWSER") == "required":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="package")
def browser() -> "Iterator[Browser]":
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright is not installed")
        return
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        _missing("Chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@dataclasses.dataclass
class Opened:
    """A page, and what went wrong on it."""

    page: "Page"
    faults: list[str]
    requests: list[str]

    def keep(self, name: str) -> None:
        """Keep what it looks like."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Callable[..., Opened]]:
    """Open an address and wait until it is drawn. A test in which a page complained fails."""
    opened: list[Opened] = []

    def open_it(address: str, *, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Opened:
        fresh = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        it = Opened(fresh, [], [])
        opened.append(it)
        fresh.on("console", lambda message: it.faults.append(message.text) if message.type != "log" else None)
        fresh.on("pageerror", lambda error: it.faults.append(str(error)))
        fresh.on("request", lambda request: it.requests.append(request.url))
        fresh.goto(address)
        fresh.wait_for_selector("html[data-ready=yes]", timeout=20_000)
        return it

    yield open_it
    for it in opened:
        it.page.close()
        assert it.faults == []


@pytest.fixture(scope="session")
def raced() -> Episode:
    """With a drawing, and heads that look at runners."""
    return race()


@pytest.fixture(scope="session")
def talked() -> Episode:
    """Of agents that talk, under a mixer that weighs advantages."""
    return race(QPLEX(importance=Importance(kernels=2, layers=1), hypernet_hidden=4), team=Talking(hidden=8))


@pytest.fixture(scope="session")
def driven() -> Episode:
    """Of cars, of which nothing is drawn while they are off the road."""
    return race(env=make("traffic/easy"))


@pytest.fixture(scope="session")
def pages(raced: Episode, talked: Episode, driven: Episode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of pages of several kinds."""
    folder = tmp_path_factory.mktemp("pages")
    kinds = {
        "race": [raced],
        "two": [raced, race(seed=1)],
        "undrawn": [race(Qatten(heads=2, embed=4), env=Undrawn())],
        "independent": [race(Independent())],
        "talking": [talked],
        "traffic": [driven],
        "noise": [noise()],
    }
    return {
        name: write_page(
            folder / f"{name}.html", page(f"{name} page", [record(episode) for episode in episodes])
        ).as_uri()
        for name, episodes in kinds.items()
    }
