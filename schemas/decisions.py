"""The decision record: one for each (parent, window, revision), on `decisions` and on its action's topic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record
from schemas.experiments import Arm, ExperimentName, SplitShare
from schemas.items import Identifier, Index, Sha256
from schemas.policy import Action, Label, Rule
from schemas.scores import Score

Cause = Literal["complete", "end", "idle", "max_age", "early", "memory", "reopened", "truncated"]
"""What closed a window. `reopened` and `truncated` stand for whatever closed a window that may lack items."""

Count = Annotated[int, Field(ge=0)]


class Counts(Record):
    """What became of the window's items.

    Where it is known, expected = scored + ruled + failed + skipped + missing + remaining.
    """

    expected: Count | None = Field(default=None, description="None: no producer gave a count.")
    scored: Count
    ruled: Count = Field(default=0, description="Answered by a rule of the policy: they count as score 0.")
    failed: Count
    skipped: Count
    missing: Count
    remaining: Count = Field(default=0, description="Not yet answered when an early decision was made.")
    late: Count = Field(default=0, description="Answered after an earlier decision of the window: a revision's alone.")
    duplicate: Count = Field(description="Further answers for an index that had one; they change nothing.")


class WorstItem(Record):
    """One of the items with the lowest scores."""

    index: Index
    item_id: Identifier
    score: Score
    reasons: tuple[str, ...] = ()


class ArmRef(Record):
    """The arm of an experiment that a parent is in."""

    name: ExperimentName
    share: SplitShare = Field(description="Of the candidate's arm.")
    arm: Arm


class PolicyRef(Record):
    """The policy that decided, with the rule as it was, so that the decision can be made again from the record."""

    name: Identifier
    version: int
    digest: Sha256
    rule: Rule
    experiment: ArmRef | None = Field(default=None, description="None: the policy has no experiment.")


class Bounds(Record):
    """The lowest and the highest score that the parent could still have had when an early decision was made."""

    lower: Score
    upper: Score


class AuditDraw(Record):
    """Whether a person should check this decision, drawn with a known probability."""

    probability: Annotated[float, Field(gt=0.0, le=1.0)]
    selected: bool


class Timings(Record):
    """Milliseconds since 1970 UTC: the broker's append times of the items, stream time, and the decider's clock."""

    first_item_at: int
    last_item_at: int
    closed_at: int = Field(default=0, description="Stream time when the window was closed.")
    decided_at: int


class Decision(Record):
    """One decision for one window of a parent."""

    type: Literal["Decision"] = "Decision"
    id: Identifier = Field(description="UUID version 5 of parent, window and revision.")
    parent_id: Identifier
    kind: Identifier
    source: Identifier
    window: Identifier = Field(
        description="`whole`: all items of the parent; `time/START-END` in ms; `index/FIRST-LAST`;"
        " with `@OFFSET` where it was opened again after its decision had been forgotten."
    )
    revision: Annotated[int, Field(ge=0)] = Field(default=0, description="Above 0: replaces the one before.")
    action: Action
    label: Label | None = Field(default=None, description="None: nothing was scored.")
    review: bool = Field(description="A person should look, whatever the action.")
    score: Score | None = Field(
        default=None,
        description="The aggregated score, not rounded: a quality; no probability even where its items' scores are.",
    )
    uncalibrated: bool = Field(description="At least one score came from a head that is not calibrated.")
    reasons: tuple[str, ...] = Field(default=(), description="Why the action is not the label's own, and what was odd.")
    failures: tuple[str, ...] = Field(default=(), description="Causes of the failed items, such as needs_ocr.")
    bounds: Bounds | None = Field(default=None, description="Of an early decision.")
    audit: AuditDraw | None = Field(default=None, description="None: the policy has no audit of this action.")
    effective_trim: float | None = Field(default=None, description="Share really dropped at each end by trimmed_mean.")
    cause: Cause = Field(description="What closed the window.")
    counts: Counts
    worst: tuple[WorstItem, ...] = ()
    scorers: tuple[Identifier, ...] = ()
    policy: PolicyRef
    partition: Count
    first_offset: Count = Field(description="First record of the window on `scores`.")
    through_offset: Count = Field(description="Last record on `scores` that was read when the window was closed.")
    timings: Timings


class Retraction(Record):
    """On the topic of the action that a revision changed: the decision that it replaces no longer holds."""

    type: Literal["Retraction"] = "Retraction"
    id: Identifier = Field(description="Of the decision that is withdrawn.")
    parent_id: Identifier
    window: Identifier
    revision: Annotated[int, Field(ge=0)] = Field(description="Of the decision that is withdrawn.")
    replaced_by: Identifier = Field(description="Id of the revision that holds instead.")
    action: Action = Field(description="The action of that revision, and its topic.")
