"""A file server on loopback that can cut, refuse and redirect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NOT_FOUND, _OK, _PARTIAL, _BEYOND, _MOVED = 404, 200, 206, 416, 302


@dataclass
class Served:
    """What a server offers, and what it was asked for."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    ranges: bool = True
    tells_length: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def url(self, path: str) -> str:
        """Return the address of a file."""
        return f"{self.address}/{path}"


@contextmanager
def serving() -> Iterator[Served]:
    """Serve on a free port of the loopback interface."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0].lstrip("/")
            served.asked.append((path, self.headers.get("Range")))
            if path in served.moved:
                self.send_response(_MOVED)
                self.send_header("Location", served.moved[path])
                self.end_headers()
            elif path in served.files:
                self._send(served.files[path])
            else:
                self.send_error(_NOT_FOUND)

        def _send(self, value: bytes) -> None:
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and served.ranges else 0
            if start >= len(value):
                self.send_error(_BEYOND)
                return
            self.send_response(_PARTIAL if start else _OK)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(value) - 1}/{len(value)}")
            if served.tells_length:
                self.send_header("Content-Length", str(len(value) - start))
            self.end_headers()
            end = len(value) if served.cut_after is None else start + served.cut_after
            self.wfile.write(value[start:end])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
