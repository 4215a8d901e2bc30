"""A fast reader of `scores` for the decider's hot path.

It decodes only what a decision needs, about six times as fast as pydantic does. The models in `scores.py` stay the
one source of the schema; a test holds that both read the same from any record that ours write. A record of somebody
else's may pass here and not there: fields that no decision needs are not looked at, and neither are lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast, final

import msgspec

NonNegative = Annotated[int, msgspec.Meta(ge=0)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Answer(msgspec.Struct, tag_field="type", frozen=True, gc=False, kw_only=True):
    parent_id: Text
    kind: Text
    source: Text
    appended_at: NonNegative


@final
class ItemScored(_Answer, tag="ItemScored", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.ItemScored`."""

    item_id: Text
    index: NonNegative
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    item_time: int | None = None
    again: NonNegative = 0
    score: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    scorer: Text
    calibrated: bool = False


@final
class ItemRuled(_Answer, tag="ItemRuled", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.ItemRuled`."""

    item_id: Text
    index: NonNegative
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    item_time: int | None = None
    again: NonNegative = 0
    rule: Text
    flags: tuple[str, ...] = ()


@final
class ItemFailed(_Answer, tag="ItemFailed", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.ItemFailed`."""

    item_id: Text
    index: NonNegative
    cause: Text
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    item_time: int | None = None
    again: NonNegative = 0


@final
class ItemSkipped(_Answer, tag="ItemSkipped", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.ItemSkipped`."""

    item_id: Text
    index: NonNegative
    cause: Text
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    item_time: int | None = None
    again: NonNegative = 0


@final
class ItemWithdrawn(_Answer, tag="ItemWithdrawn", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.ItemWithdrawn`."""

    item_id: Text
    index: NonNegative
    cause: Text
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    item_time: int | None = None
    again: Annotated[int, msgspec.Meta(ge=1)]


@final
class ParentEnded(_Answer, tag="ParentEnded", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.ParentEnded`."""

    count: NonNegative | None = None


@final
class PolicyActivated(msgspec.Struct, tag_field="type", tag="PolicyActivated", frozen=True, gc=False, kw_only=True):
    """See `schemas.scores.PolicyActivated`."""

    name: Text
    version: Annotated[int, msgspec.Meta(ge=1)]
    digest: Text


ItemAnswer = ItemScored | ItemRuled | ItemFailed | ItemSkipped | ItemWithdrawn
ScoreRecord = ItemAnswer | ParentEnded | PolicyActivated

_decoder: msgspec.json.Decoder[ScoreRecord] = msgspec.json.Decoder(ScoreRecord)


decode = cast("Callable[[bytes | None], ScoreRecord]", _decoder.decode)
"""Decodes one record of the topic `scores` from JSON; raises one of `UNREADABLE`."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, TypeError)
"""What `decode` raises for what is not valid JSON, not a valid record, or a record without a value."""
