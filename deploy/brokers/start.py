"""What the start of the local Kafka and of the local Valkey share."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from deploy.brokers.guard import Guarded
from deploy.errors import StartError

LOOPBACK: Final = "127.0.0.1"
_TAIL_LINES: Final = 15
_ATTEMPTS: Final = 5
_TICK_S: Final = 0.02
_NOT_FOR_CHILDREN: Final = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")

Server = TypeVar("Server")


class PortTakenError(Exception):
    """Another process took the port between its choice and its use."""


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that are free now; they may be taken before they are used."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind((LOOPBACK, 0))
        return [int(opened.getsockname()[1]) for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def with_free_ports(count: int, start: Callable[[list[int]], Server]) -> Server:
    """Start on free ports, and again on others when one of them was taken meanwhile.

    Raises:
        StartError: it did not come up.
    """
    for _ in range(_ATTEMPTS):
        try:
            return start(free_ports(count))
        except PortTakenError:
            continue
    raise StartError(f"No free port on {LOOPBACK} in {_ATTEMPTS} attempts. Stop what opens so many, or name a server.")


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change a Java (such as a debugging port), and without ours."""
    ours = "SLUICE_"  # may hold secrets, and a broker has no use for them
    return {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN and ours not in name}


def wait_until_ready(child: Guarded, ready: Callable[[], bool], *, name: str, log: Path, timeout_s: float) -> None:
    """Wait until the server answers; on any failure it is stopped.

    Raises:
        PortTakenError: it ended, because its port was taken.
        StartError: it ended, or did not answer in time. Holds the end of its log.
    """
    try:
        _poll(child, ready, name=name, log=log, timeout_s=timeout_s)
    except BaseException:
        child.stop()
        raise


def _poll(child: Guarded, ready: Callable[[], bool], *, name: str, log: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        code = child.wait(_TICK_S)
        if code is not None:
            raise _ended(name, log, code)
        if time.monotonic() > deadline:
            raise StartError(f"{name} did not answer within {timeout_s:.0f} s.\n{log_tail(log)}")


def _ended(name: str, log: Path, code: int) -> Exception:
    if "Address already in use" in log.read_text(errors="replace"):
        return PortTakenError()
    return StartError(f"{name} ended with code {code} while it started.\n{log_tail(log)}")


def log_tail(log: Path) -> str:
    """Return the last lines of a log, and where it is."""
    lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if log.exists() else []
    return "\n".join([f"The end of its log, {log}:", *(f"  {line}" for line in lines or ["(empty)"])])
