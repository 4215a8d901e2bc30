"""Decides anew, from the scores on the topic alone, and compares. Written apart from the code under test.

A decision's content is the function of the scores of its window up to its through_offset, and of the policy version
that was in force before its first one. Its cause was legal at that offset.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.policy import Policy, Rule
from tests.chaos.causes import Stretch, illegal
from tests.chaos.reading import DecisionKey, decision_key
from tests.chaos.rulings import Record, best_answers, content
from tests.chaos.scorelog import Answer, Partition, Placed
from tests.chaos.views import Topics, compare_views, decision_id

_FINAL = {"early", "memory"}  # no late item changes such a decision


@dataclass(slots=True)
class Judgement:
    """What is wrong with the decisions of a run; empty lists are what is wanted."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    decisions: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)  # by what cuts them
    policies: dict[str, int] = field(default_factory=dict)
    revisions: int = 0
    retractions: int = 0

    @property
    def flawless(self) -> bool:
        """Whether nothing was lost, duplicated or wrong."""
        return not (self.lost or self.duplicated or self.wrong)

    def line(self) -> str:
        """Return the line that a run is about."""
        return f"lost {len(self.lost)} duplicated {len(self.duplicated)} wrong {len(self.wrong)}"


@dataclass(slots=True)
class _Window:
    """A window of one partition with everything that was decided about it, in the order of revisions."""

    partition: int
    id: str
    records: list[Placed]
    decisions: list[Record]


class Judge:
    """Judges the topics of one run."""

    def __init__(self, topics: Topics, versions: Mapping[str, Policy], own: str) -> None:
        """Take what was read. `own` names the policy that the deciders were started with."""
        self._topics = topics
        self._versions = versions
        self._own = own
        self._digests = {name: policy.digest() for name, policy in versions.items()}
        self._result = Judgement(decisions=len(topics.decisions))

    def judge(self) -> Judgement:
        """Compare the decisions with the scores, and the views with the decisions."""
        seen = Counter(decision_key(one.value) for one in self._topics.decisions)
        self._result.duplicated = [f"{key} {times} times on decisions" for key, times in seen.items() if times > 1]
        decided = self._decided()
        self._count(decided)
        for number, partition in self._topics.scores.items():
            for (parent, name), records in partition.windows.items():
                found = decided.pop((number, parent, name), {})
                self._check_instances(_Window(number, name, records, []), found, partition)
        for number, parent, name in decided:
            self._result.wrong.append(f"{parent} {name}: decided in partition {number}, where it has no scores")
        compare_views(self._topics, self._result)
        return self._result

    def _decided(self) -> dict[tuple[int, str, str], dict[str, list[Record]]]:
        """Return the decisions by partition, parent and window, then by the window's whole id."""
        found: defaultdict[tuple[int, str, str], defaultdict[str, list[Record]]]
        found = defaultdict(lambda: defaultdict(list))
        for one in self._topics.decisions:
            decision = json.loads(one.value)
            if one.key.decode() != decision["parent_id"] or one.partition != decision["partition"]:
                self._result.wrong.append(f"{decision['parent_id']}: it lies under another key or partition")
            name = decision["window"].split("@")[0]
            known = found[one.partition, decision["parent_id"], name][decision["window"]]
            if not known or known[-1]["revision"] != decision["revision"]:  # else found already, as duplicated
                known.append(decision)
        return {place: dict(windows) for place, windows in found.items()}

    def _count(self, decided: Mapping[Any, Mapping[str, list[Record]]]) -> None:
        records = [one for windows in decided.values() for several in windows.values() for one in several]
        self._result.causes = dict(Counter(one["cause"] for one in records))
        self._result.actions = dict(Counter(one["action"] for one in records))
        self._result.windows = dict(Counter(one["window"].split("/")[0].split("@")[0] for one in records))
        self._result.policies = dict(Counter(f"{one['policy']['name']}@{one['policy']['version']}" for one in records))
        self._result.revisions = sum(one["revision"] > 0 for one in records)

    def _check_instances(self, window: _Window, found: dict[str, list[Record]], partition: Partition) -> None:
        """Check the window itself, and those that were opened in its place once it had been forgotten."""
        parent, name = window.records[0][1].parent_id, window.id
        if name not in found:
            self._result.lost.append(f"{parent} {name}")
        earlier: list[Record] = []
        for whole_id, decisions in sorted(found.items(), key=lambda one: one[1][0]["first_offset"]):
            first = int(whole_id.partition("@")[2] or window.records[0][0])
            begin = bisect_left(window.records, first, key=lambda one: one[0])
            instance = _Window(window.partition, whole_id, window.records[begin:], decisions)
            faults = [*_reopened_too_soon(first, earlier, partition)] if whole_id != name else []
            if not instance.records or instance.records[0][0] != first:
                faults.append(f"no record of the window is at {first}")
            else:
                faults += self._faults(instance, partition)
            self._result.wrong += [f"{parent} {whole_id}: {text}" for text in faults]
            earlier += decisions

    def _faults(self, window: _Window, partition: Partition) -> Iterator[str]:
        """Yield what is wrong with the decisions of a window, one revision after the other."""
        first = window.records[0][0]
        version = partition.policy_at(first, self._own)
        opener = window.records[0][1]
        rule = self._versions[version].rule_for(opener.kind, opener.source)
        begin, before, offsets = 0, None, [offset for offset, _ in window.records]
        for revision, decision in enumerate(window.decisions):
            if decision["revision"] != revision:
                yield f"revision {decision['revision']} where {revision} was due"
                return
            end = bisect_right(offsets, decision["through_offset"])
            if end <= begin:
                yield f"revision {revision} was made before there was anything to decide on"
                return
            read = [record for _, record in window.records[:end]]
            stretch = Stretch(window.id.split("@")[0], rule, window.records, begin, end)
            fault = illegal(stretch, decision, partition)
            if fault is not None:
                yield f"revision {revision}: {fault}"
            yield from self._differences(window, decision, version, read, before)
            before = len(best_answers(read)) if before is None else before
            opens = _late_opener(window.records, end, decision, rule, partition)
            if opens is None:
                if revision + 1 < len(window.decisions):
                    yield f"revision {revision + 1}, and no late item called for one"
                return
            begin = opens
        if window.decisions:
            offset = window.records[begin][0]
            self._result.lost.append(f"{opener.parent_id} {window.id}: a revision for the late item at {offset}")

    def _differences(
        self, window: _Window, decision: Record, version: str, records: list[Answer], before: int | None
    ) -> Iterator[str]:
        policy, opener = self._versions[version], records[0]
        rule = policy.rule_for(opener.kind, opener.source)
        times = [record.appended_at for record in records]
        wanted = content(records, window.id, rule, early="bounds" in decision, before=before) | {
            "id": decision_id(opener.parent_id, window.id, decision["revision"]),
            "first_offset": window.records[0][0],
            "policy": {
                "name": policy.name,
                "version": policy.version,
                "digest": self._digests[version],
                "rule": rule.model_dump(mode="json"),
            },
        }
        found = decision | {name: decision.get(name) for name in wanted}
        timings = {"first_item_at": min(times), "last_item_at": max(times)}
        found["timings"] = {name: decision["timings"].get(name) for name in timings}
        for name, value in (wanted | {"timings": timings}).items():
            if found[name] != value:
                yield f"revision {decision['revision']}: {name} is {found[name]!r}, not {value!r}"


