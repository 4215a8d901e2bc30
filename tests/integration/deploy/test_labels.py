"""Labels, calibration and the watch on risk, on a real Kafka: what is on the topics is what counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from deploy import policyfiles
from deploy.brokers.ladder import KafkaAddress
from deploy.calibrate.acceptance import accept_edge
from deploy.cli import app
from deploy.labels import Defaults, read_file
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.alarms import Alarm, RiskAlarm
from schemas.decisions import Decision
from schemas.labels import LabelGiven
from schemas.policy import Policy
from streams import clients
from streams.history import read_whole
from streams.labelling import LabelLog
from streams.topics import TopicNames
from tests.unit.aggregation.records import policy, scored
from tests.unit.deploy.calibrations import (
    AT,
    Parent,
    bundled_scorer,
    decided,
    parents,
    trained_on,
    write_labels,
    write_policy,
    write_replay,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
PARTITIONS = 3


@dataclass(frozen=True)
class Place:
    """Topics of a test's own."""

    kafka: KafkaAddress
    prefix: str

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.prefix)

    def run(self, *arguments: str) -> Result:
        environment = {
            "SLUICE_KAFKA": self.kafka.bootstrap,
            "SLUICE_TOPIC_PREFIX": self.prefix,
            "SLUICE_PARTITIONS": str(PARTITIONS),
        }
        return CliRunner().invoke(app, list(arguments), env=environment)

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == code, (done.output, done.exception)
        return json.loads(done.stdout)

    def on(self, topic: str, partitions: int = PARTITIONS) -> list[bytes]:
        return [message.value() or b"" for message in read_whole(self.kafka.properties, topic, partitions)]

    def send(self, topic: str, values: Sequence[tuple[str, bytes]]) -> None:
        producer: Producer = clients.producer(self.kafka.properties)
        for key, value in values:
            producer.produce(topic, value, key.encode())
        assert producer.flush(30) == 0
        producer.close()

    def decide(self, material: Sequence[Parent], rule: Policy, at: int = AT) -> list[Decision]:
        """Put parents and their decisions on the topics, as worker and decider would."""
        made = decided(material, rule, at)
        records = [(one.parent_id, one.to_json()) for one in made]
        self.send(self.names.decisions, records)
        self.send(self.names.latest, records)
        scores = [
            (one.name, scored(one.name, 0, one.score, 1, at=AT, scorer=bundled_scorer(), content_hash=one.content))
            for one in material
        ]
        self.send(self.names.scores, scores)
        return made


@pytest.fixture
def place(kafka: KafkaAddress) -> Place:
    found = Place(kafka, f"labels-{uuid4().hex[:8]}.")
    settings = Settings.load(topic_prefix=found.prefix, partitions=PARTITIONS)
    TopicSet(clients.admin(kafka.properties), settings).create()
    return found


def test_labels_are_on_the_topic_once_however_often_they_are_imported(place: Place, tmp_path: Path) -> None:
    material = parents(20)
    place.decide(material, policy())
    path = write_labels(tmp_path / "labels.csv", [*material, Parent("stranger", 0.5, bad=False)])
    first = place.json("labels", "import", str(path), "--who", "ann", "--probability", "0.5")
    assert (first["imported"], first["there"], first["unknown_parents"]) == (21, 0, ["stranger"])
    again = place.json("labels", "import", str(path), "--who", "ann", "--probability", "0.5")
    assert (again["imported"], again["there"]) == (0, 21)
    place.send(place.names.labels, [("p0", b"no label")])
    written = [value for value in place.on(place.names.labels) if value != b"no label"]
    found = {one.parent_id: one for one in map(LabelGiven.model_validate_json, written)}
    assert len(written) == len(found) == 21
    assert (found["p0"].source, found["p0"].kind, found["p0"].probability) == ("camera-1", "video-frame", 0.5)
    assert found["stranger"].source is None
    (tally, *_), unreadable = place.json("labels")["tallies"], place.json("labels")["unreadable"]
    assert (tally["labels"], unreadable) == (1, 1)


