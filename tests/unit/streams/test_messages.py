"""Messages as the client gives them out, or fails to."""

from __future__ import annotations

from typing import Any, cast

from confluent_kafka import Message

from streams.deadletters import dead_letter
from streams.messages import headers_of


class _Foreign:
    """A message with the header name ff fe: no client of Python can send one, and C clients can."""

    def headers(self) -> Any:
        raise SystemError("<method 'headers'> returned a result with an exception set")

    def __getattr__(self, name: str) -> Any:
        return lambda: {"timestamp": (1, 5), "partition": 2, "offset": 3}.get(name, name.encode())


FOREIGN = cast("Message", _Foreign())


def test_headers_that_the_client_cannot_give_out_are_none() -> None:
    assert headers_of(FOREIGN) is None


def test_their_message_becomes_a_dead_letter_that_says_what_it_lacks() -> None:
    letter = dead_letter(FOREIGN, "score", "bad_headers", "the name of a header is not UTF-8")
    assert (letter["key"], letter["value"]) == (b"key", b"value")
    headers = dict(letter["headers"])
    assert headers["__connect.errors.class.name"] == b"bad_headers"
    assert b"not UTF-8" in headers["__connect.errors.omitted"]
