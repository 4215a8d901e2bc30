"""`sluice items` on a real Kafka: what is on the topics is what is listed, exported and shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer
from selectolax.lexbor import LexborHTMLParser
from typer.testing import CliRunner, Result

from deploy.brokers.ladder import KafkaAddress
from deploy.cli import app
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.items import ItemEnvelope, RawItem, content_hash
from streams import clients
from streams.history import read_whole
from streams.publisher import Publisher
from streams.topics import TopicNames
from tests.unit.aggregation.records import failed, fed, only, scored
from tests.unit.deploy.itemrows import DAY
from workers.sources.encode import png

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
PARTITIONS = 3
SHADES = 8
ACTION = "review"  # of the pictures' parent
PLUGGED = "my_company_grain"  # a metric that Sluice has never heard of


@dataclass(frozen=True)
class Place:
    """Topics of this module's own."""

    kafka: KafkaAddress
    prefix: str

    def run(self, *arguments: str) -> Result:
        environment = {
            "SLUICE_KAFKA": self.kafka.bootstrap,
            "SLUICE_TOPIC_PREFIX": self.prefix,
            "SLUICE_PARTITIONS": str(PARTITIONS),
        }
        return CliRunner().invoke(app, ["items", *arguments], env=environment)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


def _publish(place: Place, names: TopicNames) -> dict[str, dict[str, int | None]]:
    """Publish pictures of rising brightness, a text and a slice; return where each lies, by its id."""
    publisher = Publisher(place.kafka.properties, names.items)
    gray = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    values = [(f"shades/{n}", "image", png((gray * 30 * n).astype(np.uint8)), "image/png") for n in range(SHADES)]
    values.append(("page/0", "document-chunk", b"It was the best of times.", "text/plain"))
    values.append(("scan/0", "mri-slice", png((gray * 65535).astype(np.uint16)), "image/png"))
    for name, kind, value, media in values:
        parent, index = name.split("/")
        publisher.item(
            RawItem(
                ItemEnvelope(
                    id=name,
                    source="s",
                    kind=kind,
                    parent_id=parent,
                    index=int(index),
                    content_type=media,
                    content_hash=content_hash(value),
                ),
                value,
            )
        )
    publisher.close()
    found = {}
    for message in read_whole(place.kafka.properties, names.items, PARTITIONS):
        headers = dict(message.headers() or [])
        identity = headers["ce_id"]
        assert isinstance(identity, bytes)
        found[identity.decode()] = {"item_partition": message.partition(), "item_offset": message.offset()}
    return found


def _answer(place: Place, names: TopicNames, at: dict[str, dict[str, int | None]]) -> None:
    producer = clients.producer(place.kafka.properties)
    answers = [
        scored(
            "shades",
            number,
            number / 10,
            SHADES,
            at=DAY + number,
            kind="image",
            reasons=("dark",) if number < 3 else (),
            metrics={PLUGGED: float(-number) if number else -1000.0},
            **at[f"shades/{number}"],
        )
        for number in range(SHADES)
    ]
    again = scored("shades", 7, 0.65, SHADES, at=DAY + 7, kind="image", metrics={PLUGGED: -7.0}, **at["shades/7"])
    text = scored("page", 0, 0.9, 1, at=DAY, kind="document-chunk", metrics={"words": 6.0}, **at["page/0"])
    scan = scored("scan", 0, 0.4, 1, at=DAY, kind="mri-slice", metrics={"snr": 9.0}, **at["scan/0"])
    _send(producer, names.scores, [*answers, again, text, scan, failed("page", 1, 1), b"no record"])
    producer.produce(names.latest, key=b"shades", value=only(fed(answers)).to_json())
    assert producer.flush(30) == 0
    producer.close()


def _send(producer: Producer, topic: str, values: list[bytes]) -> None:
    for value in values:
        key = json.loads(value)["parent_id"].encode() if value.startswith(b"{") else b"x"
        producer.produce(topic, key=key, value=value)


def _leave_out(place: Place, names: TopicNames) -> None:
    """Write a score in a transaction that is aborted."""
    producer = clients.producer(place.kafka.properties, transactional_id=f"{place.prefix}ghost")
    producer.init_transactions()
    producer.begin_transaction()
    _send(producer, names.scores, [scored("ghost", 0, 0.0, 1, kind="image")])
    producer.flush(30)
    producer.abort_transaction()
    producer.close()


