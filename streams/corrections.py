"""Records about items that were answered before: withdrawals, and answers to messages that are read once more.

It has a producer of its own, so that nothing here holds up the loop. No order between the two producers is needed: an
answer and its withdrawal mean the same whichever comes first.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.scores import ItemFailed, ItemWithdrawn
from streams import clients
from streams.deadletters import dead_letter
from streams.history import read_from
from streams.shadows import shadow_names
from streams.topics import MAX_DEAD_LETTER_BYTES, TopicNames
from streams.work import Plain

_log = logging.getLogger("sluice.score")
_AHEAD: Final = 32  # messages read before they are asked for
_FLUSH_SECONDS: Final = 5.0

Delivered = Callable[[KafkaError | None, Message], None]
_NONE: Final[Mapping[str, Plain]] = {}

Place = tuple[int, int]
"""Partition and offset of a message of `items`."""


class Corrections:
    """Writes corrections to `scores`, and reads messages of `items` again."""

    def __init__(self, properties: clients.Properties, names: TopicNames, shadows: Iterable[str] = ()) -> None:
        """Open the producer. `shadows` names the candidates whose topics are to be corrected too.

        Raises:
            PropertiesError: it refuses its properties.
        """
        self._properties, self._names = properties, names
        self._shadows = {name: shadow_names(names, name).scores for name in shadows}
        self._producer: Producer = clients.producer(properties, message_max_bytes=MAX_DEAD_LETTER_BYTES)
        self._failure: KafkaError | None = None
        self._read: queue.Queue[Message] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._broken = False

    def send(
        self, record: Plain | ItemWithdrawn, message: Message | None = None, shadows: Mapping[str, Plain] = _NONE
    ) -> None:
        """Produce a record; where it says that an item failed, the item's dead letter goes first.

        Args:
            record: the correction.
            message: of an item that was read again.
            shadows: what candidates in shadow answer otherwise; the same goes to the topics of the others.

        Raises:
            KafkaException: an earlier record could not be written.
        """
        if isinstance(record, ItemFailed) and message is not None:
            letter = dead_letter(message, "score", record.cause, record.detail)
            self._produce(partial(self._buried, record, shadows), topic=self._names.dead_letters, **letter)
        else:
            self._send(record, shadows)
        self.serve()

    def _buried(
        self, record: ItemFailed, shadows: Mapping[str, Plain], error: KafkaError | None, letter: Message
    ) -> None:
        """Tell the parent of a failed item, once its dead letter is acknowledged."""
        self._delivered(error, letter)
        if error is None:
            self._send(record, shadows)

    def _send(self, record: Plain | ItemWithdrawn, shadows: Mapping[str, Plain]) -> None:
        self._produce_record(self._names.scores, record, self._delivered)
        for name, topic in self._shadows.items():
            self._produce_record(topic, shadows.get(name, record), _passed_over)

    def _produce_record(self, topic: str, record: Plain | ItemWithdrawn, delivered: Delivered) -> None:
        self._produce(delivered, topic=topic, key=record.parent_id.encode(), value=record.to_json())

    def _produce(self, delivered: Delivered, **message: Any) -> None:
        while True:
            try:
                self._producer.produce(on_delivery=delivered, **message)
            except BufferError:  # the queue is full: the brokers are slow
                self._producer.poll(0.1)
            else:
                return

    def serve(self) -> None:
        """Learn of what was acknowledged.

        Raises:
            KafkaException: a record could not be written.
        """
        self._producer.poll(0)
        if self._failure is not None:
            raise KafkaException(self._failure)

    @property
    def reading(self) -> bool:
        """Whether messages are being read again, or wait to be taken."""
        return (self._thread is not None and self._thread.is_alive()) or not self._read.empty()

    @property
    def broken_off(self) -> bool:
        """Whether the last reading did not come to its end: what it lacks may be there."""
        return self._broken

    def read_again(self, places: Iterable[Place]) -> None:
        """Begin to read messages once more, on a thread. Nothing else may be read meanwhile: see `reading`."""
        self._broken = False
        wanted: defaultdict[int, set[int]] = defaultdict(set)
        for partition, offset in places:
            wanted[partition].add(offset)
        self._thread = threading.Thread(target=self._reread, args=(wanted,), name="sluice-again", daemon=True)
        self._thread.start()

    def messages(self, limit: int) -> list[Message]:
        """Return messages that were read again, as many as are there and `limit` at most."""
        found: list[Message] = []
        while len(found) < limit:
            try:
                found.append(self._read.get_nowait())
            except queue.Empty:
                break
        return found

    def close(self) -> None:
        """Wait a little for the last acknowledgements, and stop reading."""
        self._closed.set()
        self._producer.flush(_FLUSH_SECONDS)
        self._producer.purge()
        self._producer.close()
        if self._thread is not None:
            self._thread.join(_FLUSH_SECONDS)

    def _reread(self, wanted: Mapping[int, set[int]]) -> None:
        left = {partition: set(offsets) for partition, offsets in wanted.items()}
        try:
            for message in read_from(self._properties, self._names.items, {n: min(o) for n, o in wanted.items()}):
                own = left.get(message.partition() or 0, set())
                if message.offset() in own:
                    own.discard(message.offset() or 0)
                    self._offer(message)
                if self._closed.is_set() or not any(left.values()):
                    break
        except Exception as exception:  # noqa: BLE001 - whatever it is, it is tried again
            self._broken = True
            _log.warning("items could not be read again: %s", exception)

    def _offer(self, message: Message) -> None:
        while not self._closed.is_set():
            try:
                self._read.put(message, timeout=0.2)
            except queue.Full:
                continue
            return

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = error


def _passed_over(error: KafkaError | None, _: Message) -> None:
    """Let nothing live stop for what the brokers refuse of a shadow."""
    if error is not None:
        _log.warning("a correction in shadow was refused: %s", error)
