"""How a parent is cut into windows: a part of a policy. An item's window is a function of the item alone."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Document
from schemas.items import MAX_INDEX

MAX_OVERLAP = 64  # windows that one item may be in

Milliseconds = Annotated[int, Field(ge=1)]


class Whole(Document):
    """One window: all items of the parent."""

    by: Literal["whole"] = "whole"


class TimeSpans(Document):
    """Spans of item time, aligned to 1970: tumbling, or sliding where `hop_ms` is shorter than `length_ms`.

    The time is the producer's (`ce_time`); of an item without one it is the broker's. It says which window an item is
    in, and never closes one.
    """

    by: Literal["time"] = "time"
    length_ms: Milliseconds = Field(description="How long a window is.")
    hop_ms: Milliseconds | None = Field(
        default=None, description="From the start of a window to that of the next; None: as long as a window."
    )

    @property
    def hop(self) -> int:
        """From the start of a window to that of the next, in ms."""
        return self.length_ms if self.hop_ms is None else self.hop_ms

    @model_validator(mode="after")
    def _covers_all_items(self) -> Self:
        if self.hop > self.length_ms:
            raise ValueError(f"hop_ms={self.hop} leaves gaps between windows of length_ms={self.length_ms}")
        if -(-self.length_ms // self.hop) > MAX_OVERLAP:
            raise ValueError(f"an item would be in more than {MAX_OVERLAP} windows; make hop_ms longer")
        return self


class IndexRanges(Document):
    """Ranges of item indices: 0 to size-1, size to 2*size-1 and so on."""

    by: Literal["index"] = "index"
    size: Annotated[int, Field(ge=1, le=MAX_INDEX)] = Field(description="How many indices a window has.")


WindowRule = Annotated[Whole | TimeSpans | IndexRanges, Field(discriminator="by")]
