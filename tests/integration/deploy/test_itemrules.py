"""Rules about single items on real Kafka: worker and decider under one policy document."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from schemas.items import ItemEnvelope, RawItem
from schemas.policy import Action
from schemas.scores import SCORE_RECORD, ItemRuled, ItemScored, ItemSkipped
from streams.history import read_whole
from tests.integration.deploy.pipeline import PARTITIONS, pipeline

PROSE = (
    "The committee met on Tuesday and agreed that the old bridge should be painted before the winter, since the rust"
    " had spread along both of its railings and the mayor did not want to close it for another year. {}"
)
POLICY = {
    "name": "rules",
    "rules": [
        {
            "method": {"name": "min"},
            "items": [
                {"name": "short", "when": {"check": "length", "unit": "words", "min": 5}, "then": "zero"},
                {"name": "again", "when": {"check": "duplicate", "within_hours": 1}, "then": "skip"},
                {"name": "secret", "when": {"check": "words", "words": ["classified"]}, "then": "review"},
                {"name": "foreign", "when": {"check": "language", "allowed": ["en"]}, "then": "note"},
            ],
        }
    ],
}
PARENTS = {
    "good": [PROSE.format("Work begins next week."), PROSE.format("The painters come from the next town.")],
    "short": [PROSE.format("Nothing else was said."), "Too short."],
    "copied": [PROSE.format("Only once."), PROSE.format("Only once.")],
    "secret": [PROSE.format("The report is CLASSIFIED.")],
    "foreign": ["Der Ausschuss hat am Dienstag beschlossen, dass die Brücke vor dem Winter neu gestrichen wird."],
}


def _items(parent: str, texts: list[str]) -> list[RawItem]:
    return [
        RawItem(
            ItemEnvelope(
                id=f"{parent}/{index}",
                source="lab",
                kind="document-chunk",
                parent_id=parent,
                index=index,
                count=len(texts),
                content_type="text/plain",
            ),
            text.encode(),
        )
        for index, text in enumerate(texts)
    ]


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_rules_answer_skip_flag_and_name_items(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(POLICY))
    with pipeline(kafka, redis_address, tmp_path) as line:
        line.start("decide-0", "decide", "--policy", str(policy))
        line.start("score-0", "score", "--device", "cpu", "--policy", str(policy))
        publisher = line.publisher()
        for parent, texts in PARENTS.items():
            for item in _items(parent, texts):
                publisher.item(item)
        publisher.flush()
        found = line.decided(len(PARENTS))
        records = [
            SCORE_RECORD.validate_json(message.value() or b"")
            for message in read_whole(kafka.properties, line.names.scores, PARTITIONS)
        ]
    assert (found["short"].score, found["short"].action) == (0.0, Action.REJECT)  # a rule may, where the head may not
    assert (found["short"].counts.ruled, found["short"].worst[0].reasons) == (1, ("short",))
    assert (found["copied"].counts.scored, found["copied"].counts.skipped) == (1, 1)
    assert (found["secret"].action, found["secret"].reasons) == (Action.REVIEW, ("secret",))
    assert "foreign" in found["foreign"].worst[0].reasons
    assert found["good"].counts.scored == 2
    assert found["good"].reasons == ()
    (ruled,) = [record for record in records if isinstance(record, ItemRuled)]
    (skipped,) = [record for record in records if isinstance(record, ItemSkipped)]
    assert (ruled.rule, ruled.policy) == ("short", "rules@1")
    assert (skipped.cause, skipped.policy, skipped.duplicate_of) == ("again", "rules@1", "copied/0")
    kinds = Counter(type(record) for record in records)
    assert kinds == {ItemScored: 6, ItemRuled: 1, ItemSkipped: 1}  # the waterfall adds up to all items
    assert sum(kinds.values()) == sum(map(len, PARENTS.values()))
