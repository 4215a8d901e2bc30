"""A process that dies with the one that started it, even when that one is killed with -9.

    starting process ──pipe──> guard ──> command
                     <─pid────

- The guard reads a pipe of which the starting process holds the other end, and which is never written: its end means
  that the starting process stopped the command, or is gone. On Linux it also holds a handle on the starting process
  itself (pidfd), since a forked child may keep the pipe open.
- PDEATHSIG alone would not do between the two: it fires when the starting THREAD ends. Between guard and command it
  does, because the guard has one thread: so a killed guard leaves nothing behind either.
- The command has a process group of its own, which gets SIGTERM, and SIGKILL when the grace is over.

This file is also the guard's program. It runs as `python -I -S guard.py`, so it imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PR_SET_PDEATHSIG: Final = 1
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MARGIN_S: Final = 5.0  # for the guard itself, beyond the grace of its command


class Guarded:
    """A command that runs under a guard. Leaving the context ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_s: float = 10.0,
        keep: Sequence[int] = (),
    ) -> None:
        """Start the command and return as soon as it has a process id.

        Args:
            command: program and arguments.
            log: takes the output of the command, from its beginning.
            env: the command's environment; None means this process's.
            cwd: the command's folder.
            grace_s: seconds between SIGTERM and SIGKILL.
            keep: file descriptors that stay open until the command has ended, such as a lock's.

        Raises:
            OSError: the command cannot be started.
        """
        self._grace_s = grace_s
        status_read, status_write = os.pipe()
        try:
            with log.open("wb") as output:
                self._guard = subprocess.Popen(  # noqa: S603  the command is the caller's
                    [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(status_write), str(grace_s), *command],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=env,
                    cwd=cwd,
                    pass_fds=(status_write, *keep),
                    start_new_session=True,  # Ctrl-C at the terminal is for the starting process, which then stops us
                )
        except BaseException:
            os.close(status_read)
            raise
        finally:
            os.close(status_write)
        self.pid = self._read_pid(status_read)

    def _read_pid(self, status: int) -> int:
        with os.fdopen(status) as lines:
            answer = lines.readline().strip()
        if not answer.isdigit():
            self.stop()
            raise OSError(answer or "the guard process ended before it could start its command")
        return int(answer)

    @property
    def guard_pid(self) -> int:
        """The process id of the guard."""
        return self._guard.pid

    def wait(self, timeout_s: float) -> int | None:
        """Return the command's exit code (128 + n for signal n), or None when it still runs after these seconds."""
        try:
            return self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the command and wait until it is gone: SIGTERM, and SIGKILL when the grace is over. May be repeated."""
        assert self._guard.stdin is not None  # noqa: S101  tells mypy of stdin=PIPE
        self._guard.stdin.close()
        if self.wait(self._grace_s + _MARGIN_S) is None:
            self._guard.kill()  # takes the command along, by PDEATHSIG
            self._guard.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _main(arguments: Sequence[str]) -> int:
    """Run the command until it ends by itself, the starting process is gone, or a signal asks for the end."""
    parent, status, grace_s, command = int(arguments[0]), int(arguments[1]), float(arguments[2]), arguments[3:]
    signals = _signals_as_file()
    try:
        child = subprocess.Popen(  # noqa: S603  the command is the caller's
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  safe: the guard has one thread
        )
    except OSError as error:
        os.write(status, f"{error}\n".encode())
        return 127
    os.write(status, f"{child.pid}\n".encode())
    os.close(status)
    _wait_for_an_end(child, parent, signals)
    return _end(child, grace_s)


def _signals_as_file() -> int:
    """Let signals arrive as bytes on a descriptor, so that one call waits for them and for the pipe."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    return read


def _die_with(guard: int) -> Callable[[], None]:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if library is not None:
            library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
            if os.getppid() != guard:  # it died before the line above
                os._exit(1)

    return prepare


def _wait_for_an_end(child: subprocess.Popen[bytes], parent: int, signals: int) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(signals, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # gone already: the check below sees it
                selector.register(os.pidfd_open(parent), selectors.EVENT_READ)
        while child.poll() is None and os.getppid() == parent:
            ready = {key.fd for key, _ in selector.select()}
            stop = signals in ready and any(number in _STOP_SIGNALS for number in os.read(signals, 512))
            if stop or ready - {signals}:
                return


def _end(child: subprocess.Popen[bytes], grace_s: float) -> int:
    _signal_group(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    _signal_group(child.pid, signal.SIGKILL)  # what it left behind in its group, and itself when it would not go
    code = child.wait()
    return code if code >= 0 else 128 - code


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
