"""`sluice diff` against live decisions on a real Kafka: which windows are compared, and what their items look like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from selectolax.lexbor import LexborHTMLParser
from typer.testing import CliRunner, Result

from deploy.brokers.ladder import KafkaAddress
from deploy.cli import app
from deploy.errors import SluiceError
from deploy.policy.writing import to_yaml
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.items import ItemEnvelope, RawItem, content_hash
from schemas.labels import LabelGiven
from streams import clients, offsets
from streams.history import read_whole
from streams.labelling import LabelLog
from streams.publisher import Publisher
from streams.topics import TopicNames
from tests.unit.aggregation.records import decisions, fed, policy, scored
from tests.unit.deploy.diffs import STRICT, replay
from workers.sources.encode import png

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
KINDS = {"clip": "image", "page": "document-chunk", "scan": "mri-slice", "quiet": "image", "late": "image"}
ITEMS = 3  # of the clip; every other parent has one
EXCERPT = "It was the worst of times."


@dataclass(frozen=True)
class Place:
    """Topics of this module's own, with one partition, and a replay of all but the last of their scores."""

    kafka: KafkaAddress
    names: TopicNames
    folder: Path
    values: list[bytes]

    def run(self, *arguments: str | Path, partitions: int = 1, command: str = "diff") -> Result:
        environment = {
            "SLUICE_KAFKA": self.kafka.bootstrap,
            "SLUICE_TOPIC_PREFIX": self.names.prefix,
            "SLUICE_PARTITIONS": str(partitions),
        }
        return CliRunner().invoke(app, [command, *map(str, arguments)], env=environment)

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def replay(self, name: str, values: list[bytes], **how: Any) -> Path:
        return replay(self.folder / name, values, topic_prefix=self.names.prefix, **how)


def _publish(kafka: KafkaAddress, names: TopicNames) -> dict[str, dict[str, Any]]:
    publisher = Publisher(kafka.properties, names.items)
    gray = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    for parent, kind in KINDS.items():
        text, slices = kind == "document-chunk", kind == "mri-slice"
        picture = png((gray * 65535).astype(np.uint16)) if slices else png((gray * 255).astype(np.uint8))
        value, media = (EXCERPT.encode(), "text/plain") if text else (picture, "image/png")
        for index in range(ITEMS if parent == "clip" else 1):
            envelope = ItemEnvelope(
                id=f"{parent}/{index}",
                source="s",
                kind=kind,
                parent_id=parent,
                index=index,
                content_type=media,
                content_hash=content_hash(value),
            )
            publisher.item(RawItem(envelope, value))
    publisher.close()
    found = {}
    for message in read_whole(kafka.properties, names.items, 1):
        identity = dict(message.headers() or [])["ce_id"]
        assert isinstance(identity, bytes)
        found[identity.decode()] = {"item_partition": message.partition(), "item_offset": message.offset()}
    return found


def _answers(at: dict[str, dict[str, Any]]) -> list[bytes]:
    def answer(parent: str, index: int, score: float, count: int = 1) -> bytes:
        return scored(parent, index, score, count, kind=KINDS[parent], source="s", **at[f"{parent}/{index}"])

    clip = [answer("clip", index, score, ITEMS) for index, score in enumerate((0.9, 0.5, 0.45))]
    return [*clip, *(answer(parent, 0, 0.5) for parent in ("page", "scan", "quiet", "late"))]


