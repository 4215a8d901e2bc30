"""Dead letters: the original message, and why it was given up, in Kafka Connect's dialect of error headers."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

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
    headers = [*(message.headers() or []), *((_PREFIX + name, str(value).encode()) for name, value in errors.items())]
    kind, timestamp = message.timestamp()
    original: dict[str, Any] = {"key": message.key(), "value": message.value(), "headers": headers}
    if kind != TIMESTAMP_NOT_AVAILABLE:
        original["timestamp"] = timestamp
    return original
