"""A decision made again from its record, its scores and what is known of its policy."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aggregation.remake import CannotRemakeError, Difference, differences
from deploy.errors import SluiceError
from deploy.explain.trace import Trace
from schemas.decisions import Decision
from schemas.wire import ScoreRecord


class NotVerifiedError(SluiceError):
    """A decision is not what its record and its scores lead to."""

    exit_code = 15


class UnverifiableError(SluiceError):
    """What a decision was made from is not all there any more."""

    exit_code = 16


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of making a decision again.

    Attributes:
        differences: the fields that would be written otherwise.
        lacking: why it could not be made again; empty where it could.
        published: whether its policy's document is on the topic `policies`, and was compared too.
    """

    decision: Decision
    differences: Sequence[Difference] = ()
    lacking: str = ""
    published: bool = False

    @property
    def verified(self) -> bool | None:
        """Whether it is as it would be written now; None: that cannot be told."""
        return None if self.lacking else not self.differences

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "id": self.decision.id,
            "window": self.decision.window,
            "revision": self.decision.revision,
            "verified": self.verified,
            "differences": [one._asdict() for one in self.differences],
            "lacking": self.lacking or None,
            "policy_published": self.published,
        }


def check_all(trace: Trace, window: str | None = None) -> list[Checked]:
    """Make all decisions of a parent again, or those of one of its windows."""
    log = trace.log
    return [_check(one, trace, log) for one in trace.decisions if window in {None, one.window}]


def check(decision: Decision, trace: Trace) -> Checked:
    """Make a decision of a parent again, and compare its policy with the document that was published."""
    return _check(decision, trace, trace.log)


def _check(decision: Decision, trace: Trace, log: Sequence[tuple[int, ScoreRecord]]) -> Checked:
    published = trace.policies.find(decision.policy.name, decision.policy.version, "") is not None
    if decision.first_offset < trace.scores_from:
        lacking = f"retention has deleted the scores below offset {trace.scores_from}"
        return Checked(decision, lacking=f"{lacking}, and it began at {decision.first_offset}", published=published)
    before = next((one for one in trace.decisions if _replaced(one, decision)), None)
    first = bisect_left(log, decision.first_offset, key=_offset)
    records = log[first : bisect_right(log, decision.through_offset, key=_offset)]
    try:
        found = differences(decision, records, trace.partition, before=before, find_policy=trace.policies.find)
    except CannotRemakeError as error:
        return Checked(decision, lacking=str(error), published=published)
    return Checked(decision, [*found, *_policy(decision, trace)], published=published)


def _replaced(one: Decision, decision: Decision) -> bool:
    return (one.window, one.revision) == (decision.window, decision.revision - 1)


def _offset(record: tuple[int, object]) -> int:
    return record[0]


def _policy(decision: Decision, trace: Trace) -> list[Difference]:
    """Hold the rule in a record against the document of its version, where that is known."""
    named = decision.policy
    digest, policy = trace.policies.versions.get(f"{named.name}@{named.version}", ("", None))
    if policy is None:
        return []
    found = []
    if named.digest != digest:
        found.append(Difference("policy.digest", named.digest, digest))
    arm = policy.arm_for(decision.parent_id)
    written_arm = None if named.experiment is None else named.experiment.arm
    if written_arm != arm:
        found.append(Difference("policy.experiment.arm", written_arm, arm))
    rule = policy.rule_for(decision.kind, decision.source, arm)
    if named.rule != rule:
        written, again = (one.model_dump(mode="json") for one in (named.rule, rule))
        found.append(Difference("policy.rule", written, again))
    return found
