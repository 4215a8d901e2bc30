"""The decision record: one for each (parent, window, revision), on `decisions` and on its action's topic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record
from schemas.items import Identifier, Index, Sha256
from schemas.policy import Action, Label, Rule
from schemas.scores import Score

Cause = Literal["complete", "end", "idle", "max_age", "truncated"]
Count = Annotated[int, Field(ge=0)]


class Counts(Record):
    """What became of the parent's items. expected = scored + failed + skipped + missing, where it is known."""

    expected: Count | None = Field(default=None, description="None: no producer gave a count.")
    scored: Count
    failed: Count
    skipped: Count
    missing: Count
    duplicate: Count = Field(description="Further answers for an index that had one; they change nothing.")


class WorstItem(Record):
    """One of the items with the lowest scores."""

    index: Index
    item_id: Identifier
    score: Score
    reasons: tuple[str, ...] = ()


class PolicyRef(Record):
    """The policy that decided, with the rule as it was, so that the decision can be made again from the record."""

    name: Identifier
    version: int
    digest: Sha256
    rule: Rule


class Timings(Record):
    """Milliseconds since 1970 UTC: the broker's append times of the items, and the decider's clock."""

    first_item_at: int
    last_item_at: int
    decided_at: int


class Decision(Record):
    """One decision for one window of a parent."""

    type: Literal["Decision"] = "Decision"
    id: Identifier = Field(description="UUID version 5 of parent, window and revision.")
    parent_id: Identifier
    kind: Identifier
    source: Identifier
    window: Identifier = Field(description="`whole`: all items of the parent.")
    revision: Annotated[int, Field(ge=0)] = 0
    action: Action
    label: Label | None = Field(default=None, description="None: nothing was scored.")
    review: bool = Field(description="A person should look, whatever the action.")
    score: Score | None = Field(default=None, description="The aggregated score, not rounded.")
    uncalibrated: bool = Field(description="At least one score came from a head that is not calibrated.")
    reasons: tuple[str, ...] = Field(default=(), description="Why the action is not the label's own, and what was odd.")
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
