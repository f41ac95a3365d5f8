"""A served page follows a run that goes on."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import pytest

from qohort.errors import QohortError
from qohort.watch.record import record
from qohort.watch.serve import Shown, server

LATER = 70_000
"""Milliseconds in which a page asks again, however long the server was silent."""


class Training:
    """A run whose next episode comes when it is told to."""

    def __init__(self, episode) -> None:
        self.episode = episode
        self.refusal = ""
        self.saved(200, goal=300)

    def saved(self, step: int, *, goal: int) -> None:
        newer = dataclasses.replace(self.episode, title=f"at step {step}")
        self.shown = Shown(newer.title, record(newer, step=step, goal=goal), step, goal)

    def newest(self) -> Shown:
        if self.refusal:
            raise QohortError(self.refusal)
        return self.shown


@contextlib.contextmanager
def serving(training: Training, *, port: int = 0) -> Iterator[str]:
    with server(training, port=port) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/"
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def training(raced):
    return Training(raced)


def says(it, text):
    it.page.locator("#status").filter(has_text=text).wait_for(timeout=20_000)


def follows(it):
    """Wait for the first answer; from then on the page's time passes when it is told to."""
    says(it, "Following: step 200 of 300.")
    it.page.clock.install()
    it.page.wait_for_timeout(4_500)  # the question that is under way is by the clock of the machine


def test_it_shows_the_newest_team_and_says_where_training_stands(training, raced, open_page):
    with serving(training) as address:
        it = open_page(address)
        says(it, "Following: step 200 of 300.")
        assert it.page.title() == "at step 200"
        it.page.keyboard.press("ArrowRight")
        it.page.keyboard.press("]")
        training.saved(300, goal=300)
        says(it, "Trained for 300 steps.")
        assert it.page.locator("#title").inner_text() == "at step 300"
        assert it.page.locator(".place").inner_text() == f"step 2 of {raced.length}"
        assert it.page.locator("tr.chosen button").inner_text() == "runner 2"
        assert all(request.startswith(address) for request in it.requests)


def test_a_run_that_is_resumed_is_followed_on(training, open_page):
    training.saved(300, goal=300)
    with serving(training) as address:
        it = open_page(address)
        says(it, "Trained for 300 steps.")
        training.shown = training.shown._replace(goal=500)
        says(it, "Following: step 300 of 500.")


def test_a_refusal_is_told_and_does_not_end_it(training, open_page):
    with serving(training) as address:
        it = open_page(address)
        follows(it)
        training.refusal = "There is no checkpoint of seed 0 any more."
        it.page.clock.fast_forward(LATER)
        says(it, training.refusal)
        training.refusal = ""
        training.saved(300, goal=400)
        it.page.clock.fast_forward(LATER)
        says(it, "Following: step 300 of 400.")
        assert it.faults
        assert all("503" in fault for fault in it.faults)
        it.faults.clear()


def test_a_server_that_comes_back_is_followed_again(training, open_page):
    with serving(training) as address:
        it = open_page(address)
        follows(it)
    it.page.clock.fast_forward(LATER)
    says(it, "The server does not answer")
    with serving(training, port=int(address.rstrip("/").rsplit(":", 1)[1])):
        it.page.clock.fast_forward(LATER)
        says(it, "Following: step 200 of 300.")
    assert all("ERR_CONNECTION" in fault for fault in it.faults)
    it.faults.clear()


def test_what_one_was_doing_goes_on_with_a_newer_team(training, open_page):
    place, watchers = ".place", "held.clock.position.watchers.size"
    with serving(training) as address:
        it = open_page(address)
        says(it, "Following: step 200 of 300.")
        watched = it.page.evaluate(watchers)
        it.page.select_option(".stage-tools select", "rings: head 2")
        it.page.click(".stage-tools button")
        it.page.click("summary")
        it.page.select_option(".transport select", "1")
        training.saved(300, goal=400)
        it.page.click(".play")
        it.page.locator("main button.agent").first.focus()
        it.page.evaluate("scrollTo(0, 300)")
        says(it, "Following: step 300 of 400.")
        assert it.page.locator(".stage-tools select").input_value() == "rings: head 2"
        assert it.page.get_attribute(".stage-tools button", "aria-pressed") == "false"
        assert it.page.get_attribute("details", "open") is not None
        assert it.page.locator(".transport select").input_value() == "1"
        assert it.page.get_attribute(".play", "aria-label") == "Pause"
        assert it.page.evaluate("document.activeElement.textContent") == "runner 1"
        assert it.page.evaluate("scrollY") == 300
        it.page.locator(place).filter(has_not_text=it.page.locator(place).inner_text()).wait_for()
        assert it.page.evaluate(watchers) == watched  # nobody watches for panels that are gone
