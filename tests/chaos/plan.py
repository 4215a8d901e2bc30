"""How large a trial is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos.faults import KINDS, Kind
from tests.chaos.judge import Judgement
from tests.chaos.material import Mix
from tests.chaos.policies import Versions, versions


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a trial is, and what it needs so as not to be void."""

    name: str = "whole"
    parents: int = 100_000  # ordinary ones; the others come in proportion
    items: int = 10
    faults: int = 12
    seed: int = 1
    partitions: int = 6
    idle_ms: int = 12_000
    late_ms: int = 3_000
    session_ms: int = 6_000
    seconds_a_fault: float = 14.0  # about what one takes with that session time-out; only paces the scores
    remember_ms: int | None = None  # with it, `decisions` is deleted as far as nobody needs it, and `latest` compacted
    aborted: int = 3  # transactions with decisions
    zombies: int = 1
    moved: int = 1
    reopened: int = 1  # windows, after their decision was forgotten
    extra: int = 8  # further faults, at most, until there is enough of each
    kinds: tuple[Kind, ...] = KINDS

    def mix(self) -> Mix:
        """Return what is sent."""
        return Mix.of(self.parents, self.items, late_ms=self.late_ms, idle_ms=self.idle_ms)

    def versions(self) -> Versions:
        """Return the policies."""
        return versions(self.idle_ms, self.late_ms)


@dataclass(slots=True)
class Cleaned:
    """What the brokers have thrown away meanwhile."""

    deleted: int = 0  # offsets below the start of the log of decisions
    partitions: int = 0  # of that log that begin above 0
    superseded: int = 0  # decisions that compaction took from `latest`


@dataclass(slots=True)
class Outcome:
    """What came of a trial."""

    plan: Plan
    judgement: Judgement
    scores: int
    faults: dict[str, int]
    in_transaction: int
    in_recovery: int
    aborted_records: int
    aborted_transactions: int
    zombies: int
    moved: int
    seconds: float
    cleaned: Cleaned
    problems: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code: 1 for a broken promise, 3 for a void trial."""
        if self.problems or not self.judgement.flawless:
            return 1
        return 3 if self.lacking else 0

    @property
    def lacking(self) -> list[str]:
        """What did not happen often enough for the trial to show anything."""
        found, plan = self.judgement, self.plan
        floors = {
            "aborted transactions with decisions": (self.aborted_transactions, plan.aborted),
            "refused zombies": (self.zombies, plan.zombies),
            "moved partitions": (self.moved, plan.moved),
            "kinds of windows": (len(found.windows), 3),
            "policy versions": (len(found.policies), 2),
            "early decisions": (found.causes.get("early", 0), 1),
            "windows closed by idle time": (found.causes.get("idle", 0), 1),
            "windows that were opened again": (found.causes.get("reopened", 0), plan.reopened),
            "revisions": (found.revisions, 1),
            "retractions": (found.retractions, 1),
        }
        if plan.remember_ms is not None:
            floors["deletions of decisions"] = (self.cleaned.deleted, 1)
            floors["superseded records taken from latest"] = (self.cleaned.superseded, 1)
        return [f"{count} {name}, {wanted} needed" for name, (count, wanted) in floors.items() if count < wanted]

    def lines(self) -> list[str]:
        """Return what to print."""
        judged, cleaned = self.judgement, self.cleaned
        made = f"{judged.decisions} decisions from {self.scores} scores in {self.seconds:.0f} s"
        kinds = f"windows: {_listed(judged.windows)}; policies: {_listed(judged.policies)}"
        aborted = f"aborted: {self.aborted_records} decisions, of {self.aborted_transactions} transactions at least"
        lines = [
            f"{self.plan.name}: {judged.line()}",
            f"{made}: {_listed(judged.actions)}",
            f"closed by: {_listed(judged.causes)}",
            f"{kinds}; {judged.revisions} revisions, {judged.retractions} retractions",
            f"faults {sum(self.faults.values())}: {_listed(self.faults)}",
            f"killed in an open transaction: {self.in_transaction}; hit while recovering: {self.in_recovery}",
            aborted,
            f"zombies refused: {self.zombies}; partitions moved: {self.moved}",
        ]
        if self.plan.remember_ms is not None:
            lines.append(
                f"retention: the log of decisions lost {cleaned.deleted} offsets in {cleaned.partitions} partitions;"
                f" compaction: {cleaned.superseded} superseded decisions are gone from latest"
            )
        lines += [*self.problems[:20], *judged.lost[:5], *judged.duplicated[:5], *judged.wrong[:10]]
        return lines + ([f"void: {', '.join(self.lacking)}"] if self.lacking else [])

    def summary(self) -> dict[str, Any]:
        """Return everything, for a file."""
        return asdict(self) | {"lacking": self.lacking, "code": self.code}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
