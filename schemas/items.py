"""What producers send: raw items, and the event that ends a parent. CloudEvents 1.0, Kafka binding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Record

ITEM_TYPE = "org.sluice.item.v1"
PARENT_ENDED_TYPE = "org.sluice.parent.ended.v1"
INDEX_BEYOND_COUNT: Final = "index_beyond_count"  # the type of that validation error, and the cause of the refusal

MAX_IDENTIFIER = 512
MAX_REFERENCE = 2048
MAX_INDEX = 2**31 - 1
MAX_READ_AS = 8

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=MAX_IDENTIFIER)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Index = Annotated[int, Field(ge=0, le=MAX_INDEX)]


def _codes(value: object) -> object:
    """Split an attribute of codes: CloudEvents has no lists, so they travel as one string."""
    return tuple(code.strip() for code in value.split(",")) if isinstance(value, str) and value else value or ()


Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
Codes = Annotated[tuple[Code, ...], BeforeValidator(_codes), Field(max_length=MAX_READ_AS)]


def _in_digits(value: object) -> object:
    """Refuse spellings of a number that Python reads and other languages do not, such as 1_000 and 3.0."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("digits", "must be a whole number in digits, not {value}", {"value": repr(value)})
    return value


InDigits = BeforeValidator(_in_digits)


class ItemEnvelope(Record):
    """The CloudEvents attributes of one item. On the wire each is a header: `parent_id` is `ce_parentid`."""

    id: Identifier = Field(description="Unique among the items of its source.")
    source: Identifier = Field(description="Who sent it; policies are chosen per kind and source.")
    kind: Identifier = Field(description="video-frame, mri-slice, document-chunk, or a new one.")
    parent_id: Identifier = Field(description="The video, volume or document it belongs to; the record's key.")
    index: Annotated[Index, InDigits] = Field(description="Its place in the parent, from 0.")
    count: Annotated[int, Field(ge=1, le=2**31), InDigits] | None = Field(
        default=None, description="Items in the parent, where the producer knows."
    )
    content_type: Identifier = Field(default="application/octet-stream", description="Media type of the value.")
    content_hash: Sha256 | None = Field(
        default=None, description="SHA-256 of the value, or of what the reference names; a reference needs one."
    )
    data_ref: Annotated[str, StringConstraints(min_length=1, max_length=MAX_REFERENCE)] | None = Field(
        default=None, description="Where the bytes are, as a URI, where the value is empty: a claim check."
    )
    time: AwareDatetime | None = Field(default=None, description="When the item was made, by the producer's clock.")
    window_low: float | None = Field(default=None, description="Intensity shown as black: a low percentile.")
    window_high: float | None = Field(default=None, description="Intensity shown as white: a high percentile.")
    empty: bool = Field(default=False, description="Marked by the producer as holding nothing to judge.")
    read_as: Codes = Field(
        default=(), description="How the producer had to read it, in codes; on the wire one string, split by commas."
    )

    @property
    def last(self) -> bool:
        """Whether it is known to be the last of several items of its parent."""
        return self.count is not None and 1 < self.count == self.index + 1

    @model_validator(mode="after")
    def _index_below_count(self) -> Self:
        if self.count is not None and self.index >= self.count:
            raise PydanticCustomError(
                INDEX_BEYOND_COUNT,
                "index {index} is not below count {count}",
                {"index": self.index, "count": self.count},
            )
        return self


class ParentEndedEvent(Record):
    """The event that closes a parent; it has no value and may give the parent's count."""

    id: Identifier
    source: Identifier
    kind: Identifier
    parent_id: Identifier
    count: Annotated[int, Field(ge=0, le=2**31), InDigits] | None = None
    time: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class RawItem:
    """An item with its bytes, before it is published or as it was consumed."""

    envelope: ItemEnvelope
    value: bytes

    @property
    def is_claim(self) -> bool:
        """Whether its bytes are elsewhere. A value that is there is what a reference beside it names, and is used."""
        return self.envelope.data_ref is not None and not self.value


def content_hash(value: bytes) -> str:
    """Return the SHA-256 of an item's bytes as 64 hexadecimal digits."""
    return hashlib.sha256(value).hexdigest()
