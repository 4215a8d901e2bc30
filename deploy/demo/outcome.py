"""What came out, read from the topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.decisions import Decision
from schemas.policy import Action
from schemas.scores import SCORE_RECORD, ItemFailed, ItemScored, ItemSkipped
from streams import clients
from streams.history import read_whole
from streams.topics import TopicNames


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decisions of a run, and how they compare with what was published."""

    decisions: list[Decision]
    scored: int
    failed: int
    skipped: int
    encoder_calls: int
    cache_hits: int
    dead_letters: int
    lost: list[str]
    duplicated: list[str]
    disagreeing: list[str]

    @property
    def sound(self) -> bool:
        """Whether every parent has exactly one decision, on both of its topics."""
        return not (self.lost or self.duplicated or self.disagreeing)

    def by_action(self) -> dict[str, int]:
        """Return how many decisions each action got."""
        found = Counter(decision.action.value for decision in self.decisions)
        return {action.value: found[action.value] for action in Action}


def read_outcome(properties: clients.Properties, names: TopicNames, partitions: int, parents: Iterable[str]) -> Outcome:
    """Read the topics of a run that has come to its end.

    Args:
        properties: of the brokers.
        names: the run's topics.
        partitions: their count.
        parents: the ids that were published.
    """
    decisions = [
        Decision.model_validate_json(message.value() or b"")
        for message in read_whole(properties, names.decisions, partitions)
    ]
    sent = {action: _ids(properties, names.action(action.value), partitions) for action in Action}
    answers = _answers(properties, names, partitions)
    scored = [answer for answer in answers.values() if isinstance(answer, ItemScored)]
    times = Counter((decision.parent_id, decision.window, decision.revision) for decision in decisions)
    decided = {decision.parent_id for decision in decisions}
    return Outcome(
        decisions=sorted(decisions, key=lambda decision: (decision.kind, decision.parent_id)),
        scored=len(scored),
        failed=sum(isinstance(answer, ItemFailed) for answer in answers.values()),
        skipped=sum(isinstance(answer, ItemSkipped) for answer in answers.values()),
        encoder_calls=sum(not answer.cached for answer in scored),
        cache_hits=sum(answer.cached for answer in scored),
        dead_letters=sum(1 for _ in read_whole(properties, names.dead_letters, partitions)),
        lost=sorted(set(parents) - decided),
        duplicated=sorted(parent for (parent, _, _), count in times.items() if count > 1),
        disagreeing=_disagreeing(decisions, sent),
    )


def _ids(properties: clients.Properties, topic: str, partitions: int) -> Counter[str]:
    return Counter(
        Decision.model_validate_json(message.value() or b"").id for message in read_whole(properties, topic, partitions)
    )


def _answers(properties: clients.Properties, names: TopicNames, partitions: int) -> Mapping[tuple[str, int], Any]:
    """Return the first answer for each item: a worker that was killed may have answered some twice."""
    answers: dict[tuple[str, int], Any] = {}
    for message in read_whole(properties, names.scores, partitions):
        record = SCORE_RECORD.validate_json(message.value() or b"")
        if isinstance(record, ItemScored | ItemFailed | ItemSkipped):
            answers.setdefault((record.parent_id, record.index), record)
    return answers


def _disagreeing(decisions: list[Decision], sent: Mapping[Action, Counter[str]]) -> list[str]:
    """Return the ids that are not exactly once on their action's topic, or are on another one."""
    wanted = {action: Counter(d.id for d in decisions if d.action is action) for action in Action}
    return sorted(
        {key for action in Action for key in ((wanted[action] - sent[action]) + (sent[action] - wanted[action]))}
    )
