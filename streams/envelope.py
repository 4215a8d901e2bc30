"""Between a raw item and its Kafka message: CloudEvents 1.0, Kafka protocol binding, binary content mode.

Source: CloudEvents Kafka Protocol Binding 1.0.2, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from schemas.items import (
    ITEM_TYPE,
    MAX_IDENTIFIER,
    MAX_INDEX,
    PARENT_ENDED_TYPE,
    ItemEnvelope,
    ParentEndedEvent,
    RawItem,
)

SPEC_VERSION = "1.0"
UNKNOWN = "unknown"
_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"
# envelope field -> CloudEvents attribute, where the names differ: extensions are lower-case letters and digits only
_ATTRIBUTES = {
    "parent_id": "parentid",
    "content_hash": "contenthash",
    "window_low": "windowlow",
    "window_high": "windowhigh",
}
_FIELDS = {attribute: field for field, attribute in _ATTRIBUTES.items()}

Headers = list[tuple[str, str | bytes | None]]
ConsumedHeaders = Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]] | None


class EnvelopeError(ValueError):
    """A message that is no item and no end of a parent. `cause` is a code that programs can use."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail


def item_headers(envelope: ItemEnvelope) -> Headers:
    """Return the headers of an item's message."""
    return _headers(ITEM_TYPE, envelope.model_dump(exclude_none=True, exclude_defaults=False))


def parent_ended_headers(event: ParentEndedEvent) -> Headers:
    """Return the headers of the message that ends a parent; it has no value."""
    return _headers(PARENT_ENDED_TYPE, event.model_dump(exclude_none=True))


def parse(headers: ConsumedHeaders, key: bytes | None, value: bytes | None) -> RawItem | ParentEndedEvent:
    """Read an item, or the end of a parent, from a message.

    Args:
        headers: as consumed; names in any case.
        key: the parent id, where the header is missing.
        value: the item's bytes.

    Raises:
        EnvelopeError: an attribute is missing or wrong; the detail names each.
    """
    attributes = _attributes(headers)
    if attributes.pop("specversion", SPEC_VERSION) != SPEC_VERSION:
        raise EnvelopeError("spec_version", "only CloudEvents 1.0 is read; set ce_specversion to 1.0")
    if "parent_id" not in attributes and key:
        attributes["parent_id"] = key.decode("utf-8", "replace")
    event_type = attributes.pop("type", ITEM_TYPE)
    if event_type not in (ITEM_TYPE, PARENT_ENDED_TYPE):
        raise EnvelopeError("unknown_type", f"ce_type is {event_type!r}; it must be {ITEM_TYPE} or {PARENT_ENDED_TYPE}")
    try:
        if event_type == PARENT_ENDED_TYPE:
            return ParentEndedEvent.model_validate(attributes)
        return RawItem(ItemEnvelope.model_validate(attributes), value or b"")
    except ValidationError as error:
        raise EnvelopeError("bad_envelope", _explain(error)) from error


def identify(headers: ConsumedHeaders, key: bytes | None) -> dict[str, Any] | None:
    """Return what a refused item tells of itself, as far as its parent must learn of it.

    Returns:
        The fields of an `ItemFailed` that name the item, or None where its parent or its index is not known.
    """
    attributes = _attributes(headers)
    parent = attributes.get("parent_id") or (key.decode("utf-8", "replace") if key else "")
    index = attributes.get("index", "")
    if (
        not parent
        or len(parent) > MAX_IDENTIFIER
        or not (index.isascii() and index.isdigit())
        or int(index) > MAX_INDEX
    ):
        return None
    return {
        "parent_id": parent,
        "index": int(index),
        "item_id": attributes.get("id", f"{parent}/{index}")[:MAX_IDENTIFIER],
        "kind": attributes.get("kind", UNKNOWN)[:MAX_IDENTIFIER] or UNKNOWN,
        "source": attributes.get("source", UNKNOWN)[:MAX_IDENTIFIER] or UNKNOWN,
    }


def _headers(event_type: str, fields: Mapping[str, object]) -> Headers:
    headers: Headers = [("ce_specversion", SPEC_VERSION.encode()), ("ce_type", event_type.encode())]
    for field, value in fields.items():
        name = _CONTENT_TYPE if field == "content_type" else _PREFIX + _ATTRIBUTES.get(field, field)
        if value is not False:
            headers.append((name, _text(value).encode()))
    return headers


def _text(value: object) -> str:
    """Return an attribute's canonical string (CloudEvents 1.0.2, section 3.1: type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _attributes(headers: ConsumedHeaders) -> dict[str, str]:
    attributes = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers or ():
        lowered = name.lower()
        if value is None or not lowered.startswith((_PREFIX, _CONTENT_TYPE)):
            continue
        attribute = "content_type" if lowered == _CONTENT_TYPE else lowered.removeprefix(_PREFIX)
        attributes[_FIELDS.get(attribute, attribute)] = (
            value if isinstance(value, str) else value.decode("utf-8", "replace")
        )
    return attributes


def _explain(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        header = _CONTENT_TYPE if field == "content_type" else _PREFIX + _ATTRIBUTES.get(field, field)
        problems.append(f"{header}: {problem['msg']}" if field else problem["msg"])
    return "; ".join(problems)
