from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from deploy import logs
from deploy.errors import SluiceError
from deploy.settings import Settings


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give everything back that `configure` takes."""
    root, level = logging.getLogger(), logging.getLogger().level
    handlers = list(root.handlers)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def _caught(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    """Put a stream in the place of stderr; not in a fixture, after which pytest puts its own there."""
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_away_from_a_terminal_every_line_is_json_and_says_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    logs.configure(role="score", instance="score-0")
    logs.notifier("score")("assigned", partitions=[1, 2])
    logging.getLogger("another.library").warning("one\ntwo")
    first, second = _lines(stderr)
    assert (first["message"], first["partitions"], first["logger"]) == ("assigned", [1, 2], "sluice.score")
    assert second["message"] == "one\ntwo"
    assert {(line["role"], line["instance"]) for line in (first, second)} == {("score", "score-0")}


def test_on_a_terminal_a_line_is_for_people_with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _caught(monkeypatch, _Terminal())
    logs.configure(role="decide", instance="decide-1")
    logs.notifier("decide")("lost", partitions=[1])
    assert "\x1b[33m" in terminal.getvalue()
    assert "decide decide-1 lost partitions=[1]" in terminal.getvalue()


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _caught(monkeypatch, _Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure()
    logs.notifier("decide")("lost")
    assert "\x1b" not in terminal.getvalue()


def test_the_style_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _caught(monkeypatch, _Terminal())
    logs.configure(style="json")
    logs.notifier("decide")("lost")
    assert _lines(terminal)[0]["message"] == "lost"


def test_plain_lines_in_a_file_have_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    logs.configure(style="plain")
    logs.notifier("decide")("lost")
    assert " lost" in stderr.getvalue()
    assert "\x1b" not in stderr.getvalue()


def test_a_producers_words_cannot_break_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    logs.configure(style="plain")
    logs.notifier("score")("misplaced", parent="a\n12:00:00 error \x1b[31mforged")
    assert len(stderr.getvalue().splitlines()) == 1
    assert "\x1b" not in stderr.getvalue()


@pytest.mark.parametrize("style", ["json", "plain"])
def test_secrets_of_the_settings_are_masked_wherever_they_turn_up(
    monkeypatch: pytest.MonkeyPatch, style: logs.Style
) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    settings = Settings.load(
        kafka_properties={"sasl.password": 'pa"ss word', "sasl.username": "someone"},
        redis="redis://u:hunter%2122@cache/1",
    )
    logs.configure(style=style, secrets=settings.secret_values())
    log = logging.getLogger("sluice.test")
    log.warning('refused: pa"ss word', extra={"fields": {"url": "redis://u:hunter%2122@cache/1"}})
    log.error("someone failed", exc_info=RuntimeError("with hunter!22 it failed"))
    text = stderr.getvalue()
    assert text.count("***") == 3
    assert "hunter" not in text
    assert "ss word" not in text
    assert "someone" in text


def test_an_error_that_ends_a_thread_is_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    logs.configure(role="score", instance="score-0")
    thread = threading.Thread(target=lambda: 1 // 0, name="sluice-intake")
    thread.start()
    thread.join()
    (line,) = _lines(stderr)
    assert (line["level"], line["thread"], line["role"]) == ("critical", "sluice-intake", "score")
    assert "ZeroDivisionError" in line["trace"]


def test_a_warning_is_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    logs.configure()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("this goes away", stacklevel=1)
        logging.captureWarnings(False)
    assert "this goes away" in _lines(stderr)[0]["message"]


def test_an_error_that_ends_the_process_is_a_log_line() -> None:
    code = "from deploy import logs; logs.configure(role='decide', instance='d'); raise ValueError('no\\nmore')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})
    (line,) = [json.loads(one) for one in done.stderr.splitlines()]
    assert done.returncode == 1
    assert (line["level"], line["message"], line["role"]) == ("critical", "uncaught ValueError", "decide")


def test_an_error_for_people_is_a_log_line_where_lines_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = _caught(monkeypatch, io.StringIO())
    logs.complain(SluiceError("plain before there are log lines"))
    logs.configure()
    logs.complain(SluiceError("do this"))
    first, second = stderr.getvalue().splitlines()
    assert first == "sluice: plain before there are log lines"
    assert json.loads(second)["message"] == "do this"
