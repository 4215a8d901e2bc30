"""What a patient's files say of the patient stays in them, wherever one looks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from uuid import uuid4

import msgspec
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from redis import Redis

from deploy import privacykey
from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.policyfiles import DEMO
from deploy.publishing import Published, publish_files
from schemas.policy import Action
from streams import clients
from streams.history import read_whole
from tests.integration.deploy import planted
from tests.integration.deploy.pipeline import Pipeline, pipeline
from tests.unit.workers.dicoms import SERIES
from workers.sources import Parent, SourceOptions


class _Parent(msgspec.Struct):
    parent_id: str


class _Silent:
    def parent(self, parent: Parent) -> None:
        """Show nothing."""

    def item(self) -> None:
        """Show nothing."""


def _publish(gate: Pipeline, folder: Path) -> Published:
    options = SourceOptions(secret=privacykey.load(gate.settings))
    return publish_files([folder], gate.publisher(), "hospital-7", options, _Silent())


def _wait_for_decisions(gate: Pipeline, published: Published) -> None:
    follower = gate.follow(gate.names.decisions)
    waiting = set(published.parents)
    while waiting:
        waiting -= {msgspec.json.decode(m.value() or b"", type=_Parent).parent_id for m in follower.poll(1.0)}


def _messages(gate: Pipeline) -> Iterator[tuple[str, bytes]]:
    """Yield the key, value and headers of every record on every topic of the run."""
    topics = clients.admin(gate.kafka.properties).list_topics(timeout=10).topics
    for topic in (name for name in topics if name.startswith(gate.settings.topic_prefix)):
        for message in read_whole(gate.kafka.properties, topic, len(topics[topic].partitions)):
            headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
            parts = [_bytes(part) for header in headers for part in header]
            yield topic, b"\n".join([_bytes(message.key()), _bytes(message.value()), *parts])


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _forget(url: str) -> None:
    """Let go of what other tests left: all that is found afterwards is of this run."""
    client = Redis.from_url(url)
    client.flushall()
    client.close()


def _cached(url: str) -> Iterator[tuple[str, bytes]]:
    client = Redis.from_url(url)
    for key in client.scan_iter(count=1000):
        assert client.type(key) == b"string"
        yield f"Valkey's {key!r}", key + b"\n" + (cast("bytes | None", client.get(key)) or b"")
    client.close()


def _written(*folders: Path) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes()


@pytest.mark.kafka
def test_a_planted_name_is_nowhere_outside_of_the_files_it_was_planted_in(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = f"Planted{uuid4().hex[:8]}"
    material, run = tmp_path / "material", tmp_path / "run"
    planted.write(material, name)
    run.mkdir()
    _forget(redis_address.url)
    with pipeline(kafka, redis_address, run) as gate:
        gate.settings = gate.settings.model_copy(update={"data_dir": run / "data"})
        published = _publish(gate, material)
        gate.start("score-0", "score", "--device", "cpu")
        gate.start("decide-0", "decide", "--policy", str(DEMO))
        _wait_for_decisions(gate, published)
        for process in gate.running.values():
            process.stop()
        outcome = gate.outcome(published.parents)
        places = {*_messages(gate), *_cached(redis_address.url), *_written(run)}
    texts = capfd.readouterr()
    places |= {("the notes", "\n".join(published.notes).encode()), ("stderr", texts.err.encode())}

    assert outcome.sound
    counts = [(d.counts.expected, d.counts.scored + d.counts.skipped, d.counts.missing) for d in outcome.decisions]
    whole = (planted.SLICES, planted.SLICES, 0)
    assert sorted(counts, reverse=True) == [whole, whole, (planted.SLICES, planted.SLICES - 1, 1)]
    assert [d.action for d in outcome.decisions if d.counts.missing] == [Action.REVIEW]
    assert {problem.split(": ")[0].rsplit(".", 3)[-1] for problem in published.problems} == {"dcm", "gz"}
    assert len(published.problems) == 3

    for needle in (name, SERIES):
        assert [place for place, data in places if planted.holds(data, needle)] == []
    assert all(planted.holds(path.read_bytes(), name) for path in material.rglob("*.dcm"))


def test_the_search_looks_into_pictures_and_other_encodings() -> None:
    text, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("Comment", "seen by Somebody", zip=True)
    text.add_itxt("Author", "Noone", zip=True)
    pixels = np.frombuffer(b"pixels that say Anybody!", dtype=np.uint8).reshape(1, -1)
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=text)
    for needle in ("SOMEBODY", "noone", "anybody"):
        assert needle.encode() not in buffer.getvalue().lower()
        assert planted.holds(b"before" + buffer.getvalue() + b"after", needle)
    assert planted.holds("before PLANTED after".encode("utf-16-le"), "planted")
    assert planted.holds("before PLANTED after".encode("utf-16-be"), "planted")
    assert not planted.holds(buffer.getvalue(), "planted")
