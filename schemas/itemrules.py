"""Rules about single items, cheap ones first: what they look at, and what follows where one fires. A part of a policy.

A worker applies them before the encoder, so that an item which a rule stops costs no encoder call.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.base import Document
from schemas.items import Code, Identifier

MAX_ITEM_RULES = 64
MAX_WORDS = 10_000


class _Range(Document):
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _a_range(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both; the rule fires outside of them")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not be above max: {self.min:g} > {self.max:g}")
        return self

    def excludes(self, value: float) -> bool:
        """Whether a value is outside of the range. Both ends belong to it."""
        return (self.min is not None and value < self.min) or (self.max is not None and value > self.max)


class Duplicate(Document):
    """Fires for an item whose bytes are those of an earlier one, of the same or another parent."""

    check: Literal["duplicate"] = "duplicate"
    within_hours: Annotated[float, Field(gt=0.0, le=24.0 * 366)] = Field(
        default=24.0, description="How long an item is remembered by the hash of its content."
    )


class Length(_Range):
    """Fires for an item that is shorter than min or longer than max."""

    check: Literal["length"] = "length"
    unit: Literal["bytes", "characters", "words"] = Field(
        default="characters", description="Characters and words are those of a text; other items have bytes alone."
    )


class FlaggedWords(Document):
    """Fires for a text that has one of these words or phrases, whatever their case."""

    check: Literal["words"] = "words"
    words: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)], ...],
        Field(min_length=1, max_length=MAX_WORDS),
    ]


class Language(Document):
    """Fires for a text that is in another language, or whose language cannot be told with enough confidence."""

    check: Literal["language"] = "language"
    allowed: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")], ...],
        Field(
            min_length=1,
            description="ISO 639 codes, such as en. und allows texts whose language cannot be told, being short"
            " or of few letters: headings, tables of figures.",
        ),
    ]
    min_confidence: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8


class MetricRange(_Range):
    """Fires for an item one of whose cheap metrics is outside of a range. An item without the metric passes."""

    check: Literal["metric"] = "metric"
    metric: Identifier


class ItemRule(Document):
    """One rule about single items."""

    name: Code = Field(description="Stands in the reasons of scores and decisions.")
    when: Annotated[Duplicate | Length | FlaggedWords | Language | MetricRange, Field(discriminator="check")]
    then: Literal["zero", "skip", "review", "note"] = Field(
        description="zero: the item counts as score 0; skip: it does not count; both save the encoder."
        " review: its parent goes to review; note: it is only named."
    )

    @property
    def stops(self) -> bool:
        """Whether an item is answered by the rule alone."""
        return self.then in {"zero", "skip"}


COST = {"duplicate": 0, "length": 1, "words": 2, "language": 3, "metric": 4}
"""The order in which checks are applied, cheap first; rules with the same check in the order of the policy."""


def by_cost(rules: tuple[ItemRule, ...]) -> list[ItemRule]:
    """Return rules in the order in which they are applied."""
    return sorted(rules, key=lambda rule: COST[rule.when.check])
