"""Log lines: readable on a terminal, one JSON object a line anywhere else. Always on stderr.

Whatever ends a process or a thread unexpectedly is a log line too. Values that the settings hold as secrets are masked
in every line, whoever wrote it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Literal, TextIO

from streams.gates import Notify

Style = Literal["auto", "json", "plain"]

_QUIET: Final = frozenset({"committed"})  # many a second
_LOUD: Final = frozenset({"aborted", "fenced", "unknown", "lost", "truncated", "out_of_range", "policy_differs"}) | {
    "canaries_failed",
    "embedding_alarm",
    "input_alarm",
    "no_canaries",
    "release_refused",
    "releases_not_followed",
    "repair_failed",
    "stepped_back",
}
_COLOURS: Final = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31", logging.DEBUG: "2"}
_SHORTEST_SECRET: Final = 4  # characters; masking every "a" would leave nothing to read
_MASK: Final = "***"


class _Formatter(logging.Formatter):
    """What both styles share: who speaks, and that no secret is told."""

    def __init__(self, role: str, instance: str, secrets: Sequence[str]) -> None:
        super().__init__()
        self.role = role
        self.instance = instance
        long_enough = sorted({one for one in secrets if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = [form for one in long_enough for form in dict.fromkeys((json.dumps(one)[1:-1], one))]

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record)
        for secret in self._secrets:
            line = line.replace(secret, _MASK)
        return line

    def line(self, record: logging.LogRecord) -> str:
        raise NotImplementedError


class _JsonFormatter(_Formatter):
    def line(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line |= {"role": self.role, "instance": self.instance, "message": record.getMessage()}
        line |= {name: value for name, value in getattr(record, "fields", {}).items() if name not in line}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _PlainFormatter(_Formatter):
    def __init__(self, role: str, instance: str, secrets: Sequence[str], *, colours: bool) -> None:
        super().__init__(role, instance, secrets)
        self._colours = colours

    def line(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={_shown(value)}" for name, value in getattr(record, "fields", {}).items())
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = self._coloured(f"{record.levelname.lower():8}", record.levelno)
        line = f"{at} {level} {self.role} {self.instance} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def _coloured(self, text: str, level: int) -> str:
        code = _COLOURS.get(level) if self._colours else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _shown(value: object) -> str:
    """Return a field as text that cannot break its line: a producer's words may hold anything."""
    text = str(value)
    return text if text.isprintable() else json.dumps(text)


class _NoPassingTrouble(logging.Filter):
    """Drops what librdkafka warns of while a broker starts and what it mends by itself a moment later."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Coordinator load in progress" not in record.getMessage()


def configure(
    *,
    verbose: bool = False,
    role: str = "sluice",
    instance: str | None = None,
    style: Style = "auto",
    secrets: Sequence[str] = (),
) -> None:
    """Send the log lines of this process to stderr, and what no code catches as well.

    Args:
        verbose: also what happens many times a second.
        role: what the process does, for every line.
        instance: which replica it is, for every line; None takes the process id.
        style: `auto` is plain on a terminal and JSON anywhere else; plain lines have colours on a terminal alone,
            unless NO_COLOR is set.
        secrets: values to mask wherever they turn up; shorter ones than four characters are not looked for.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NoPassingTrouble())
    handler.setFormatter(_formatter(style, role, instance or f"pid-{os.getpid()}", secrets, sys.stderr))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sluice").setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("sluice.kafka").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    _log_what_is_not_caught()


def _formatter(style: Style, role: str, instance: str, secrets: Sequence[str], stream: TextIO) -> _Formatter:
    terminal = stream.isatty()
    if style == "json" or (style == "auto" and not terminal):
        return _JsonFormatter(role, instance, secrets)
    colours = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return _PlainFormatter(role, instance, secrets, colours=colours)


def _log_what_is_not_caught() -> None:
    log = logging.getLogger("sluice.uncaught")

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("uncaught %s", kind.__name__, exc_info=(kind, error, trace))

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        error = failed.exc_value or failed.exc_type()
        name = failed.thread.name if failed.thread else "unknown"
        trouble = (failed.exc_type, error, failed.exc_traceback)
        log.critical("a thread ended", exc_info=trouble, extra={"fields": {"thread": name}})

    def unraisable(failed: sys.UnraisableHookArgs) -> None:
        error = failed.exc_value or failed.exc_type()
        log.error(
            "%s",
            failed.err_msg or "an error that could not be raised",
            exc_info=(failed.exc_type, error, failed.exc_traceback),
        )

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def complain(error: Exception) -> None:
    """Tell of an error that ends the command: as a log line where those are JSON, as plain text elsewhere."""
    handlers = logging.getLogger().handlers
    if any(isinstance(handler.formatter, _JsonFormatter) for handler in handlers):
        logging.getLogger("sluice").error("%s", error)
    else:
        sys.stderr.write(f"sluice: {error}\n")


def notifier(name: str) -> Notify:
    """Return what writes a loop's events to the log `sluice.NAME`."""
    log = logging.getLogger(f"sluice.{name}")

    def notify(event: str, **fields: Any) -> None:
        level = logging.DEBUG if event in _QUIET else logging.WARNING if event in _LOUD else logging.INFO
        log.log(level, event, extra={"fields": fields})

    return notify
