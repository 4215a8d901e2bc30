"""A run in memory: one partition, one gate that is thrown away at any moment and built again, as recovery does it.

It leaves topics as a decider should, for tests of the judge; and with the judge it is a test of the gate.
"""

from __future__ import annotations

import heapq
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from aggregation import PartitionGate, Verdict
from schemas.checkpoint import Checkpoint
from tests.chaos.material import Answer, Mix, answers, last_record
from tests.chaos.policies import NAME, Versions
from tests.chaos.reading import ACTIONS, Entry
from tests.chaos.scorelog import read_scores
from tests.chaos.views import Topics

NOW = 1_700_000_000_000
OWN = f"{NAME}@1"
_PACE = 2  # ms between two records


@dataclass(slots=True)
class Rehearsal:
    """What lies on the topics, and what the group has committed."""

    versions: Versions
    seed: int
    crashes: float = 0.0  # after so large a share of the batches
    remember_ms: int = 86_400_000
    scores: list[Entry] = field(default_factory=list)
    decisions: list[Entry] = field(default_factory=list)
    actions: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    _committed: Checkpoint = field(default_factory=lambda: Checkpoint(0, 0, 0))
    _now: int = NOW
    _draw: random.Random = field(default_factory=random.Random)

    def run(self, mix: Mix, *, quiet_ms: int, switches: tuple[tuple[float, str], ...] = ()) -> Topics:
        """Play it through.

        Args:
            mix: what is sent.
            quiet_ms: how long nothing comes, three times; then the wall clock closes windows.
            switches: policies that are activated after such shares of the records.
        """
        self._draw.seed(self.seed)
        records = list(self._timed(mix, quiet_ms))
        for share, reference in sorted(switches, reverse=True):
            version = int(reference.rpartition("@")[2])
            marker = {"type": "PolicyActivated", "name": NAME, "version": version, "digest": "0" * 64}
            records.insert(int(share * len(records)), marker | {"at": records[int(share * len(records))]["at"]})
        gate = self._recovered()
        while gate.position < len(records):
            gate = self._step(gate, records)
        while gate.ready:
            self._commit(gate)
        return Topics(
            read_scores(self.scores, self.versions),
            self.decisions,
            self.decisions,
            {action: self.actions[action] for action in ACTIONS},
        )

    def _timed(self, mix: Mix, quiet_ms: int) -> Iterator[Answer]:
        """Yield the records as a broker would append them, and long after them one that all windows are due by."""
        waiting: list[tuple[int, int, int, Answer]] = []  # due, place, age
        sent = list(answers(mix, self.seed))
        now = NOW
        for place, (record, wait, age) in enumerate(sent):
            now += _PACE + (quiet_ms if place in {len(sent) // 4, len(sent) // 2, len(sent) * 3 // 4} else 0)
            heapq.heappush(waiting, (now + wait, place, age // 10, record))
            while waiting and waiting[0][0] <= now:
                *_, older, answer = heapq.heappop(waiting)
                yield answer | {"at": now, "appended_at": now - older}
        for due, _, older, answer in sorted(waiting, key=lambda one: one[:2]):
            now = max(now, due)
            yield answer | {"at": now, "appended_at": now - older}
        yield last_record("last", now + 86_400_000) | {"at": now}

    def _step(self, gate: PartitionGate, records: list[Answer]) -> PartitionGate:
        batch = records[gate.position : gate.position + self._draw.randrange(1, 120)]
        quiet = (place for place, (one, after) in enumerate(pairwise(batch), 1) if after["at"] - one["at"] > 10 * _PACE)
        batch = batch[: next(quiet, len(batch))]  # the clock goes on while nothing comes
        for place, record in enumerate(batch, gate.position):
            if place == len(self.scores):
                self._append(record)
        values = [(offset, self.scores[offset].value) for offset in range(gate.position, gate.position + len(batch))]
        self._now = max(self._now, batch[-1]["at"])
        gate.apply(values, self._now)
        self._close_by_clock(gate, records)
        if self._draw.random() < self.crashes:
            return self._recovered()  # what was decided was not committed
        self._commit(gate)
        return self._recovered() if self._draw.random() < self.crashes else gate

    def _append(self, record: Answer) -> None:
        value = {name: found for name, found in record.items() if name != "at"}
        key = record.get("parent_id", "").encode()
        self.scores.append(Entry(0, len(self.scores), record["at"], key, json.dumps(value).encode()))

    def _close_by_clock(self, gate: PartitionGate, records: list[Answer]) -> None:
        """Close what is due where the next record is far away."""
        due = gate.next_deadline()
        if due is None or gate.position != len(self.scores) or gate.position >= len(records):
            return
        until = records[gate.position]["at"]
        if due < until and gate.position < len(records) - 1 and until - self._now > 10 * _PACE:
            self._now = self._draw.randrange(due, until)
            gate.close_due(self._now, self._now)

    def _commit(self, gate: PartitionGate) -> None:
        for verdict in gate.take(self._draw.choice((3, 10_000))):
            self._send(verdict)
        self._committed = gate.checkpoint()

    def _send(self, verdict: Verdict) -> None:
        self.decisions.append(Entry(0, len(self.decisions), self._now, verdict.key, verdict.value))
        sent = [(verdict.action, verdict.value)]
        if verdict.withdrawal is not None:
            sent.append((verdict.withdrawal.action, verdict.withdrawal.value))
        for action, value in sent:
            topic = self.actions[action]
            topic.append(Entry(0, len(topic), self._now, verdict.key, value))

    def _recovered(self) -> PartitionGate:
        """Return a gate as recovery makes it, at the low watermark."""
        gate = PartitionGate(
            0,
            self.versions[OWN],
            self._committed,
            find_policy=lambda name, version, _: self.versions.get(f"{name}@{version}"),
            remember_ms=self.remember_ms,
        )
        for one in self.decisions:
            if one.at >= self._committed.stream_time - self.remember_ms:
                gate.recall(one.value)
        return gate
