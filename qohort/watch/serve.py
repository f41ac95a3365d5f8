"""A local page that follows a run in progress: after every checkpoint, an episode of the newest team."""

import base64
import functools
import http.server
import sys
import threading
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from qohort.errors import QohortError
from qohort.report.episode import watch
from qohort.training import checkpoint
from qohort.training.load import Which, read_run
from qohort.training.seeds import checkpoint_folder, groups_in
from qohort.watch.page import page
from qohort.watch.record import record

LOCAL = "127.0.0.1"


class Shown(NamedTuple):
    """An episode, and where training stood."""

    title: str
    packed: bytes
    step: int
    """At which the team was saved."""
    goal: int
    """At which training ends."""


@runtime_checkable
class Source(Protocol):
    """What the server asks."""

    def newest(self) -> Shown:
        """Look for a newer episode."""
        ...


class Follower:
    """The newest episode of a run; played again when there is a newer checkpoint."""

    def __init__(self, run: Path, *, seed: int | None, which: Which, number: int, stream: int) -> None:
        self._run, self._number, self._stream = run, number, stream
        self._which: Which = which
        self._seed = read_run(run).run.seed if seed is None else seed
        self._turn = threading.Lock()
        self._path: Path | None = None
        self._shown: Shown | None = None

    def newest(self) -> Shown:
        """Look for a newer checkpoint, and play if there is one."""
        with self._turn:
            goal = read_run(self._run).run.steps  # a run that is resumed may go further
            path = self._checkpoint()
            if self._shown is None or path != self._path:
                self._shown, self._path = self._play(path, goal), path  # both, or none if it cannot be played
            self._shown = self._shown._replace(goal=goal)
            return self._shown

    def _play(self, path: Path | None, goal: int) -> Shown:
        step = checkpoint.read_counters(path)["step"] if path else 0
        episode = watch(self._run, seed=self._seed, which=self._which, number=self._number, stream=self._stream)
        return Shown(episode.title, record(episode, step=step, goal=goal), step, goal)

    def _checkpoint(self) -> Path | None:
        group = next((group for group in groups_in(self._run) if self._seed in group), (self._seed,))
        found = checkpoint.paths(checkpoint_folder(self._run, group))
        return found[0] if found else None


class Handler(http.server.BaseHTTPRequestHandler):
    """`/` is the page; `/episode?after=STEP` is the newest episode, or nothing if that is of STEP."""

    def __init__(self, source: Source, *arguments: object) -> None:
        self._source = source
        http.server.BaseHTTPRequestHandler.__init__(self, *arguments)  # pyright: ignore[reportArgumentType]

    def do_GET(self) -> None:
        """Answer a browser."""
        address = urllib.parse.urlsplit(self.path)
        if address.path not in ("/", "/episode"):
            self._answer(HTTPStatus.NOT_FOUND, b"")
            return
        try:
            shown = self._source.newest()
        except QohortError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error).encode())
            return
        stands = {"X-Step": str(shown.step), "X-Goal": str(shown.goal)}
        if address.path == "/":
            text = page(shown.title, [shown.packed], follow=True)
            self._answer(HTTPStatus.OK, text.encode(), {"Content-Type": "text/html; charset=utf-8"})
        elif urllib.parse.parse_qs(address.query).get("after") == [str(shown.step)]:
            self._answer(HTTPStatus.NO_CONTENT, b"", stands)
        else:
            self._answer(HTTPStatus.OK, base64.b64encode(shown.packed), stands)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the name that the server uses)
        """Say nothing of every request."""

    def _answer(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        always = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": len(body), "Cache-Control": "no-store"}
        for name, value in {**always, **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


def server(source: Source, *, port: int) -> http.server.ThreadingHTTPServer:
    """A server on this machine alone."""
    try:
        return http.server.ThreadingHTTPServer((LOCAL, port), functools.partial(Handler, source))
    except OSError as error:
        raise QohortError(
            f"Port {port} cannot be used ({error.strerror}); give another --port, or 0 for any."
        ) from error


def serve(run: Path, *, seed: int | None, which: Which, number: int, stream: int, port: int) -> int:
    """Serve until Ctrl-C."""
    follower = Follower(run, seed=seed, which=which, number=number, stream=stream)
    follower.newest()  # what cannot be watched is told before anything is served
    with server(follower, port=port) as running:
        print(f"http://{LOCAL}:{running.server_port}/ shows {run}; Ctrl-C ends it.", file=sys.stderr, flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0
