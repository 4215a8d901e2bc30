"""`sluice local`: other processes find its brokers, and Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.brokers.waiting import wait_until

pytestmark = pytest.mark.kafka
SECONDS = 60.0


def _environment(folder: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    return {**own, "SLUICE_DATA_DIR": str(folder), "SLUICE_PARTITIONS": "3"}


def test_another_process_finds_topics_and_the_end_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy", "local", "--workers", "0", "--deciders", "0"]
    place = tmp_path / "env"
    with subprocess.Popen(command, env=_environment(tmp_path), stdout=subprocess.PIPE, text=True) as running:
        try:
            assert wait_until(place.exists, timeout_s=SECONDS)
            check = f". {place} && {sys.executable} -m deploy topics check"
            found = subprocess.run(["sh", "-c", check], env=_environment(tmp_path), check=False, timeout=SECONDS)
            assert found.returncode == 0
        finally:
            running.send_signal(signal.SIGINT)
            said, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 0
    assert str(place) in said
    assert not place.exists()
