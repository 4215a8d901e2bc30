"""Items that have to be read again from `items`, one place at a time, and scored by their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Message

from schemas.items import RawItem
from streams import clients, envelope
from streams.messages import headers_of, value_of
from streams.replaying import Place, read_at
from workers.rescoring import Remembered, Rescorer
from workers.results import Failed, Result

_MOST_ITEMS: Final = 64  # at a time in memory
_MOST_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item that is wanted, and what its record tells where it was scored before."""

    remembered: Remembered | None


@dataclass(frozen=True, slots=True)
class Items:
    """The topic `items`."""

    properties: clients.Properties
    topic: str

    def one(self, place: Place) -> RawItem | None:
        """Return the item at a place, or None where it is gone or is none.

        Raises:
            KafkaException: the brokers refused.
        """
        ((_, found),) = self._read([place])
        return found if isinstance(found, RawItem) else None

    def scored(self, rescorer: Rescorer, wanted: Mapping[Place, Wanted]) -> Iterator[tuple[Place, Result | None]]:
        """Yield each wanted item's place with its answer; None where retention has deleted it.

        Raises:
            KafkaException: the brokers refused.
            EncoderError: an encoder is broken.
        """
        waiting: list[tuple[Place, RawItem]] = []
        size = 0
        for place, found in self._read(list(wanted)):
            if not isinstance(found, RawItem):
                yield place, found
                continue
            waiting.append((place, found))
            size += len(found.value)
            if len(waiting) == _MOST_ITEMS or size > _MOST_BYTES:
                yield from _scored(rescorer, waiting, wanted)
                waiting, size = [], 0
        yield from _scored(rescorer, waiting, wanted)

    def _read(self, places: list[Place]) -> Iterator[tuple[Place, RawItem | Failed | None]]:
        known = [place for place in places if min(place) >= 0]
        for place in set(places) - set(known):  # a record of somebody else's that does not say where its item is
            yield place, None
        for place, message in read_at(self.properties, self.topic, known) if known else ():
            yield place, None if message is None else _parsed(message)


def _parsed(message: Message) -> RawItem | Failed:
    try:
        item = envelope.parse(headers_of(message) or [], message.key(), value_of(message))
    except envelope.EnvelopeError as error:
        return Failed(error.cause, str(error))
    return item if isinstance(item, RawItem) else Failed("no_item", "the end of a parent lies in its place")


def _scored(
    rescorer: Rescorer, waiting: list[tuple[Place, RawItem]], wanted: Mapping[Place, Wanted]
) -> Iterator[tuple[Place, Result]]:
    if waiting:
        results = rescorer.afresh([(item, wanted[place].remembered) for place, item in waiting])
        yield from zip((place for place, _ in waiting), results, strict=True)
