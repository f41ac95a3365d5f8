"""A served page follows a run that goes on."""

import dataclasses
import threading

import pytest

from qohort.watch.record import record
from qohort.watch.serve import server


@dataclasses.dataclass
class Training:
    """A run whose next episode comes when it is told to."""

    title: str
    packed: bytes
    step: int
    goal: int

    def refresh(self) -> None:
        """Nothing comes of itself."""


@pytest.fixture
def training(raced):
    return Training("at step 200", record(raced, step=200, goal=300), 200, 300)


def test_it_shows_the_newest_team_and_says_where_training_stands(training, raced, open_page):
    with server(training, port=0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{running.server_port}/"
            it = open_page(address)
            status = it.page.locator("#status")
            status.filter(has_text="Following: step 200 of 300.").wait_for()
            assert it.page.title() == "at step 200"
            it.page.keyboard.press("ArrowRight")
            it.page.keyboard.press("]")
            newer = dataclasses.replace(raced, title="at step 300")
            training.packed, training.step = record(newer, step=300, goal=300), 300
            status.filter(has_text="Trained for 300 steps.").wait_for(timeout=20_000)
            assert it.page.locator("#title").inner_text() == "at step 300"
            assert it.page.locator(".place").inner_text() == f"step 2 of {raced.length}"
            assert it.page.locator("tr.chosen button").inner_text() == "runner 2"
            assert all(request.startswith(address) for request in it.requests)
        finally:
            running.shutdown()
            thread.join()
