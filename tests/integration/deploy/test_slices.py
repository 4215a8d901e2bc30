"""`sluice slices` and `sluice testcases` on a real Kafka: decisions, scores and labels from the topics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from typer.testing import CliRunner, Result

from deploy.brokers.ladder import KafkaAddress
from deploy.cli import app
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.labels import LabelGiven
from streams import clients, offsets
from streams.labelling import LabelLog
from streams.topics import TopicNames
from tests.unit.aggregation.records import decisions, fed, scored
from tests.unit.deploy.sliced import NOW

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
CLIPS = 60
NOISY = "camera-2"
STRICT = f"""\
name: strict
rules:
  - thresholds: {{high: 0.7, medium: 0.4, low: 0.2}}
  - source: {NOISY}
    thresholds: {{high: 0.99, medium: 0.95, low: 0.2}}
"""


@dataclass(frozen=True)
class Place:
    """Topics of this module's own, of one partition, and the folder of a replay of them under another policy."""

    kafka: KafkaAddress
    prefix: str
    replay: Path

    def run(self, *arguments: str) -> Result:
        environment = {
            "SLUICE_KAFKA": self.kafka.bootstrap,
            "SLUICE_TOPIC_PREFIX": self.prefix,
            "SLUICE_PARTITIONS": "1",
        }
        return CliRunner().invoke(app, list(arguments), env=environment)

    def told(self, *arguments: str) -> dict[str, Any]:
        done = self.run("slices", "--json", *arguments)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def _scores() -> list[bytes]:
    found = []
    for number in range(CLIPS):
        source = NOISY if number % 2 else "camera-1"
        bad = number % 4 > 1
        score = 0.9 if source == NOISY or not bad else 0.1  # the head does not see what is wrong with the noisy one
        for index in range(2):
            metrics = {"noise_sigma": 8.0 + bad + index if source == NOISY else 1.0 + index}
            found.append(scored(f"clip-{number}", index, score, 2, at=NOW + number, source=source, metrics=metrics))
    return found


@pytest.fixture(scope="module")
def place(kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> Place:
    prefix = f"slices-{uuid4().hex[:8]}."
    settings, names = Settings.load(topic_prefix=prefix, partitions=1), TopicNames(prefix)
    TopicSet(clients.admin(kafka.properties), settings).create()
    records = _scores()
    decided = decisions(fed(records))
    producer = clients.producer(kafka.properties)
    for record in records:
        producer.produce(names.scores, key=json.loads(record)["parent_id"], value=record)
    for one in decided:
        producer.produce(names.decisions, key=one.parent_id, value=one.to_json())
    producer.produce(names.decisions, key="x", value=b"no record")
    assert producer.flush(30) == 0
    producer.close()
    given = [_label(number, 0.1 if number % 4 > 1 else 0.9) for number in range(CLIPS)]
    again = _label(0, 0.9).model_copy(update={"id": "again", "who": "another"})
    LabelLog(kafka.properties, names.labels, 1).append([*given, again], lambda _: None)
    policy = tmp_path_factory.mktemp("strict") / "strict.yaml"
    policy.write_text(STRICT)
    found = Place(kafka, prefix, policy.parent / "replay")
    done = found.run("replay", "--from", "1h", "--policy", str(policy), "--out", str(found.replay))
    assert done.exit_code == 0, done.output
    return found


def _label(number: int, value: float) -> LabelGiven:
    return LabelGiven(id=f"label-{number}", parent_id=f"clip-{number}", value=value, who="rater", at=NOW)


def test_what_was_decided_live_is_judged_by_the_labels_on_the_topic(place: Place) -> None:
    found = place.told("--by", "source", "--by", "noise_sigma", "--bins", "3", "--metrics")
    slices = {one["slice"]: one for one in found["slices"] if one["by"] == "source"}
    assert slices[NOISY]["rates"]["false_accept_rate"]["value"] == 1.0
    assert slices["camera-1"]["rates"]["false_accept_rate"]["value"] == 0.0
    assert (found["all"]["labelled"], found["all"]["bad"], found["replay"]) == (CLIPS, CLIPS // 2, None)
    assert "left out: 1 records that are no decisions" in found["notices"]
    (curve,) = found["curves"]
    assert (curve["bins"][0]["low"], curve["bins"][-1]["high"]) == (1.5, 9.5)  # means of two items
    assert found["relations"][0]["shape"] == "rises"


def test_a_replay_that_scored_nothing_anew_takes_metrics_from_the_topic(place: Place) -> None:
    found = place.told("--replay", str(place.replay), "--by", "min_noise_sigma")
    assert found["all"]["rates"]["false_accept_rate"]["value"] == 0.0
    assert [one["low"] for one in found["curves"][0]["bins"]] == [1.0, 8.0, 9.0]
    assert found["heads"] is None


def test_a_case_fails_live_and_passes_on_the_stricter_policy_and_no_topic_grows(place: Place, tmp_path: Path) -> None:
    admin, names = clients.admin(place.kafka.properties), TopicNames(place.prefix)
    before = [offsets.ends(admin, topic, [0]) for topic in (names.scores, names.decisions, names.labels)]
    groups = {one.group_id for one in admin.list_consumer_groups().result().valid}
    path = tmp_path / "cases.yaml"
    case = '{name: noise, where: noise_sigma > 7, metric: false_accept_rate, assertion: "<= 0.3", least: 15}'
    path.write_text(f"name: night\ncases: [{case}]")
    live = place.run("testcases", "run", str(path))
    assert getattr(live.exception, "exit_code", None) == 24, live.output
    assert "failed" in live.stdout
    strict = place.run("testcases", "run", str(path), "--replay", str(place.replay))
    assert strict.exit_code == 0, strict.output
    after = [offsets.ends(admin, topic, [0]) for topic in (names.scores, names.decisions, names.labels)]
    assert after == before
    assert {one.group_id for one in admin.list_consumer_groups().result().valid} <= groups


def test_times_leave_what_was_closed_then(place: Place) -> None:
    assert place.told("--from", "2023-11-14T22:13:20.030")["all"]["decided"] == 30
    assert place.told("--to", "2023-11-14T22:13:20.030")["all"]["decided"] == 30
    assert place.told("--from", "1h")["all"]["decided"] == 0


def test_windows_whose_scores_retention_has_deleted_are_counted(place: Place) -> None:
    """The last one here, since it deletes."""
    topic = TopicNames(place.prefix).scores
    admin = clients.admin(place.kafka.properties)
    for future in admin.delete_records([TopicPartition(topic, 0, 10)]).values():
        future.result()
    found = place.told("--by", "noise_sigma")
    told = "retention has deleted scores of 5 windows: their metrics are those of what is left, if any"
    assert told in found["notices"]
    assert sum(one["decided"] for one in found["slices"]) == CLIPS - 5
