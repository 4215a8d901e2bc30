"""What workers answer, one record an item, on the topic `scores` (key: parent id)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.base import Record
from schemas.items import Code, Identifier, Index, Sha256

Score = Annotated[float, Field(ge=0.0, le=1.0)]


class _Answer(Record):
    type: str  # first in the record: a reader that chooses by it need not search
    parent_id: Identifier
    kind: Identifier
    source: Identifier
    appended_at: int = Field(ge=0, description="When the broker appended the item: ms since 1970 UTC. Stream time.")


class _ItemAnswer(_Answer):
    item_id: Identifier
    index: Index
    count: Annotated[int, Field(ge=1)] | None = None
    item_partition: int = Field(ge=0, description="Where the item is on the topic `items`.")
    item_offset: int = Field(ge=0)
    content_hash: Sha256 | None = None
    item_time: int | None = Field(default=None, description="The producer's time of the item: ms since 1970 UTC.")
    again: int = Field(
        default=0,
        ge=0,
        exclude_if=lambda again: again == 0,
        description="Above 0: the item was answered again after a withdrawal; its answers with a lower number do not"
        " count. Left out where it is 0.",
    )


class ItemScored(_ItemAnswer):
    """The quality of one item."""

    type: Literal["ItemScored"] = "ItemScored"
    score: Score = Field(description="Quality in [0,1]; not a probability unless the scorer is calibrated.")
    reasons: tuple[str, ...] = Field(default=(), description="Why the score is low, or how the item had to be read.")
    flags: tuple[Code, ...] = Field(default=(), description="Rules of the policy that send its parent to review.")
    metrics: dict[str, float] = Field(default={}, description="Cheap metrics at native resolution.")
    scorer: Identifier = Field(description="Digest of encoder, weights, preprocessing and head.")
    calibrated: bool = False
    embedding: Identifier = Field(description="Key of the embedding's cache entry.")
    cached: bool = Field(default=False, description="The embedding came from the cache.")


class ItemRuled(_ItemAnswer):
    """An item that a rule of the policy answers by itself: it counts as score 0, and no encoder has seen it."""

    type: Literal["ItemRuled"] = "ItemRuled"
    rule: Code = Field(description="Name of the rule.")
    flags: tuple[Code, ...] = Field(default=(), description="Other rules, which send its parent to review.")
    policy: Identifier = Field(description="name@version of the policy that the worker followed.")
    duplicate_of: Identifier | None = Field(default=None, description="Id of an earlier item with the same content.")


class ItemFailed(_ItemAnswer):
    """An item that could not be scored; it is on `dead-letters` whole."""

    type: Literal["ItemFailed"] = "ItemFailed"
    cause: Identifier
    detail: str = ""


class ItemSkipped(_ItemAnswer):
    """An item that was not scored on purpose, such as an empty slice."""

    type: Literal["ItemSkipped"] = "ItemSkipped"
    cause: Identifier = Field(description="Why, or the name of the rule that says so.")
    policy: Identifier | None = Field(default=None, description="name@version of the policy that has the rule.")
    duplicate_of: Identifier | None = Field(default=None, description="Id of an earlier item with the same content.")


class ItemWithdrawn(_ItemAnswer):
    """The item's answers with a lower `again` do not count: it has none until another one comes."""

    type: Literal["ItemWithdrawn"] = "ItemWithdrawn"
    again: int = Field(ge=1, description="When it was withdrawn: ms since 1970 UTC, by the clock of whoever did it.")
    cause: Identifier = Field(description="Why, such as canaries_failed.")


class ParentEnded(_Answer):
    """The parent's producer said that nothing more will come."""

    type: Literal["ParentEnded"] = "ParentEnded"
    count: Annotated[int, Field(ge=0)] | None = None


class PolicyActivated(Record):
    """From here on, windows that open in this partition are decided under this policy version."""

    type: Literal["PolicyActivated"] = "PolicyActivated"
    name: Identifier
    version: Annotated[int, Field(ge=1)]
    digest: Sha256


ScoreRecord = Annotated[
    ItemScored | ItemRuled | ItemFailed | ItemSkipped | ItemWithdrawn | ParentEnded | PolicyActivated,
    Field(discriminator="type"),
]
SCORE_RECORD: TypeAdapter[
    ItemScored | ItemRuled | ItemFailed | ItemSkipped | ItemWithdrawn | ParentEnded | PolicyActivated
] = TypeAdapter(ScoreRecord)
