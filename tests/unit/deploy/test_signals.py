"""Signals, sent to a process of their own that waits where no Python code runs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from deploy.errors import UNFINISHED

PATIENCE_S = 30.0

STUBBORN = """
import sys, threading
from deploy.cli.signals import stop_on_signals
stopped = stop_on_signals({grace})
print("started", flush=True)
while not stopped():
    threading.Event().wait(0.01)
print("stopping", flush=True)
threading.Thread(target=threading.Event().wait).start()
"""


def _started(grace: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN.format(grace=grace)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _told(process, "started")
    return process


def _told(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(second: signal.Signals) -> None:
    with _started(grace=300) as process:
        process.send_signal(signal.SIGTERM)
        _told(process, "stopping")
        process.send_signal(second)
        assert process.wait(PATIENCE_S) == 128 + second


def test_a_process_that_cannot_finish_leaves_when_its_grace_period_is_over() -> None:
    with _started(grace=0.3) as process:
        process.send_signal(signal.SIGTERM)
        _told(process, "stopping")
        assert process.wait(PATIENCE_S) == UNFINISHED
        assert "grace period" in process.stderr.read() if process.stderr else False
