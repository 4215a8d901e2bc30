"""A metric of a package outside of the tree, on real Kafka: nobody told the worker, the report or the policy of it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.report import read_report, render
from schemas.items import ItemEnvelope, RawItem
from schemas.policy import Action
from schemas.scores import SCORE_RECORD, ItemScored
from streams.history import read_whole
from tests.integration.deploy.pipeline import PARTITIONS, pipeline
from tests.unit.workers.plugins import REDNESS, SCREAM, install

FAULTY = SCREAM.replace("scream", "faulty").replace("return chunk", "return 1 / 0 + chunk")
RULE = {"name": "screams", "when": {"check": "metric", "metric": "scream", "max": 0.2}, "then": "review"}
POLICY = {"name": "plugged", "rules": [{"method": {"name": "mean"}, "items": [RULE]}]}
PARENTS = {"calm": 1, "loud": 1, "clip": 3}
STARTED = datetime(2026, 5, 1, tzinfo=UTC)


def _picture(red: int) -> bytes:
    gray = np.random.default_rng(red).integers(0, 40, (96, 128, 1)).astype(np.uint8)
    pixels = np.repeat(gray, 3, axis=2)
    pixels[:48, :, 0] = red
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _items() -> Iterator[RawItem]:
    still = _picture(220)  # its second frame repeats the first
    contents = {
        "calm": [b"The river had risen in the night, and the ferry stayed at its moorings until noon."],
        "loud": [b"Buy!!!! Now!!!! Cheap!!!! Hurry!!!! Last days!!!!"],
        "clip": [still, still, _picture(180)],
    }
    for parent, values in contents.items():
        text = parent != "clip"
        for index, value in enumerate(values):
            envelope = ItemEnvelope(
                id=f"{parent}/{index}",
                source="lab",
                kind="document-chunk" if text else "video-frame",
                parent_id=parent,
                index=index,
                count=len(values),
                content_type="text/plain" if text else "image/png",
                time=STARTED + timedelta(seconds=index),
            )
            yield RawItem(envelope, value)


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_a_metric_of_another_package_is_in_scores_report_and_policy(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install(tmp_path / "site", "colour_cast", REDNESS, "redness = colour_cast:redness")
    install(site, "loudness", SCREAM, "scream = loudness:scream")
    install(site, "broken", FAULTY, "faulty = broken:faulty")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(POLICY))
    with pipeline(kafka, redis_address, tmp_path) as line:
        line.start("decide-0", "decide", "--policy", str(policy))
        line.start("score-0", "score", "--device", "cpu", "--policy", str(policy))
        publisher = line.publisher()
        for item in _items():
            publisher.item(item)
        publisher.flush()
        decisions = line.decided(len(PARENTS))
        records = [
            SCORE_RECORD.validate_json(message.value() or b"")
            for message in read_whole(kafka.properties, line.names.scores, PARTITIONS)
        ]
        report = read_report(kafka.properties, line.names, PARTITIONS)
    scores = {record.item_id: record for record in records if isinstance(record, ItemScored)}
    assert len(scores) == len(records) == 5  # a faulty metric stops nothing
    assert scores["clip/0"].metrics["redness"] == pytest.approx(0.5)
    assert (scores["calm/0"].metrics["scream"], scores["loud/0"].metrics["scream"] > 0.3) == (0.0, True)
    assert all("metric_failed_faulty" in scores[f"{parent}/0"].reasons for parent in ("calm", "loud"))
    assert all("faulty" not in score.metrics for score in scores.values())
    assert decisions["loud"].action is Action.REVIEW
    assert "screams" in decisions["loud"].reasons
    assert "screams" not in decisions["calm"].reasons

    assert scores["clip/1"].metrics["frame_difference"] == 0.0
    assert "frozen_frame" in scores["clip/1"].reasons
    assert "frozen_frame" not in scores["clip/2"].reasons
    assert scores["clip/2"].metrics["step_ratio"] == 1.0

    shown = {kind: {one.name: one for one in spreads} for kind, spreads in report.metrics.items()}
    assert shown["video-frame"]["redness"].items == 3
    assert (shown["document-chunk"]["scream"].items, shown["document-chunk"]["faulty"].failed) == (2, 2)
    page = render(report)
    assert all(f'<th scope="row">{name}</th>' in page for name in ("redness", "scream", "faulty"))
