"""Which heads are in force, and who put policies and heads in force, why, and on what evidence.

`releases` is compacted: its newest record of a kind says which head workers score that kind with. `audit` is a log that
is never deleted: every promotion and every rollback is an entry of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record
from schemas.decisions import Count
from schemas.items import Identifier, Sha256
from schemas.policy import Share

What = Literal["policy", "head"]
Person = Annotated[str, Field(min_length=1, max_length=200)]
Why = Annotated[str, Field(min_length=1, max_length=1000)]
Clock = Annotated[int, Field(ge=0, description="ms since 1970 UTC, by the clock of whoever ran the command.")]


class HeadReleased(Record):
    """The head that workers score a kind with from now on; on `releases`, key: the kind."""

    type: Literal["HeadReleased"] = "HeadReleased"
    kind: Identifier
    head: Sha256 | None = Field(
        default=None, description="Digest of its folder, and its name in the store. None: the workers' own head again."
    )
    scorer: Sha256 | None = Field(default=None, description="Digest that its scores carry.")
    name: Identifier | None = Field(default=None, description="What its manifest calls it.")
    who: Person
    why: Why
    at: Clock


class InForce(Record):
    """A policy version or a head."""

    name: Identifier = Field(description="`night@3` of a policy; what a head's manifest calls it.")
    digest: Sha256 = Field(description="Of a policy's document, or of a head's folder.")
    scorer: Sha256 | None = Field(default=None, description="Of a head: the digest that its scores carry.")


class CanaryEvidence(Record):
    """How the canaries of a head scored when it was promoted."""

    kind: Identifier
    scorer: Sha256
    canaries: Count
    largest: float = Field(description="Largest difference between a canary's score and its record.")
    margin: float = Field(description="Mean score of good canaries less that of damaged ones.")


class CaseEvidence(Record):
    """The result of model test cases."""

    sha256: Sha256 = Field(description="Of the file with the result.")
    cases_digest: Sha256 = Field(description="Of the document of cases.")
    passed: Count
    replay: Identifier | None = Field(default=None, description="Id of the replay that they were run on.")


class RiskEvidence(Record):
    """The result of a calibration."""

    sha256: Sha256 = Field(description="Of calibration.json.")
    alpha: Share
    delta: Share
    threshold: Share = Field(description="The strictest: parents that score at least this may be accepted.")
    upper_bound: Share = Field(description="Of the share of bad ones among the accepted.")
    labels: Count
    labels_digest: Sha256
    claim: str = Field(description="In words.")


class StepEvidence(Record):
    """How far a policy's thresholds moved."""

    largest: float
    allowed: float


class Evidence(Record):
    """What a promotion rests on. What was not needed is None: a head moves no threshold."""

    canaries: tuple[CanaryEvidence, ...] = ()
    canaries_left_out: bool = Field(default=False, description="Whoever promoted a policy asked for none.")
    testcases: CaseEvidence | None = None
    risk: RiskEvidence | None = None
    step: StepEvidence | None = None


class AuditEntry(Record):
    """One promotion or rollback of a policy or a head; on `audit`, key: `policy`, or `head/` and the kind."""

    type: Literal["AuditEntry"] = "AuditEntry"
    id: Identifier = Field(description="UUID version 5 of what was put in force: written twice, it has the same id.")
    command: Identifier = Field(description="A policy and a head that went together share it, and are undone together.")
    action: Literal["promotion", "rollback"]
    what: What
    kind: Identifier | None = Field(default=None, description="Of a head.")
    before: InForce | None = Field(default=None, description="None: the workers' own head, or no published policy.")
    after: InForce | None = None
    undoes: Identifier | None = Field(default=None, description="Of a rollback: the id of the promotion.")
    who: Person
    why: Why
    evidence: Evidence = Evidence()
    at: Clock

    @property
    def subject(self) -> str:
        """What it is about: the key of the record."""
        return "policy" if self.what == "policy" else f"head/{self.kind}"
