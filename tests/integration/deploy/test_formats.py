"""A folder with one of each format, through the demo as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from tests.integration.deploy import one_of_each

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def test_one_of_each_is_decided(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path) -> None:
    one_of_each.write(tmp_path / "files")
    environment = {**os.environ, "SLUICE_KAFKA": kafka.bootstrap, "SLUICE_REDIS": redis_address.url}
    command = [
        sys.executable,
        "-m",
        "deploy",
        "demo",
        "--out",
        str(tmp_path / "out"),
        "--json",
        str(tmp_path / "files"),
    ]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0
    summary = json.loads(done.stdout)
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    lines = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    decisions = [json.loads(line) for line in lines]
    kinds = Counter(decision["kind"] for decision in decisions)
    assert kinds == {"video-frame": 1, "mri-slice": 3, "image": 2, "document-chunk": 4}
    assert len(decisions) == one_of_each.PARENTS
    scan = next(decision for decision in decisions if decision["parent_id"].startswith("scan"))
    assert scan["action"] == "review"
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
