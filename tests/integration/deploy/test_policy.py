"""Policies on a real Kafka: published, replaced and taken back while deciders work and are killed."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any
from uuid import uuid4

import pytest
import yaml
from confluent_kafka import KafkaError, KafkaException

from deploy import policyfiles
from deploy.brokers.ladder import KafkaAddress
from deploy.brokers.waiting import wait_until
from deploy.policy.finder import PolicyFinder
from deploy.policy.gates import GateMaker
from deploy.policy.publication import PolicyError
from deploy.settings import Settings
from deploy.topicset import TopicSet
from schemas.decisions import Decision
from schemas.policy import Policy
from schemas.scores import PolicyActivated
from streams import clients
from streams.exactlyonce import DecideLoop
from streams.gates import DecideSettings
from streams.policies import DocumentReader, DocumentWriter, WriterFencedError, mark
from streams.topics import TopicNames
from tests.chaos.fleet import Fleet, Replica
from tests.chaos.reading import Entry
from tests.integration.deploy.policyplace import PARTITIONS, PATIENCE_S, Feed, Place, marked_in
from tests.unit.aggregation.records import scored

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
IN_FLIGHT = 10_000
PARENTS = 20_000
PUBLISHED: dict[str, dict[str, Any]] = {
    "night@1": {"method": {"name": "min"}},
    "night@2": {"method": {"name": "mean"}, "thresholds": {"high": 0.9, "medium": 0.8, "low": 0.7}},
}


@pytest.fixture
def place(kafka: KafkaAddress, tmp_path: Path) -> Place:
    names = TopicNames(f"policy-{uuid4().hex[:8]}.")
    settings = Settings.load(topic_prefix=names.prefix, partitions=PARTITIONS)
    TopicSet(clients.admin(kafka.properties), settings).create()
    return Place(kafka, names, tmp_path)


def _everywhere(version: str) -> Counter[tuple[int, str]]:
    return Counter({(partition, version): 1 for partition in range(PARTITIONS)})


def test_versions_are_published_replaced_listed_and_taken_back(place: Place) -> None:
    first = place.run("publish", place.file(idle_ms=1_000), "--note", "to begin with")
    assert (first["version"], first["published"], first["before"]) == ("night@1", True, None)
    assert place.markers() == _everywhere("night@1")
    again = place.run("publish", place.file(idle_ms=1_000))
    assert (again["version"], again["published"], again["activated"]) == ("night@1", False, False)
    assert place.run("publish", place.file(7, window={"by": "index", "size": 5}))["warnings"]
    with pytest.raises(PolicyError, match=r"immutable. The next free version is 8"):
        place.run("publish", place.file(7, idle_ms=3_000))
    assert place.run("rollback")["version"] == "night@1"
    assert place.run("rollback", "7", "--note", "forward")["before"] == "night@1"
    history = place.run("history")
    assert (history["active"], [one["version"] for one in history["activations"]]) == ("night@7", [1, 7, 1, 7])
    assert [one["sequence"] for one in history["activations"]] == [1, 2, 3, 4]
    assert [one["at"] for one in history["activations"]] == sorted(one["at"] for one in history["activations"])
    assert place.markers().total() == 4 * PARTITIONS
    assert {(one["field"], one["before"], one["after"]) for one in place.run("diff", "1", "active")["differences"]} == {
        ("window.by", "whole", "index"),
        ("window.size", None, 5),
        ("idle_ms", 1_000, 60_000),
    }
    kept = place.folder / "kept.yaml"
    kept.write_text(place.shown("show", "night@1", "--yaml"))
    assert place.run("diff", str(kept), "1")["differences"] == []
    assert "to begin with" in place.shown("history")


def test_what_was_interrupted_is_finished_by_the_same_command(place: Place) -> None:
    policy = Policy.model_validate(yaml.safe_load(Path(place.file(1)).read_text()))
    writer = DocumentWriter(place.kafka.properties, place.names.policies)
    writer.put(policy.reference, policy.model_dump_json().encode())  # and then its power failed
    assert place.run("history")["active"] is None
    done = place.run("publish", place.file(1))
    assert (done["published"], done["activated"]) == (False, True)
    assert place.markers() == _everywhere("night@1")
    with pytest.raises(WriterFencedError):  # its power is back: it must not go on
        writer.put("night@2", b"{}")
    writer.close()
    assert place.desk().book().next_version("night") == 2


def test_a_policy_that_cannot_be_looked_up_now_is_waited_for(place: Place) -> None:
    properties, names = place.kafka.properties, place.names
    published = place.desk().publish(policyfiles.load(Path(place.file(1, method={"name": "min"}))))
    with clients.producer(properties) as producer:
        producer.produce(names.scores, scored("a", 0, 0.5, 1), b"a", 0)
        assert producer.flush(30) == 0
    finder = _Unsteady(DocumentReader(properties, names.policies))
    gates = GateMaker(policyfiles.load(), finder, lambda *_, **__: None)
    settings = DecideSettings(names, PARTITIONS, f"{names.prefix}d", f"{names.prefix}s", f"{names.prefix}t")
    loop, stop = DecideLoop(properties, settings, gates.make, lambda *_, **__: None), threading.Event()
    running = threading.Thread(target=loop.run, args=(stop.is_set,))
    running.start()
    try:
        assert wait_until(lambda: bool(place.whole(names.decisions)), timeout_s=PATIENCE_S)
    finally:
        stop.set()
        running.join(PATIENCE_S)
    (decision,) = [Decision.model_validate_json(one.value) for one in place.whole(names.decisions)]
    assert (decision.policy.name, decision.policy.digest) == ("night", published.version.digest)
    assert finder.refusals == 0
    assert place.whole(names.dead_letters) == []


class _Unsteady(PolicyFinder):
    refusals = PARTITIONS + 2  # so that one partition at least is refused twice

    def find(self, name: str, version: int, digest: str) -> Policy | None:
        if self.refusals:
            self.refusals -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return super().find(name, version, digest)


def test_a_policy_published_while_parents_are_in_flight_and_deciders_are_killed(place: Place) -> None:
    own = place.file(9)
    Path(own).write_text(Path(own).read_text().replace("night", "own"))
    fleet = Fleet(["decide-0", "decide-1"], place.environment, place.folder, PARTITIONS)
    feed = Feed(place, PARENTS, IN_FLIGHT)
    try:
        fleet.start("--policy", own)
        feed.start()
        feed.reaches(IN_FLIGHT)
        place.run("publish", place.file(1, **PUBLISHED["night@1"]))
        fleet.replicas[0].kill()  # whether or not it has read the markers
        fleet.replicas[0].start()
        stray = PolicyActivated(name="night", version=99, digest="0" * 64)
        mark(place.kafka.properties, place.names.scores, PARTITIONS, stray.to_json())  # of nothing that is published
        feed.reaches(IN_FLIGHT + 3_000)
        place.run("publish", place.file(2, **PUBLISHED["night@2"]))  # while that one is on its way back
        feed.reaches(IN_FLIGHT + 6_000)
        assert place.run("rollback")["version"] == "night@1"
        feed.reaches(2 * IN_FLIGHT + 1_500)  # the oldest open window is one of the first version by now
        fleet.replicas[1].kill()
        fleet.replicas[1].start()
        assert feed.is_alive()  # all of this was in the middle of the flow
        feed.join(PATIENCE_S)
        assert not feed.is_alive()
        assert wait_until(lambda: place.decided(PARENTS), timeout_s=PATIENCE_S)
    finally:
        feed.stop()
        codes = fleet.finish()
    assert codes == [0, 0]
    dead = place.whole(place.names.dead_letters)
    assert [marked_in(one.value) for one in dead] == ["night@99"] * PARTITIONS
    told = {event.fields["policy"] for event in fleet.journal.since(0) if event.name == "policy_activated"}
    assert told >= {"night@1"}
    digests = {version.reference: version.digest for version in place.desk().book().versions.values()}
    _judge(place, {"own@9": policyfiles.load(Path(own)).digest(), **digests})
    _without_its_policy_a_decider_ends(place, fleet.replicas[0])


def _without_its_policy_a_decider_ends(place: Place, decider: Replica) -> None:
    with clients.producer(place.kafka.properties) as producer:
        producer.produce(place.names.policies, None, b"night@1")
        producer.flush(30)
    decider.start()
    assert decider.exit_code(PATIENCE_S) == 6
    assert "policy night@1 is not to be found" in decider.log()


def _judge(place: Place, digests: Mapping[str, str]) -> None:
    """Make every decision again from the scores and the markers alone, and compare."""
    wanted = dict(_wanted(place.whole(place.names.scores), digests))
    found = [Decision.model_validate_json(one.value) for one in place.whole(place.names.decisions)]
    made = {
        one.parent_id: (_reference(one), one.policy.digest, one.label, one.score, one.first_offset) for one in found
    }
    assert (len(found), len(made)) == (PARENTS, PARENTS)  # none is lost, none is doubled
    assert made == wanted
    counted = Counter(reference for reference, *_ in made.values())
    assert counted.keys() == {"own@9", "night@1", "night@2"}
    assert counted["own@9"] > IN_FLIGHT - PARENTS // 20  # what was in flight stayed with the policy it began under


def _reference(decision: Decision) -> str:
    return f"{decision.policy.name}@{decision.policy.version}"


def _wanted(scores: list[Entry], digests: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    in_force = dict.fromkeys(range(PARTITIONS), "own@9")
    begun: dict[str, tuple[str, int, float]] = {}
    for one in sorted(scores, key=lambda entry: (entry.partition, entry.offset)):
        marked = marked_in(one.value)
        if marked is not None:
            in_force[one.partition] = marked if marked in digests else in_force[one.partition]
            continue
        record = json.loads(one.value)
        parent, score = record["parent_id"], record["score"]
        if parent not in begun:
            begun[parent] = (in_force[one.partition], one.offset, score)
        else:
            reference, offset, other = begun[parent]
            value, label = _made_again(PUBLISHED.get(reference, {}), [other, score])
            yield parent, (reference, digests[reference], label, value, offset)


def _made_again(rule: Mapping[str, Any], scores: list[float]) -> tuple[float, str]:
    value = min(scores) if rule.get("method") == {"name": "min"} else fmean(scores)
    edges = rule.get("thresholds", {"high": 0.7, "medium": 0.4, "low": 0.2})
    return value, next((label for label, edge in edges.items() if value >= edge), "rejected")
