"""The CloudEvents attributes of an event, by the names that our records have for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.items import ItemEnvelope, ParentEndedEvent

PREFIX: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
_MAX_DETAIL = 1000  # characters: it stands in a header and in a record, whatever a producer sent

# field of a record -> CloudEvents attribute, where the names differ: extensions are lower-case letters and digits only
_RENAMED = {"content_type": "datacontenttype"}
ATTRIBUTES: Final[Mapping[str, str]] = {
    field: _RENAMED.get(field, field.replace("_", ""))
    for field in ("specversion", "type", *ItemEnvelope.model_fields, *ParentEndedEvent.model_fields)
}
FIELDS: Final[Mapping[str, str]] = {attribute: field for field, attribute in ATTRIBUTES.items()}

Headers = list[tuple[str, str | bytes | None]]
ConsumedHeaders = Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]] | None


class EnvelopeError(ValueError):
    """A message that is no item and no end of a parent. `cause` is a code that programs can use."""

    def __init__(self, cause: str, detail: str) -> None:
        self.cause = cause
        self.detail = detail if len(detail) <= _MAX_DETAIL else f"{detail[:_MAX_DETAIL]}..."
        super().__init__(f"{cause}: {self.detail}")


def header_name(field: str) -> str:
    """Return the header of a field in binary mode."""
    return CONTENT_TYPE if field == "content_type" else PREFIX + ATTRIBUTES.get(field, field)


def of_headers(headers: ConsumedHeaders) -> dict[str, str]:
    """Return the attributes that headers carry, by field; names are read in any case, others are passed over."""
    found = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers or ():
        field = _field(name.lower())
        if field is not None and value is not None:
            found[field] = value if isinstance(value, str) else value.decode("utf-8", "replace")
    return found


def _field(header: str) -> str | None:
    if header == CONTENT_TYPE:
        return "content_type"
    field = FIELDS.get(header.removeprefix(PREFIX)) if header.startswith(PREFIX) else None
    return field if field != "content_type" else None