def test_the_last_word_of_each_person_is_exported_and_people_who_disagree_are_named(
    place: Place, tmp_path: Path
) -> None:
    for number, (who, value) in enumerate([("ann", 0.2), ("ann", 0.9), ("bob", 0.1), ("cy", 0.8)]):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"parent,label,at,guideline\na,{value},{AT + number},v{number}\n")
        assert place.run("labels", "import", str(path), "--who", who).exit_code == 0
    done = place.run("labels", "export", "--out", f"{tmp_path}/out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {(row["who"], row["label"]) for row in rows} == {("ann", 0.9), ("bob", 0.1), ("cy", 0.8)}
    assert "people disagree: 1 (all are kept)" in done.stderr
    assert "a: ann 0.9, bob 0.1, cy 0.8" in done.stderr
    kept = place.run("labels", "export", "--conflicts", "majority", "--json")
    assert json.loads(kept.stdout)["who"] == "ann+cy"
    assert place.run("labels", "export", "--conflicts", "drop", "--json").stdout == ""
    only = place.run("labels", "export", "--guideline", "v2", "--json")
    assert json.loads(only.stdout)["who"] == "bob"
    assert place.run("labels", "export", "--since", "2023-11-15", "--json").stdout == ""


def test_an_import_that_was_cut_off_is_finished_by_the_same_command_and_what_lies_there_twice_is_read_once(
    place: Place, tmp_path: Path
) -> None:
    path = write_labels(tmp_path / "labels.csv", parents(20))
    begun = read_file(path, Defaults(AT, who="ann")).labels[:8]
    log = LabelLog(place.kafka.properties, place.names.labels, PARTITIONS)
    for _ in range(2):  # as two who import at once may do
        log.append(begun, lambda _: None)
    done = place.json("labels", "import", str(path), "--who", "ann")
    assert (done["imported"], done["there"]) == (12, 8)
    assert len(place.on(place.names.labels)) == 28
    assert len(place.run("labels", "export", "--json").stdout.splitlines()) == 20


def test_a_file_with_a_wrong_row_imports_nothing(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("parent,label\na,1\nb,7\n")
    done = place.run("labels", "import", str(path), "--who", "ann")
    assert getattr(done.exception, "exit_code", None) == 2
    assert "line 3: the label 7 is not in [0,1]" in str(done.exception)
    assert place.on(place.names.labels) == []


def test_live_decisions_and_labels_on_the_topic_become_a_threshold_that_risk_then_watches(
    place: Place, tmp_path: Path
) -> None:
    material = parents(500)
    material[7] = Parent("p7", 0.9, bad=True, content=trained_on())
    rule = policy(audit={"accept": 0.5})
    place.decide(material, rule)
    path = write_labels(tmp_path / "labels.csv", material)
    assert place.run("labels", "import", str(path), "--who", "ann", "--probability", "1").exit_code == 0
    chosen = write_policy(tmp_path / "policy.yaml", rule)
    place.run("policy", "publish", str(chosen))
    out = tmp_path / "out"
    found = place.json("calibrate", "--policy", "test@1", "--out", str(out))
    assert found["labels"] == 499
    assert [(one["reason"], one["parents"]) for one in found["left_out"]] == [("trained", ["p7"])]
    written = policyfiles.load(out / "policy.yaml")
    assert accept_edge(written.rules[0]) == found["threshold"]

    risk = ("risk", "--calibration", str(out))
    assert place.json(*risk)["audits"] == 0  # what it was calibrated by does not vouch for it
    later = [Parent(f"later{n}", 0.95, bad=n % 3 == 0, content=f"{n + 9_000:064x}") for n in range(200)]
    made = place.decide(later, written.model_copy(update={"version": 2}), AT + 10_000)
    drawn = {one.parent_id for one in made if one.audit is not None and one.audit.selected}
    audits = write_labels(tmp_path / "audits.csv", [one for one in later if one.name in drawn])
    before = place.json(*risk)
    assert (before["alarmed"], before["waiting"], before["audits"]) == (False, len(drawn), 0)
    assert place.run("labels", "import", str(audits), "--who", "ann").exit_code == 0
    alarmed = place.json(*risk, code=23)
    assert (alarmed["audits"], alarmed["waiting"], alarmed["told"]) == (len(drawn), 0, True)
    assert alarmed["alarmed_at"] <= before["alarms_within"]
    assert place.json(*risk, code=23)["told"] is False
    (alarm,) = [RiskAlarm.model_validate_json(value) for value in place.on(place.names.alarms, 1)]
    assert (alarm.alpha, alarm.policies, alarm.audits) == (0.1, ("test@2",), alarmed["alarmed_at"])
    with pytest.raises(ValueError, match="Alarm"):
        Alarm.model_validate_json(alarm.to_json())  # the monitor passes it over


def test_without_labels_or_decisions_it_is_said_what_is_missing(place: Place, tmp_path: Path) -> None:
    done = place.run("calibrate")
    assert getattr(done.exception, "exit_code", None) == 23
    assert "no label is of a parent that was decided" in str(done.exception)
    assert place.run("labels").stdout == "no labels yet: sluice labels import FILE\n"
    other = write_replay(tmp_path / "replay", [], [])
    done = place.run("calibrate", "--replay", str(other))
    assert getattr(done.exception, "exit_code", None) == 2
    assert "Set SLUICE_TOPIC_PREFIX=t." in str(done.exception)
    done = place.run("risk", "--calibration", str(tmp_path))
    assert getattr(done.exception, "exit_code", None) == 2
    assert place.json("risk")["audits"] == 0