def _late_opener(records: list[Placed], end: int, decision: Record, rule: Rule, partition: Partition) -> int | None:
    """Return the place of the first late item that a revision has to answer, or None."""
    if rule.late.rule != "revise" or decision["cause"] in _FINAL:
        return None
    until = decision["timings"]["closed_at"] + rule.late.allowed_ms
    best = best_answers(record for _, record in records[:end])
    for place in range(end, len(records)):
        offset, record = records[place]
        if partition.time_at(offset) >= until:
            return None
        changed = best_answers([*best.values(), record])
        if record.type != "ParentEnded" and _said(changed[record.index]) != _said(best.get(record.index)):
            return place
    return None


def _said(answer: Answer | None) -> tuple[str, float] | None:
    return None if answer is None else (answer.type, answer.score)


def _reopened_too_soon(first: int, earlier: list[Record], partition: Partition) -> Iterator[str]:
    """Yield what is wrong with opening a window again: only one whose late time was over can have been forgotten."""
    time = partition.time_at(first - 1)
    if not earlier:
        yield "opened again, and never decided before"
    for one in earlier:
        if one["through_offset"] >= first:
            yield f"opened again at {first}, which an earlier decision covers"
        if one["timings"]["closed_at"] + one["policy"]["rule"]["late"]["allowed_ms"] > time:
            yield f"opened again at {first}, before the late time of an earlier decision was over"


def judge(topics: Topics, versions: Mapping[str, Policy], own: str) -> Judgement:
    """Compare the decisions of a run with its scores, and the views with the decisions."""
    return Judge(topics, versions, own).judge()


__all__ = ["DecisionKey", "Judge", "Judgement", "Topics", "judge"]
