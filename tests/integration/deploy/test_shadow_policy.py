"""A candidate policy in shadow on a real Kafka: a decider of its own on the live scores, pinned to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import murmur2
from typer.testing import Result

from deploy import decider
from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.brokers.waiting import wait_until
from deploy.errors import SluiceError
from deploy.experiments.candidates import ShadowOption, check_shadows
from deploy.experiments.errors import ExperimentError
from deploy.experiments.shadows import ShadowDesk
from deploy.topicset import TopicSet
from schemas.decisions import Decision
from streams import clients
from streams.history import read_whole
from streams.shadows import shadow_names
from streams.topics import TopicNames
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from tests.unit.aggregation.records import NOW, scored

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
EACH = 12


def _written(path: Path, name: str, high: float) -> str:
    rules = [{"thresholds": {"high": high, "medium": high - 0.01, "low": 0.1}}]
    path.write_text(yaml.safe_dump({"name": name, "rules": rules}))
    return str(path)


def _feed(line: Pipeline, stage: str) -> list[str]:
    """Send parents of one item each, which score 0.75, and return their ids."""
    parents = [f"{stage}-{number}" for number in range(EACH)]
    producer = clients.producer(line.kafka.properties)
    for parent in parents:
        place = murmur2(parent.encode(), PARTITIONS)
        producer.produce(line.names.scores, scored(parent, 0, 0.75, 1, at=NOW), parent.encode(), place)
    producer.flush(30)
    producer.close()
    return parents


def _run(line: Pipeline, *arguments: str) -> Result:
    return line.run(*arguments, SLUICE_DATA_DIR=str(line.folder / "data"))


def _told(line: Pipeline, *arguments: str) -> Any:
    done = _run(line, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def _refused(line: Pipeline, *arguments: str) -> str:
    """Return why a command was refused, with exit code 25."""
    error = _run(line, *arguments).exception
    assert isinstance(error, SluiceError)
    assert error.exit_code == 25
    return str(error)


def _decisions(line: Pipeline, names: TopicNames) -> dict[str, Decision]:
    messages = read_whole(line.kafka.properties, names.decisions, PARTITIONS)
    found = [Decision.model_validate_json(message.value() or b"") for message in messages]
    assert len({one.id for one in found}) == len(found)
    return {one.parent_id: one for one in found}


def _await(line: Pipeline, names: TopicNames, parents: Iterable[str]) -> Mapping[str, Decision]:
    wanted = set(parents)
    assert wait_until(lambda: wanted <= _decisions(line, names).keys(), timeout_s=90)
    return _decisions(line, names)


def test_a_policy_in_shadow_is_pinned_and_begins_where_it_was_made(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    strict = _written(tmp_path / "strict.yaml", "strict", 0.9)
    lenient = _written(tmp_path / "lenient.yaml", "lenient", 0.2)
    with pipeline(kafka, redis_address, tmp_path) as line:
        names = shadow_names(line.names, "strict", scored_live=True)
        before = _feed(line, "before")
        with pytest.raises(ExperimentError, match="there is no shadow strict"):
            decider.run(line.settings.model_copy(update={"kafka": kafka.bootstrap}), None, lambda: True, "strict")
        assert "sluice shadow create strict" in _refused(line, "experiment", "strict")
        assert names.scores == _told(line, "shadow", "create", "strict", "--policy-only")["scores"]
        assert "nothing was decided in the shadow" in _refused(line, "experiment", "strict")
        with pytest.raises(ExperimentError, match="tries a policy alone"):
            check_shadows([ShadowOption("strict", tmp_path)], ShadowDesk(kafka.properties, line.settings))
        assert "Take another name" in _refused(line, "shadow", "create", "strict")
        line.start("decide-0", "decide")
        line.start("shadow-0", "decide", "--shadow", "strict", "--policy", strict)
        after = _feed(line, "after")
        _await(line, names, after)
        _told(line, "policy", "publish", lenient)
        middle = _feed(line, "middle")
        _await(line, names, middle)
        line.running["shadow-0"].stop()
        line.start("shadow-0", "decide", "--shadow", "strict", "--policy", strict)
        later = _feed(line, "later")
        shadow = _await(line, names, later)
        live = _await(line, line.names, [*before, *after, *middle, *later])
        told = _told(line, "experiment", "strict", "--outcome", "accept")
        known = _run(line, "experiment", "strict", "--outcome", "wrong")
    assert shadow.keys() == {*after, *middle, *later}
    assert {one.policy.name for one in shadow.values()} == {"strict"}  # whatever was activated meanwhile
    assert {one.action for one in shadow.values()} == {"review"}
    assert {one.policy.name for parent, one in live.items() if parent in later} == {"lenient"}
    assert {one.action for one in live.values()} == {"accept"}
    assert told["discordant"] == [0, 3 * EACH]
    assert told["standing"]["state"] == "differs"
    assert told["apart"] == {"live_only": EACH}
    assert "needs labels of parents" in str(known.exception)


def test_a_shadow_of_the_name_of_a_live_topic_set_is_refused(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    with pipeline(kafka, redis_address, tmp_path) as line:
        other = line.settings.model_copy(update={"topic_prefix": f"{line.settings.topic_prefix}shadow.twin."})
        TopicSet(clients.admin(kafka.properties), other).create()
        desk = ShadowDesk(kafka.properties, line.settings)
        for attempt in (
            lambda: desk.create("twin", policy_only=False, retention_days=1),
            lambda: desk.open("twin"),
            lambda: desk.delete("twin"),
        ):
            with pytest.raises(SluiceError, match="this is a live topic set and no shadow"):
                attempt()
        TopicSet(clients.admin(kafka.properties), other).verify()  # all of it is still there