@pytest.fixture(scope="module")
def place(kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> Place:
    names = TopicNames(f"diff-{uuid4().hex[:8]}.")
    TopicSet(clients.admin(kafka.properties), Settings.load(topic_prefix=names.prefix, partitions=1)).create()
    values = _answers(_publish(kafka, names))
    producer = clients.producer(kafka.properties)
    for value in values:
        producer.produce(names.scores, key=json.loads(value)["parent_id"].encode(), value=value)
    for made in decisions(fed(values)):
        first = made.model_copy(update={"revision": 0, "score": 0.99})
        for one in (first, made.model_copy(update={"revision": 1})) if made.parent_id == "page" else (made,):
            producer.produce(names.decisions, key=one.parent_id.encode(), value=one.to_json())
    assert producer.flush(30) == 0
    producer.close()
    return Place(kafka, names, tmp_path_factory.mktemp("diff"), values)


@pytest.fixture(scope="module")
def strict(place: Place) -> Path:
    """A replay of all but the last score under a stricter policy; the wall clock had closed one window live."""
    return place.replay("strict", place.values[:-1], under=STRICT, wall_clock=("quiet",))


def _ends(place: Place) -> dict[str, int]:
    admin = clients.admin(place.kafka.properties)
    topics = [place.names.items, place.names.scores, place.names.decisions, place.names.latest, place.names.labels]
    return {topic: offsets.ends(admin, topic, [0])[0] for topic in topics}


def test_live_decisions_are_compared_where_the_replay_has_them(place: Place, strict: Path) -> None:
    before = _ends(place)
    found = place.json("live", strict)
    assert {flip["parent_id"] for flip in found["flips"]} == {"clip", "page", "scan"}
    assert {flip["before"]["revision"] for flip in found["flips"] if flip["parent_id"] == "page"} == {1}
    assert [flip["parent_id"] for flip in found["wall_clock_flips"]] == ["quiet"]
    assert found["total"]["compared"] == 3
    assert found["total"]["wall_clock"] == 1
    assert found["only_before"] == found["only_after"] == []
    assert list(found["before"]["left_out"].values()) == [1]  # the late one, whose score came after the span
    assert any("wall clock" in warning for warning in found["warnings"])
    assert _ends(place) == before  # nothing was written


def test_the_page_shows_the_items_behind_flips_and_patients_only_where_asked_for(place: Place, strict: Path) -> None:
    page = place.folder / "page.html"
    done = place.run("live", strict, "--html", page)
    assert done.exit_code == 0, done.output
    tree = LexborHTMLParser(page.read_text(encoding="utf-8"))
    shown = {(node.attributes["alt"] or "").split(",")[0] for node in tree.css("img")}
    assert shown == {"clip", "quiet"}
    assert [node.text() for node in tree.css(".items q")] == [EXCERPT]
    assert len(tree.css("#apart ~ article img")) == 1
    assert place.run("live", strict, "--html", page, "--medical-thumbnails", "--force").exit_code == 0
    tree = LexborHTMLParser(page.read_text(encoding="utf-8"))
    assert "scan" in {(node.attributes["alt"] or "").split(",")[0] for node in tree.css("img")}


def test_a_new_head_stands_beside_the_scores_as_they_were_live(place: Place) -> None:
    lower = [json.loads(value) for value in place.values[:-1]]
    lower[0]["score"], lower[1]["score"], lower[2]["score"] = 0.2, 0.1, 0.15
    anew = place.replay("anew", [json.dumps(value).encode() for value in lower], rescored=True)
    (flip,) = place.json("live", anew)["flips"]
    scores = {item["index"]: (item["before"]["score"], item["after"]["score"]) for item in flip["items"]}
    assert scores == {0: (0.9, 0.2), 1: (0.5, 0.1), 2: (0.45, 0.15)}
    assert flip["because"] == ["score"]


def test_what_the_replay_command_makes_is_compared_with_live_and_with_itself(place: Place) -> None:
    rules = place.folder / "strict.yaml"
    rules.write_text(to_yaml(STRICT.model_dump(mode="json")), encoding="utf-8")
    for name in ("one", "two"):
        done = place.run("--from", "1h", "--policy", rules, "--out", place.folder / name, command="replay")
        assert done.exit_code == 0, done.output
    found = place.json("live", place.folder / "one")
    assert {flip["parent_id"] for flip in found["flips"]} == set(KINDS)
    assert {flip["after"]["policy"] for flip in found["flips"]} == {STRICT.reference}
    assert place.run(place.folder / "one", place.folder / "two", "--fail-on-flips", "0").exit_code == 0


def test_labels_can_come_from_their_topic(place: Place, strict: Path) -> None:
    log = LabelLog(place.kafka.properties, place.names.labels, 1)
    given = [
        LabelGiven(id=uuid4().hex, parent_id=parent, value=value, who="ann", at=1)
        for parent, value in (("clip", 0.0), ("page", 1.0), ("stranger", 1.0))
    ]
    log.append(given, lambda _: None)
    found = place.json("live", strict, "--topic-labels")["labels"]
    assert (found["labels"], found["bad"], found["mended"]) == (2, 1, 1)
    assert found["unused"] == {"of parents that are on neither side": 1}


def test_a_replay_of_another_topic_set_is_refused(place: Place, strict: Path, tmp_path: Path) -> None:
    other = replay(tmp_path / "other", place.values, policy(), topic_prefix="other.")
    for done in (place.run("live", other), place.run("live", strict, partitions=2)):
        assert isinstance(done.exception, SluiceError)
        assert done.exception.exit_code in {2, 5}
