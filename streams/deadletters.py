"""Dead letters: the original message, and why it was given up, in Kafka Connect's dialect of error headers."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from streams.topics import MAX_ITEM_BYTES

_PREFIX = "__connect.errors."
TIMESTAMP_NOT_AVAILABLE = 0


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
    original: dict[str, Any] = {"key": message.key(), "value": message.value(), "headers": message.headers() or []}
    if _size(message) > MAX_ITEM_BYTES:
        errors["omitted"] = f"{_size(message)} bytes, which no dead letter takes: the message is where it was"
        original = {"key": message.key(), "value": None, "headers": []}
    reasons = [(_PREFIX + name, str(value).encode()) for name, value in errors.items()]
    original["headers"] = [*original["headers"], *reasons]
    kind, timestamp = message.timestamp()
    if kind != TIMESTAMP_NOT_AVAILABLE:
        original["timestamp"] = timestamp
    return original


def _size(message: Message) -> int:
    """Return the bytes of a message: a batch that was well compressed may hold more than its topic's limit."""
    texts = (text for pair in message.headers() or [] for text in pair)
    return sum(len(text) for text in (message.key(), message.value(), *texts) if text is not None)
