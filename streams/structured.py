"""Structured content mode: the whole event, attributes and data, as JSON in the value.

Sources: CloudEvents Kafka Protocol Binding 1.0.2, sections 3.1 and 3.3; CloudEvents JSON Format 1.0.2, sections 2 and
3.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from streams.attributes import ATTRIBUTES, FIELDS, EnvelopeError

_FAMILY = "application/cloudevents"
_JSON = f"{_FAMILY}+json"
_BATCH = f"{_FAMILY}-batch"
_BOM = b"\xef\xbb\xbf"
_ABSENT = msgspec.Raw()
_Scalar = str | bool | int | float | None

# Only what is known is kept, and each value as it stands: what else a message holds costs no memory, and one value
# that cannot be read does not hide the others.
_JsonEvent: Final = msgspec.defstruct(
    "_JsonEvent", [(name, msgspec.Raw, _ABSENT) for name in (*FIELDS, "data", "data_base64")]
)
_EVENT: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_JsonEvent)
_SCALAR: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_Scalar)
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class StructuredEvent:
    """An event that was read from JSON: its attributes by field, and which of them could not be read."""

    attributes: dict[str, str]
    problems: tuple[str, ...]
    raw: Any

    def data(self) -> bytes:
        """Return the bytes of the item; none where the event has no data.

        Raises:
            EnvelopeError: "bad_data".
        """
        inline, encoded = _scalar(self.raw.data, "data"), _scalar(self.raw.data_base64, "data_base64")
        if inline is not None and encoded is not None:
            raise EnvelopeError("bad_data", "data and data_base64 are both there; send one of them")
        if encoded is not None:
            return _decoded(encoded)
        return b"" if inline is None else self._text(inline)

    def _text(self, inline: object) -> bytes:
        declared = media_type(self.attributes.get("content_type", ""))
        if not isinstance(inline, str) or not declared.startswith("text/"):
            raise EnvelopeError(
                "bad_data", f"data must be a string of datacontenttype text/*, not {declared!r}; send data_base64"
            )
        return inline.encode()


def media_type(content_type: str) -> str:
    """Return a content type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def is_structured(content_type: str) -> bool:
    """Tell whether a message's content type says that its value is an event, or several."""
    return media_type(content_type).startswith(_FAMILY)


def read(content_type: str, value: bytes) -> StructuredEvent:
    """Read an event from a message's value.

    Raises:
        EnvelopeError: "batched_mode"; "event_format" for another format than JSON in UTF-8; "bad_json".
    """
    _check_format(content_type)
    try:
        raw = _EVENT.decode(value.removeprefix(_BOM))
    except _UNREADABLE as error:
        raise EnvelopeError("bad_json", f"the value is no event in JSON: {error}") from error
    attributes, problems = {}, []
    for field, name in ATTRIBUTES.items():
        try:
            found = _scalar(getattr(raw, name), name)
        except EnvelopeError as error:
            problems.append(error.detail)
        else:
            if found is not None:
                attributes[field] = _canonical(found)
    return StructuredEvent(attributes, tuple(problems), raw)


def _check_format(content_type: str) -> None:
    declared = media_type(content_type)
    if declared.startswith(_BATCH):
        raise EnvelopeError("batched_mode", "a message must hold one event: send each as a message of its own")
    charset = _charset(content_type)
    if declared != _JSON or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise EnvelopeError("event_format", f"an event must be {_JSON} in UTF-8, not {content_type!r}")


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"


def _scalar(raw: msgspec.Raw, name: str) -> str | bool | float | None:
    """Return a JSON string, number or boolean, or None where there is none or it is null."""
    if not memoryview(raw).nbytes:
        return None
    try:
        found: str | bool | float | None = _SCALAR.decode(raw)
    except _UNREADABLE as error:
        if name == "data":
            raise EnvelopeError(
                "bad_data", "data must be a string of text; send anything else as data_base64"
            ) from error
        raise EnvelopeError("bad_envelope", f"{name}: must be a string, a number or a boolean") from error
    return found


def _canonical(value: str | float) -> str:
    """Return an attribute's canonical string (CloudEvents 1.0.2, section 3.1: type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # JSON has one kind of number: 3.0 is 3
    return str(value)


def _decoded(encoded: object) -> bytes:
    try:
        return base64.b64decode(encoded if isinstance(encoded, str) else b"?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError("bad_data", f"data_base64 is not base64: {error}") from error
