"""What is right: the partition read from its beginning by somebody who never fails, and what may differ from that.

A decision's content is a function of the scores of its window up to through_offset and of the policy version before
its first one; its cause was legal there. What differs from the one right reading says so in its cause: a window that
memory closed, that retention truncated, or that was opened again after its late time.
"""

from collections.abc import Sequence

from tests.unit.protocol.model_gate import Gate
from tests.unit.protocol.model_kafka import Broker
from tests.unit.protocol.model_window import MARKS, WHOLE, Decision, Fold, Forgotten, Id, Marker, Score, Script

NEVER = 1_000_000


class Truth:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.gate = Gate(script)
        whole = self.reading(Fold(), 0)
        self.required: dict[Id, Decision] = {decision.id: decision for decision in whole}
        self.judged: dict[tuple[tuple[Decision, ...], int], str | None] = {}
        self.at = {(one.parent, one.span): one.first for one in reversed(whole) if not one.revision}

    def reading(self, fold: Fold, first: int) -> list[Decision]:
        """The decisions of somebody who reads from an offset to the end."""
        fold, found = self.read(fold, first, len(self.script.records))
        return [*found, *self.gate.close_by_wall(fold)[1]] if self.script.wall else found

    def read(self, fold: Fold, first: int, end: int) -> tuple[Fold, list[Decision]]:
        found: list[Decision] = []
        for offset in range(first, end):
            fold, decisions = self.gate.apply(fold, offset)
            found += decisions
        return fold, found

    def shed(self, through: int) -> list[Decision]:
        """What all open windows come to, if they are let go of after an offset."""
        fold, _ = self.read(Fold(), 0, through + 1)
        return list(self.gate.close(fold, [each for each in fold.windows if each.waits], through, "memory")[1])

    def stream_before(self, offset: int) -> int:
        return max((one.at for one in self.script.records[:offset] if isinstance(one, Score)), default=0)

    def version_at(self, offset: int) -> int:
        return next((one.version for one in reversed(self.script.records[:offset]) if isinstance(one, Marker)), 0)

    def broken(self, broker: Broker) -> str | None:
        if len(set(broker.strays)) < len(broker.strays):
            return f"sent twice: {broker.strays} to the topics of their actions"
        key = (tuple(broker.issued()), broker.scores_start)
        if key not in self.judged:
            self.judged[key] = self.judge(*key)
        return self.judged[key]

    def judge(self, issued: Sequence[Decision], scores_start: int) -> str | None:
        ids = [decision.id for decision in issued]
        if len(set(ids)) < len(ids):
            return f"decided twice: {ids}"
        for decision in issued:
            right = self.right(decision, issued, scores_start)
            if decision not in right:
                return f"{difference(decision, right)}: {decision}, right is {right}"
        return None

    def right(self, decision: Decision, issued: Sequence[Decision], scores_start: int) -> list[Decision]:
        """What may stand under the decision's id, given its cause and its first offset."""
        key = (decision.parent, decision.span)
        if decision.cause == "memory" and decision.first == self.at.get(key):
            return self.shed(decision.through)
        if decision.cause in MARKS:
            allowed = not decision.again or self.may_reopen(decision, issued)
            found = self.later(decision) if allowed and (scores_start or decision.cause != "truncated") else []
            return [one._replace(stream_before=decision.stream_before) for one in found] if scores_start else found
        return [self.required[decision.id]] if decision.id in self.required else []

    def may_reopen(self, decision: Decision, issued: Sequence[Decision]) -> bool:
        key, now = (decision.parent, decision.span), self.stream_before(decision.first)
        untils = [one.until for one in issued if (one.parent, one.span) == key and one.through < decision.first]
        return bool(untils) and max(untils) <= now

    def later(self, decision: Decision) -> list[Decision]:
        """What a window comes to that was opened at the decision's first offset, and not before."""
        fold = Fold(
            forgotten=(Forgotten(decision.parent, decision.span, NEVER, 0),) if decision.again else (),
            stream=self.stream_before(decision.first),
            version=self.version_at(decision.first),
            truncated_below=NEVER if decision.cause == "truncated" else 0,
        )
        found = self.reading(fold, decision.first)
        return [one for one in found if one.id == decision.id]

    def lacks(self, broker: Broker) -> bool:
        """Whether a decision is still to come."""
        issued = broker.issued()
        if not broker.scores_start:
            return not self.required.keys() <= {decision.id for decision in issued}
        left = {(one.parent, WHOLE) for one in self.script.records[broker.scores_start :] if isinstance(one, Score)}
        return not left <= {(decision.parent, decision.span) for decision in issued}


def difference(decision: Decision, right: Sequence[Decision]) -> str:
    for one in right:
        if decision._replace(version=one.version) == one:
            return "wrong version"
        if decision._replace(retracts=one.retracts) == one:
            return "no retraction"
    return "wrong content" if right else "not to be made"
