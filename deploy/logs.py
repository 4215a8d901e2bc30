"""Log lines: readable on a terminal, one JSON object a line anywhere else. Always on stderr."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from streams.gates import Notify

_QUIET = frozenset({"committed"})  # many a second
_LOUD = frozenset({"aborted", "fenced", "lost", "truncated", "out_of_range"})


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in getattr(record, "fields", {}).items())
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{at} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _NoPassingTrouble(logging.Filter):
    """Drops what librdkafka warns of while a broker starts and what it mends by itself a moment later."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Coordinator load in progress" not in record.getMessage()


def configure(*, verbose: bool = False) -> None:
    """Send the log lines of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NoPassingTrouble())
    handler.setFormatter(_PlainFormatter() if sys.stderr.isatty() else _JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sluice").setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("sluice.kafka").setLevel(logging.WARNING)


def notifier(name: str) -> Notify:
    """Return what writes a loop's events to the log `sluice.NAME`."""
    log = logging.getLogger(f"sluice.{name}")

    def notify(event: str, **fields: Any) -> None:
        level = logging.DEBUG if event in _QUIET else logging.WARNING if event in _LOUD else logging.INFO
        log.log(level, event, extra={"fields": fields})

    return notify
