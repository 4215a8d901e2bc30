"""The process that reads documents: `python -m workers.isolation.child FD`, FD being its end of a pair of sockets.

It ends with its parent, however that ends: standard input is a pipe that nothing is written to, and when its other end
closes, the system sends SIGIO, which ends a process also in the middle of a library's work. (Linux's PR_SET_PDEATHSIG
would not do: it is sent when the thread that started the process ends, and threads come and go.)

The limits hold documents back, not a library that has been taken over.
"""

from __future__ import annotations

import fcntl
import math
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from workers.isolation import wire
from workers.isolation.operations import Operations, failure
from workers.isolation.wire import Reply, Request

# Meant for the parent, which may get them together with all of its group or unit, and finishes its work first.
_PASSED_OVER: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SPARE_CPU_S: Final = 2  # the parent's deadline is to come first: it says what happened


def main() -> None:
    """Answer requests until the parent closes the connection."""
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _prepare()
        wire.send(connection, wire.frame(Reply(held=_mapped())))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # a library's warning may quote a document
        with suppress(EOFError):
            _serve(connection)


def _prepare() -> None:
    for number in _PASSED_OVER:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the document
    with suppress(OSError):  # Linux: where memory is short, this process is ended rather than its parent
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _serve(connection: socket.socket) -> None:
    operations = Operations()
    while True:
        request = wire.receive(connection, Request)
        wire.send(connection, _answered(operations, request))


def _answered(operations: Operations, request: Request) -> bytearray:
    """Return the reply. The memory of a document counts from its first request to "close"."""
    try:
        _limit_cpu(request.seconds)
        if request.memory:
            _limit_memory(_mapped() + request.memory)
        value = operations.answer(request.operation, request.arguments)
        if request.operation == "close":
            _limit_memory(resource.RLIM_INFINITY)
        return wire.frame(Reply(value, held=_mapped()))
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent is to know)
        _limit_memory(resource.RLIM_INFINITY)  # there must be room to say so
        return wire.frame(failure(error))


def _limit_cpu(seconds: float) -> None:
    """Allow so much of the processor from now on: a second line, for a parent that is stopped and counts no time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = used.ru_utime + used.ru_stime + seconds + _SPARE_CPU_S
    _limit(resource.RLIMIT_CPU, math.ceil(allowed))


def _limit_memory(size: int) -> None:
    with suppress(OSError, ValueError):  # macOS refuses some sizes, and holds nobody to the others
        _limit(resource.RLIMIT_AS, size)


def _limit(what: int, soft: int) -> None:
    """Set a soft limit, which can be raised again, as far as the hard one allows."""
    hard = resource.getrlimit(what)[1]
    finite = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(what, (min(finite, default=resource.RLIM_INFINITY), hard))


def _mapped() -> int:
    """Return the bytes of address space in use, which RLIMIT_AS counts; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main()
