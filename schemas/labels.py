"""What a person said of a parent or of one of its items, on the topic `labels` (key: parent id)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Record
from schemas.items import Code, Identifier, Index
from schemas.scores import Score

Probability = Annotated[float, Field(gt=0.0, le=1.0)]
Target = tuple[str, str | None, str | int | None]
"""What a label is about: parent, window (None: the parent as such), and item (id or index; None: no single one)."""


class LabelGiven(Record):
    """One label by one person. Of several by one person for one target, the one with the latest `at` counts."""

    type: Literal["LabelGiven"] = "LabelGiven"
    id: Identifier = Field(description="UUID version 5 of what is said: the same label sent twice has one id.")
    parent_id: Identifier
    window: Identifier | None = Field(default=None, description="None: the parent as such, which has one window.")
    item_id: Identifier | None = Field(default=None, description="With `index` None: the label is of the parent.")
    index: Index | None = None
    kind: Identifier | None = Field(default=None, description="None: nobody said, and no decision was known.")
    source: Identifier | None = None
    verdict: Literal["judged", "cannot_judge"] = "judged"
    value: Score | None = Field(default=None, description="Quality in [0,1], 1 is good; None: cannot be judged.")
    defects: tuple[Code, ...] = ()
    who: Identifier = Field(description="Who judged.")
    at: int = Field(ge=0, description="When it was judged: ms since 1970 UTC.")
    guideline: Identifier | None = Field(default=None, description="Version of the guideline that was followed.")
    probability: Probability | None = Field(
        default=None, description="With which the target was drawn for judging; None: that is not known."
    )
    decision_id: Identifier | None = Field(default=None, description="Of the decision that was looked at.")
    group: Identifier | None = Field(default=None, description="What belongs together: patient, camera, site.")

    @model_validator(mode="after")
    def _value_if_judged(self) -> Self:
        if (self.value is None) == (self.verdict == "judged"):
            raise ValueError("a label has a value in [0,1], or the verdict cannot_judge and no value")
        return self

    @property
    def of_parent(self) -> bool:
        """Whether it is about the parent, or a window of it, and about no single item."""
        return self.item_id is None and self.index is None

    @property
    def target(self) -> Target:
        """What it is about."""
        return self.parent_id, self.window, self.index if self.item_id is None else self.item_id

    @property
    def said(self) -> tuple[object, ...]:
        """What it says of its target, without who says it and when."""
        return self.verdict, self.value, self.defects, self.guideline, self.probability, self.group
