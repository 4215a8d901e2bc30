"""The processes of the demo: one scoring worker and two deciders, each with a log file, none of which outlives us."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from deploy.brokers.guard import Guarded
from deploy.errors import SluiceError

_GRACE_S = 30.0
_TAIL_LINES = 15


class ProcessEndedError(SluiceError):
    """A process of the demo ended before its work was done."""

    exit_code = 10


class Fleet:
    """Starts `sluice` processes that share an environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Name the folder of the log files and what the processes find in their environment."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._running: dict[str, Guarded] = {}
        self._stack = ExitStack()

    def start(self, name: str, *arguments: str) -> None:
        """Start `sluice ARGUMENTS` as a process of this name, which is also its SLUICE_INSTANCE."""
        self._running[name] = self._stack.enter_context(
            Guarded(
                [sys.executable, "-m", "deploy", *arguments],
                log=self.log(name),
                env={**self._environment, "SLUICE_INSTANCE": name},
                grace_s=_GRACE_S,
            )
        )

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self._folder / f"{name}.log"

    def check(self) -> None:
        """Check that all processes are there.

        Raises:
            ProcessEndedError: one has ended; the text has the end of its log.
        """
        for name, process in self._running.items():
            code = process.wait(0)
            if code is not None:
                tail = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-_TAIL_LINES:])
                raise ProcessEndedError(f"{name} ended with exit code {code}; the end of {self.log(name)}:\n{tail}")

    def stop(self) -> None:
        """Ask all processes to finish what they took, and wait for it."""
        self._stack.close()
        self._running.clear()
