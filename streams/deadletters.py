"""Dead letters: the original message, and why it was given up, in Kafka Connect's dialect of error headers."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from streams.attributes import Headers
from streams.messages import headers_of
from streams.topics import MAX_ITEM_BYTES

_PREFIX = "__connect.errors."
TIMESTAMP_NOT_AVAILABLE = 0
_HEADER_OVERHEAD = 12  # bytes, at most, for the lengths of a header's name and value


def dead_letter(message: Message, stage: str, cause: str, detail: str) -> dict[str, Any]:
    """Return what `Producer.produce` needs, without the topic.

    Args:
        message: as it was consumed; a re-drive recognises it by original topic, partition and offset.
        stage: which process gave up on it, such as `score`.
        cause: a code that programs can use.
        detail: the same in words.
    """
    errors = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "stage": stage,
        "class.name": cause,
        "exception.message": detail,
    }
    headers = headers_of(message)
    original: dict[str, Any] = {"key": message.key(), "value": message.value(), "headers": headers or []}
    size = _size(message, headers or [])
    if headers is None:
        errors["omitted"] = "the headers, one of whose names is not UTF-8: the message is where it was"
    if size > MAX_ITEM_BYTES:
        errors["omitted"] = f"{size} bytes, which no dead letter takes: the message is where it was"
        original = {"key": message.key(), "value": None, "headers": []}
    reasons = [(_PREFIX + name, str(value).encode()) for name, value in errors.items()]
    original["headers"] = [*original["headers"], *reasons]
    kind, timestamp = message.timestamp()
    if kind != TIMESTAMP_NOT_AVAILABLE:
        original["timestamp"] = timestamp
    return original


def _size(message: Message, headers: Headers) -> int:
    """Return the bytes of a message: a batch that was well compressed may hold more than its topic's limit."""
    texts = (message.key(), message.value(), *(text for pair in headers for text in pair))
    return sum(map(_length, texts)) + _HEADER_OVERHEAD * len(headers)


def _length(text: str | bytes | None) -> int:
    return len(text.encode() if isinstance(text, str) else text or b"")
