"""Text of strangers on a terminal: what is in a record must not steer it."""

from __future__ import annotations

from rich.text import Text

from schemas.policy import Action

COLOURS = {Action.ACCEPT: "green", Action.REVIEW: "yellow", Action.REJECT: "red"}


def printable(text: str) -> str:
    """Return a text with whatever is no character to be seen, such as an escape sequence's first, as a code."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def plain(text: object, style: str = "") -> Text:
    """Return a text whose square brackets are no markup and whose control characters do nothing."""
    return Text(printable(str(text)), style=style)
