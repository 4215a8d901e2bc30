"""Between a raw item and its Kafka message: CloudEvents 1.0, Kafka protocol binding.

Items are written in binary content mode, and read in that or in structured mode (streams/structured.py).

Source: CloudEvents Kafka Protocol Binding 1.0.2, sections 3.1 to 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from schemas.items import (
    INDEX_BEYOND_COUNT,
    ITEM_TYPE,
    MAX_IDENTIFIER,
    MAX_INDEX,
    PARENT_ENDED_TYPE,
    ItemEnvelope,
    ParentEndedEvent,
    RawItem,
)
from streams import attributes, structured
from streams.attributes import ConsumedHeaders, EnvelopeError, Headers, header_name

__all__ = ["ConsumedHeaders", "EnvelopeError", "Headers", "identify", "item_headers", "parent_ended_headers", "parse"]

SPEC_VERSION = "1.0"
UNKNOWN = "unknown"
_OURS = tuple(known.rpartition(".")[0] + "." for known in (ITEM_TYPE, PARENT_ENDED_TYPE))


def item_headers(envelope: ItemEnvelope) -> Headers:
    """Return the headers of an item's message."""
    return _headers(ITEM_TYPE, envelope.model_dump(exclude_none=True, exclude_defaults=False))


def parent_ended_headers(event: ParentEndedEvent) -> Headers:
    """Return the headers of the message that ends a parent; it has no value."""
    return _headers(PARENT_ENDED_TYPE, event.model_dump(exclude_none=True))


def parse(headers: ConsumedHeaders, key: bytes | None, value: bytes | None) -> RawItem | ParentEndedEvent:
    """Read an item, or the end of a parent, from a message in binary or structured mode.

    Args:
        headers: as consumed; names in any case.
        key: the parent id, where that attribute is missing; where it is not, both must be the same, because a parent's
            partition follows from the key.
        value: the item's bytes, or the event in structured mode.

    Raises:
        EnvelopeError: an attribute is missing or wrong; the detail names each.
    """
    found = attributes.of_headers(headers)
    content_type = found.get("content_type", "")
    if not structured.is_structured(content_type):
        _check_event(found, key)
        return _record(found, value or b"")
    event = structured.read(content_type, value or b"")
    if event.problems:
        raise EnvelopeError("bad_envelope", "; ".join(event.problems))
    _check_event(event.attributes, key)
    return _record(event.attributes, event.data())


def identify(headers: ConsumedHeaders, key: bytes | None, value: bytes | None) -> dict[str, Any] | None:
    """Return what a refused item tells of itself, as far as its parent must learn of it.

    Returns:
        The fields of an `ItemFailed` that name the item, or None where its parent or its index is not known.
    """
    found = attributes.of_headers(headers)
    if structured.is_structured(content_type := found.get("content_type", "")):
        with suppress(EnvelopeError):  # the headers may still tell
            found = structured.read(content_type, value or b"").attributes
    parent = found.get("parent_id") or _text_of(key)
    index = _index(found.get("index", ""))
    if index is None or not 0 < len(parent) <= MAX_IDENTIFIER:
        return None
    return {
        "parent_id": parent,
        "index": index,
        "item_id": found.get("id", f"{parent}/{index}")[:MAX_IDENTIFIER] or UNKNOWN,
        "kind": found.get("kind", UNKNOWN)[:MAX_IDENTIFIER] or UNKNOWN,
        "source": found.get("source", UNKNOWN)[:MAX_IDENTIFIER] or UNKNOWN,
    }


def _check_event(found: dict[str, str], key: bytes | None) -> None:
    """Check what every event must have, and take the parent from the key where it is not named."""
    if found.get("specversion", SPEC_VERSION) != SPEC_VERSION:
        raise EnvelopeError("spec_version", "only CloudEvents 1.0 is read; set ce_specversion to 1.0")
    event_type = found.setdefault("type", ITEM_TYPE)
    if event_type not in {ITEM_TYPE, PARENT_ENDED_TYPE}:
        cause = "unknown_schema_version" if event_type.startswith(_OURS) else "unknown_type"
        raise EnvelopeError(cause, f"ce_type is {event_type!r}; it must be {ITEM_TYPE} or {PARENT_ENDED_TYPE}")
    if key:
        parent = found.setdefault("parent_id", _text_of(key))
        if parent != _text_of(key):
            raise EnvelopeError(
                "key_mismatch",
                f"ce_parentid is {parent!r}, but the key is {_text_of(key)!r}; the key must be the parent id,"
                " or the parent's items come to lie on several partitions",
            )


def _record(found: Mapping[str, str], value: bytes) -> RawItem | ParentEndedEvent:
    try:
        if found["type"] == PARENT_ENDED_TYPE:
            return ParentEndedEvent.model_validate(found)
        return RawItem(ItemEnvelope.model_validate(found), value)
    except ValidationError as error:
        raise EnvelopeError(_cause(error), _explain(error)) from error


def _text_of(key: bytes | None) -> str:
    return key.decode("utf-8", "replace") if key else ""


def _index(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_INDEX)) or int(text) > MAX_INDEX:
        return None
    return int(text)


def _headers(event_type: str, fields: Mapping[str, object]) -> Headers:
    headers: Headers = [("ce_specversion", SPEC_VERSION.encode()), ("ce_type", event_type.encode())]
    for field, value in fields.items():
        if value is not False and value != ():
            headers.append((header_name(field), _text(value).encode()))
    return headers


def _text(value: object) -> str:
    """Return an attribute's canonical string (CloudEvents 1.0.2, section 3.1: type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def _cause(error: ValidationError) -> str:
    """Return the code of a refusal: some have one of their own."""
    for problem in error.errors(include_url=False):
        if problem["type"] == "missing" and problem["loc"] == ("parent_id",):
            return "no_parent_id"
        if problem["type"] == INDEX_BEYOND_COUNT:
            return INDEX_BEYOND_COUNT
    return "bad_envelope"


def _explain(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        problems.append(f"{header_name(field)}: {problem['msg']}" if field else problem["msg"])
    return "; ".join(problems)
