"""Whether a process is alive and ready, and its metrics, over HTTP on the loopback interface.

- `/healthz`: 200, or 503 when the loop has not turned for a minute, or an encoder is in training mode: such a process
  should be started again.
- `/readyz`: 200 once everything is loaded and every partition that the group gave is recovered; 503 before, and while
  what was taken is finished at the end. A replica that got no partition, since there are fewer than replicas, is ready.
- `/metrics`: the text format of Prometheus.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from deploy.errors import ConfigurationError
from streams.gates import Notify
from streams.standing import Standing

HOST: Final = "127.0.0.1"
WEDGED_AFTER: Final = 90.0  # s without a turn; the longest that a healthy one takes, a transaction in trouble, is 45

Page = Callable[[], tuple[HTTPStatus, str, bytes]]
"""Returns status, content type and body."""

_log = logging.getLogger("sluice.http")


class Loop(Protocol):
    """What health asks a loop for."""

    @property
    def standing(self) -> Standing:
        """Where it stands."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer, with its reason for people."""

    ok: bool
    why: str


class Health:
    """Judges a process by its loop; before there is one, the process is starting."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a loop."""
        self._clock = clock
        self._loop: Loop | None = None
        self._watched_from = 0.0
        self._modes: Callable[[], Mapping[str, bool]] = dict

    def watch(self, loop: Loop, modes: Callable[[], Mapping[str, bool]] = dict) -> None:
        """Judge by this loop from now on: everything is loaded.

        Args:
            loop: of the process.
            modes: returns for each of its encoders whether it is in evaluation mode.
        """
        self._watched_from = self._clock()
        self._modes = modes
        self._loop = loop

    @property
    def standing(self) -> Standing | None:
        """Where the loop stands, or None while the process is starting."""
        return None if self._loop is None else self._loop.standing

    def age(self, standing: Standing) -> float:
        """Return the seconds since the loop's last turn."""
        return max(0.0, self._clock() - max(standing.turned_at, self._watched_from))

    def alive(self) -> Verdict:
        """Tell whether the loop turns."""
        standing = self.standing
        if standing is None:
            return Verdict(ok=True, why="starting")
        age = self.age(standing)
        if age > WEDGED_AFTER:
            return Verdict(ok=False, why=f"the loop has not turned for {age:.0f} s")
        training = [name for name, right in self._modes().items() if not right]
        if training:
            return Verdict(ok=False, why=f"encoder {training[0]} is in training mode: its scores drift")
        return Verdict(ok=True, why="draining" if standing.draining else "the loop turns")

    def ready(self) -> Verdict:
        """Tell whether it does its share of the work."""
        standing, alive = self.standing, self.alive()
        if standing is None:
            return Verdict(ok=False, why="starting: not everything is loaded")
        if not alive.ok:
            return alive
        why = _away(standing)
        return Verdict(ok=not why, why=why or f"working on {standing.owned} partitions")

    def body(self, verdict: Verdict) -> dict[str, Any]:
        """Return an answer's JSON."""
        standing = self.standing
        answer = {"ok": verdict.ok, "why": verdict.why}
        if standing is None:
            return answer
        place = {name: value for name, value in asdict(standing).items() if name not in {"turned_at", "lag"}}
        modes = {name: "evaluation" if right else "training" for name, right in self._modes().items()}
        shown = {"encoders": modes} if modes else {}
        return {**answer, "seconds_since_turn": round(self.age(standing), 3), **place, **shown}


def _away(standing: Standing) -> str:
    """Say why a loop does not do its share of the work; empty where it does."""
    if standing.draining:
        return "draining: it was told to stop"
    if standing.halted:
        return f"its model is not to be trusted, and it scores nothing: {standing.halted}"
    if not standing.joined:
        return "waiting for its group to give it partitions"
    return f"recovering {standing.recovering} partitions" if standing.recovering else ""


class _Server(ThreadingHTTPServer):
    """Its threads are daemonic: they keep no process alive."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what a request came to grief over: mostly a client that went away."""
        del request
        _log.info("a request from %s failed", client_address, exc_info=True)


@contextmanager
def served(
    health: Health,
    registry: CollectorRegistry,
    port: int | None,
    notify: Notify,
    pages: Mapping[str, Page] | None = None,
) -> Iterator[None]:
    """Answer on the loopback interface until the block ends.

    Args:
        health: answers `/healthz` and `/readyz`.
        registry: answers `/metrics`.
        port: where; 0 takes a free one, None serves nothing.
        notify: told `listening` with the port.
        pages: further pages by their path, each called on a thread of its own.

    Raises:
        ConfigurationError: the port is taken or not allowed.
    """
    if port is None:
        yield
        return
    try:
        server = _Server((HOST, port), _handler(health, registry, pages or {}))
    except OSError as error:
        raise ConfigurationError(
            f"SLUICE_HTTP_PORT {port} cannot be used on {HOST} ({error.strerror}). Right would be: a free port for each"
            " replica on this machine, or 0, which takes one"
        ) from error
    threading.Thread(target=server.serve_forever, name="sluice-http", daemon=True).start()
    notify("listening", host=HOST, port=server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(health: Health, registry: CollectorRegistry, further: Mapping[str, Page]) -> type[BaseHTTPRequestHandler]:
    def judged(verdict: Verdict) -> tuple[HTTPStatus, str, bytes]:
        status = HTTPStatus.OK if verdict.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "application/json", json.dumps(health.body(verdict)).encode()

    pages: dict[str, Page] = {
        "/healthz": lambda: judged(health.alive()),
        "/readyz": lambda: judged(health.ready()),
        "/metrics": lambda: (HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)),
        **further,
    }
    nothing = json.dumps({"ok": False, "why": "there are " + ", ".join(pages)}).encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0  # s; a client that says nothing holds no thread for longer

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, kind, body = page() if page else (HTTPStatus.NOT_FOUND, "application/json", nothing)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing: a probe comes every few seconds."""

    return Handler
