"""Thumbnails and excerpts of some items: each is read by itself from where it lies on `items`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from deploy.report.previews import Preview, preview
from streams import clients
from streams.messages import headers_of
from streams.replaying import Place, read_at


def read_previews(
    properties: clients.Properties, topic: str, places: Iterable[Place], advance: Callable[[int], None], room: int
) -> Mapping[Place, Preview]:
    """Return the previews of items by their places; those that are gone or cannot be shown are left out.

    Args:
        properties: of the brokers.
        topic: `items`.
        places: of the items that are wanted.
        advance: told how many further items were read.
        room: characters that all previews together may take; the rest is left out.

    Raises:
        KafkaException: the brokers refused, or did not answer for half a minute.
    """
    found: dict[Place, Preview] = {}
    for place, message in read_at(properties, topic, places):
        advance(1)
        made = preview(headers_of(message), message.key(), message.value()) if message is not None else None
        if made is not None and made.size <= room:
            room -= made.size
            found[place] = made
    return found
