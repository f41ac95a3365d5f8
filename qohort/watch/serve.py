"""A local page that follows a run in progress: after every checkpoint, an episode of the newest team."""

import base64
import functools
import http.server
import sys
import threading
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import Protocol, runtime_checkable

from qohort.errors import QohortError
from qohort.report.episode import watch
from qohort.training import checkpoint
from qohort.training.load import Which, read_run
from qohort.training.seeds import checkpoint_folder, groups_in
from qohort.watch.page import page
from qohort.watch.record import record

LOCAL = "127.0.0.1"


@runtime_checkable
class Shown(Protocol):
    """What the server shows: an episode that may be replaced by a newer one."""

    title: str
    packed: bytes
    step: int
    """At which the team was saved."""
    goal: int
    """At which training ends."""

    def refresh(self) -> None:
        """Look for a newer one."""


class Follower:
    """The newest episode of a run; played again when there is a newer checkpoint."""

    def __init__(self, run: Path, *, seed: int | None, which: Which, number: int, stream: int) -> None:
        config = read_run(run)
        self._run, self._number, self._stream = run, number, stream
        self._which: Which = which
        self._seed = config.run.seed if seed is None else seed
        self.goal = config.run.steps
        self._turn = threading.Lock()
        self._path: Path | None = None
        self.title, self.packed, self.step = "", b"", -1

    def refresh(self) -> None:
        """Look for a newer checkpoint, and play if there is one."""
        with self._turn:
            newest = self._newest()
            if newest == self._path and self.packed:
                return
            step = checkpoint.read_counters(newest)["step"] if newest else 0
            episode = watch(self._run, seed=self._seed, which=self._which, number=self._number, stream=self._stream)
            self.title, self._path, self.step = episode.title, newest, step
            self.packed = record(episode, step=step, goal=self.goal)

    def _newest(self) -> Path | None:
        group = next((group for group in groups_in(self._run) if self._seed in group), (self._seed,))
        found = checkpoint.paths(checkpoint_folder(self._run, group))
        return found[0] if found else None


class Handler(http.server.BaseHTTPRequestHandler):
    """`/` is the page; `/episode?after=STEP` is the newest episode, or nothing if that is of STEP."""

    def __init__(self, shown: Shown, *arguments: object) -> None:
        self._shown = shown
        http.server.BaseHTTPRequestHandler.__init__(self, *arguments)  # pyright: ignore[reportArgumentType]

    def do_GET(self) -> None:
        """Answer a browser."""
        address = urllib.parse.urlsplit(self.path)
        shown = self._shown
        if address.path not in ("/", "/episode"):
            self._answer(HTTPStatus.NOT_FOUND, b"")
            return
        try:
            shown.refresh()
        except QohortError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error).encode())
            return
        if address.path == "/":
            text = page(shown.title, [shown.packed], follow=True)
            self._answer(HTTPStatus.OK, text.encode(), kind="text/html; charset=utf-8")
        elif urllib.parse.parse_qs(address.query).get("after") == [str(shown.step)]:
            self._answer(HTTPStatus.NO_CONTENT, b"")
        else:
            self._answer(HTTPStatus.OK, base64.b64encode(shown.packed))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the name that the server uses)
        """Say nothing of every request."""

    def _answer(self, status: HTTPStatus, body: bytes, *, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Step", str(self._shown.step))
        self.send_header("X-Goal", str(self._shown.goal))
        self.end_headers()
        self.wfile.write(body)


def server(shown: Shown, *, port: int) -> http.server.ThreadingHTTPServer:
    """A server on this machine alone."""
    try:
        return http.server.ThreadingHTTPServer((LOCAL, port), functools.partial(Handler, shown))
    except OSError as error:
        raise QohortError(
            f"Port {port} cannot be used ({error.strerror}); give another --port, or 0 for any."
        ) from error


def serve(run: Path, *, seed: int | None, which: Which, number: int, stream: int, port: int) -> int:
    """Serve until Ctrl-C."""
    follower = Follower(run, seed=seed, which=which, number=number, stream=stream)
    follower.refresh()  # what cannot be watched is told before anything is served
    with server(follower, port=port) as running:
        print(f"http://{LOCAL}:{running.server_port}/ shows {run}; Ctrl-C ends it.", file=sys.stderr, flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0
