"""A child process that reads documents, as its parent sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Final

from workers.isolation import wire
from workers.isolation.bounds import Bounds, KilledError, ReadingError
from workers.isolation.wire import Reply, Request
from workers.pdftext import PdfError

_START_SECONDS: Final = 60.0  # 0.15 s, unless the disk or the machine is busy
_END_SECONDS: Final = 5.0
_MOST_DOCUMENTS: Final = (
    1000  # then a new one: what libraries leak stays small, and 0.15 s in 1000 documents are nothing
)
_MOST_HELD: Final = 64 << 20  # bytes more than at the start, after a document: its memory is in pieces

# Not SLUICE_*, nor anything else of its parent's: the child holds no secret that a document could get at.
_ENVIRONMENT: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

_OUT_OF_MEMORY: Final = (signal.SIGABRT,)  # what PDFium does when it gets none
_OUT_OF_TIME: Final = (signal.SIGXCPU,)
_CRASHES: Final = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP, signal.SIGFPE, signal.SIGSYS)


class Child:
    """One child. It reads one document at a time, for one thread at a time."""

    def __init__(self) -> None:
        """Start it: a new interpreter, not a copy of this process and its threads.

        Raises:
            OSError: It cannot be started.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-P", "-m", "workers.isolation.child", str(theirs.fileno())],
                stdin=subprocess.PIPE,  # see child.py
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(),
                start_new_session=True,  # a terminal's Ctrl-C is not for it
            )
        self._documents = 0
        try:
            self._held = self._first = wire.receive(self._socket, Reply, time.monotonic() + _START_SECONDS).held
        except BaseException as error:
            code = self._exit_code() if isinstance(error, EOFError) else None
            self.end()
            if isinstance(error, EOFError | TimeoutError):
                raise ChildProcessError(f"the process that reads documents did not start: exit code {code}") from error
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ask(self, operation: str, arguments: tuple[Any, ...], bounds: Bounds, until: float, *, first: bool) -> Any:
        """Return the answer to a request.

        Args:
            operation: One of those in operations.py.
            arguments: Its arguments.
            bounds: What the document may take.
            until: When its time is over, in monotonic seconds. The child is then killed.
            first: Whether a document begins, whose memory counts from now on.

        Raises:
            ReadingError: The document breaks its bounds, or the child.
            KilledError: The child was ended by somebody else.
            PdfError: As pdfium.py has it.
            OSError: The file cannot be read.
            RuntimeError: A fault of ours.
        """
        self._documents += first
        request = Request(operation, arguments, bounds.seconds, bounds.memory if first else 0)
        try:
            wire.send(self._socket, wire.frame(request), until)
            reply = wire.receive(self._socket, Reply, until)
        except TimeoutError:
            self.end()
            raise bounds.too_long() from None
        except (EOFError, OSError):
            raise self._death(bounds) from None
        except BaseException:  # such as Ctrl-C: nobody awaits the answer, and the next one would be taken for it
            self.end()
            raise
        self._held = reply.held
        if reply.error:
            raise _error(reply, bounds)
        return reply.value

    def finish(self) -> bool:
        """Close the document; return whether the child is as good as new."""
        bounds = Bounds(_END_SECONDS, 0)
        try:
            self.ask("close", (), bounds, time.monotonic() + bounds.seconds, first=False)
        except (ReadingError, KilledError, PdfError, OSError, RuntimeError):
            return False
        return self._documents < _MOST_DOCUMENTS and self._held - self._first <= _MOST_HELD

    def end(self) -> None:
        """Kill it. Nothing is lost: it holds no state but an open document."""
        self._process.kill()
        self._close()
        with suppress(subprocess.TimeoutExpired):  # a file system that hangs may hold it for longer
            self._process.wait(_END_SECONDS)

    def abandon(self) -> None:
        """Leave it to the process that this one was forked from."""
        self._close()
        self._process.returncode = 0  # it is not ours to wait for

    def _close(self) -> None:
        self._socket.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _death(self, bounds: Bounds) -> ReadingError | KilledError:
        """Return what its end means."""
        number = -(self._exit_code() or 0)
        self.end()
        if number in _OUT_OF_MEMORY:
            return bounds.too_much()
        if number in _OUT_OF_TIME:
            return bounds.too_long()
        if number in _CRASHES:
            return ReadingError("corrupt", f"it crashes what reads it ({signal.Signals(number).name})")
        return KilledError(f"exit code {-number}")

    def _exit_code(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_END_SECONDS)
        return None


def _environment() -> dict[str, str]:
    """Return what the child needs to find the same modules and libraries."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}


def _error(reply: Reply, bounds: Bounds) -> Exception:
    match reply.error:
        case "memory":
            return bounds.too_much()
        case "pdf":
            return PdfError(*reply.details)
        case "os":
            return OSError(*reply.details)
        case _:
            return RuntimeError(*reply.details)
