"""What a consumed message holds, where the client's own way to ask for it fails on what others have sent."""

from __future__ import annotations

from confluent_kafka import Message

from streams.attributes import Headers


def headers_of(message: Message) -> Headers | None:
    """Return the headers of a message, or None where a name is not UTF-8: the client cannot give out any of them."""
    try:
        headers = message.headers() or []
    except (SystemError, UnicodeError):
        return None
    return list(headers.items() if isinstance(headers, dict) else headers)


def value_of(message: Message) -> bytes:
    """Return the value of a message; empty where it has none."""
    value = message.value()
    return value.encode() if isinstance(value, str) else value or b""