@pytest.fixture(scope="module")
def place(kafka: KafkaAddress) -> Place:
    found = Place(kafka, f"items-{uuid4().hex[:8]}.")
    settings = Settings.load(topic_prefix=found.prefix, partitions=PARTITIONS)
    TopicSet(clients.admin(kafka.properties), settings).create()
    names = TopicNames(found.prefix)
    _answer(found, names, _publish(found, names))
    _leave_out(found, names)
    return found


def test_items_are_listed_by_what_was_asked_for_and_aborted_ones_are_not(place: Place) -> None:
    found = place.rows()
    assert {row["parent_id"] for row in found} == {"shades", "page", "scan"}
    assert {row["action"] for row in found if row["parent_id"] != "shades"} == {None}
    (action,) = {row["action"] for row in found if row["parent_id"] == "shades"}
    assert action == ACTION
    rows = place.rows("--sort", PLUGGED, "--top", "3", "--where", f"{PLUGGED} > -900 and kind == 'image'")
    assert [(row["index"], row["metrics"][PLUGGED]) for row in rows] == [(1, -1.0), (2, -2.0), (3, -3.0)]
    assert [row["index"] for row in place.rows("--where", "reason('dark') and score > 0.15")] == [2]
    assert [row["score"] for row in place.rows("--parent", "shades", "--where", "index == 7")] == [0.65]


def test_times_and_outliers_leave_what_they_should(place: Place) -> None:
    rows = place.rows("--kind", "image", "--from", "2023-11-14T22:13:20.002", "--to", "2023-11-14T22:13:20.005")
    assert [row["index"] for row in rows] == [2, 3, 4]
    assert [row["index"] for row in place.rows("--outliers", PLUGGED)] == [0]


def test_the_table_has_the_metrics_that_were_asked_for_and_says_what_was_read(place: Place) -> None:
    done = place.run("--bottom", "2", "--metric", PLUGGED)
    head, first, second = done.stdout.splitlines()
    assert head.split() == ["parent", "item", "score", "action", "reasons", PLUGGED, "scorer", "on", "items"]
    assert first.split()[:5] == ["shades", "#0", "0.0000", ACTION, "dark"]
    assert "-1000" in first
    assert "#1" in second
    assert "10 of 10 scored items match" in done.stderr
    assert "without a score, and not listed: 1 failed" in done.stderr
    assert "left out: 1 earlier answers" in done.stderr
    assert "left out: 1 records that are not to be read" in done.stderr


def test_a_name_that_nothing_has_ends_with_words_and_the_code_of_a_wrong_argument(place: Place) -> None:
    done = place.run("--where", f"score < 1 and {PLUGGED[:-1]} > 2")
    assert done.exception is not None
    assert getattr(done.exception, "exit_code", None) == 2
    assert f"Did you mean {PLUGGED}?" in str(done.exception)


def test_an_export_holds_what_is_listed_with_the_metrics_as_columns(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    done = place.run("--sort", "score", "--desc", "--export", str(path))
    assert done.exit_code == 0
    assert done.stdout == f"written: {path}\n"
    table = pq.read_table(path)
    listed = place.rows("--sort", "score", "--desc")
    assert table.column("score").to_pylist() == [row["score"] for row in listed]
    assert table.column(f"metric_{PLUGGED}").to_pylist() == [row["metrics"].get(PLUGGED) for row in listed]
    refused = place.run("--export", str(path))
    assert "pass --force to replace it" in str(refused.exception)


def test_the_page_shows_pictures_and_texts_and_slices_only_where_asked(place: Place, tmp_path: Path) -> None:
    plain, medical = tmp_path / "a.html", tmp_path / "b.html"
    assert place.run("--sort", "score", "--html", str(plain)).exit_code == 0
    assert place.run("--sort", "score", "--html", str(medical), "--medical-thumbnails").exit_code == 0
    page = LexborHTMLParser(plain.read_text(encoding="utf-8"))
    assert [node.text() for node in page.css(".look q")] == ["It was the best of times."]
    assert len(page.css(".card img")) == SHADES
    assert len(page.css(".card")) == SHADES + 2
    assert len(LexborHTMLParser(medical.read_text(encoding="utf-8")).css(".card img")) == SHADES + 1


def test_no_group_is_left_behind(place: Place) -> None:
    admin = clients.admin(place.kafka.properties)
    before = {one.group_id for one in admin.list_consumer_groups().result().valid}
    place.rows("--bottom", "1")
    assert {one.group_id for one in admin.list_consumer_groups().result().valid} <= before
