"""A served page follows a run that goes on."""

import threading

import pytest

from qohort.cli.main import main
from qohort.watch.serve import Follower, server
from tests.cli.conftest import SMALL


@pytest.fixture
def run(tmp_path):
    assert main(["train", "qmix", "games/two-step", *SMALL, "--folder", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


def test_it_shows_the_newest_team_and_says_where_training_stands(run, open_page):
    follower = Follower(run, seed=None, which="last", number=0, stream=0)
    with server(follower, port=0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            follower.refresh()
            follower.goal = 300
            it = open_page(f"http://127.0.0.1:{running.server_port}/")
            status = it.page.locator("#status")
            status.filter(has_text="Following: step 200 of 300.").wait_for()
            assert it.page.title() == "qmix on games/two-step, seed 0, team at step 200"
            it.page.keyboard.press("ArrowRight")
            assert main(["resume", str(run), "--steps", "300"]) == 0
            status.filter(has_text="Trained for 300 steps.").wait_for(timeout=30_000)
            assert it.page.locator("#title").inner_text() == "qmix on games/two-step, seed 0, team at step 300"
            assert it.page.locator(".place").inner_text() == "step 2 of 2"
            assert {request.split("?")[0].rsplit("/", 1)[0] for request in it.requests} == {
                f"http://127.0.0.1:{running.server_port}"
            }
        finally:
            running.shutdown()
            thread.join()
