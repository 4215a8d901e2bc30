"""The main job as a user runs it, twice: the second time under new parent ids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from deploy.brokers.ladder import KafkaAddress, RedisAddress

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


def _demo(kafka: KafkaAddress, redis: RedisAddress, out: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "SLUICE_KAFKA": kafka.bootstrap, "SLUICE_REDIS": redis.url}
    command = [sys.executable, "-m", "deploy", "demo", "--out", str(out), "--json", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


def _decisions(out: Path, suffix: str = "") -> dict[str, tuple[Any, Any]]:
    records = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    return {record["parent_id"].removesuffix(suffix): (record.get("score"), record["action"]) for record in records}


def test_the_demo_decides_everything_once_and_the_cache_saves_the_encoder(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    code, printed = _demo(kafka, redis_address, tmp_path)
    assert code == 0
    first = json.loads(printed)
    assert json.loads((tmp_path / "summary.json").read_text()) == first
    assert first["parents"] == sum(first["decisions"].values()) >= 18
    assert (first["lost"], first["duplicated"], first["disagreeing"]) == (0, 0, 0)
    assert first["dead_letters"] == first["failed"] > 0
    expected = first["expectations"]
    assert expected["undamaged_accepted"] >= 0.8
    assert expected["heavily_damaged_not_accepted"] >= 0.9
    assert expected["heavily_damaged_rejected"] >= 0.6
    before = _decisions(tmp_path)
    page = LexborHTMLParser(Path(first["report"]).read_text())
    assert {node.text() for node in page.css(".row h3")} == set(before)
    for kind in ("video-frame", "mri-slice"):  # the demo's own volume is public
        assert any(kind in row.text() and row.css("img[src^='data:image/jpeg']") for row in page.css(".row"))
    assert any(row.css("q") for row in page.css(".row") if "document-chunk" in row.text())

    code, printed = _demo(kafka, redis_address, tmp_path, "--parent-suffix=-again")
    assert code == 0
    second = json.loads(printed)
    assert second["encoder_calls"] == 0
    assert second["cache_hits"] == second["scored"] == first["scored"]
    assert _decisions(tmp_path, "-again") == before


def test_files_of_ones_own(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.md").write_text(
        "# Notes\n\n" + "The tide comes in and the boats are afloat again. " * 60
    )
    (tmp_path / "mine" / "clip.mp4").write_bytes(b"this is no video")
    (tmp_path / "mine" / "DOE_JOHN.nii.gz").write_bytes(b"this is no volume")
    code, printed = _demo(kafka, redis_address, tmp_path / "out", str(tmp_path / "mine"))
    summary = json.loads(printed)
    assert code == 9
    assert summary["parents"] == sum(summary["decisions"].values()) == 1
    assert "clip.mp4" in summary["unreadable_files"][0]
    assert summary["unreadable_files"][1].startswith("1 medical file: ")
    assert "DOE" not in printed
    assert "DOE" not in Path(summary["report"]).read_text()
