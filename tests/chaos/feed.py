"""Sends the scores: paced while faults are injected, so that input still arrives at the last, then at full speed."""

from __future__ import annotations

import itertools
import threading
import time
import zlib
from collections.abc import Iterator

import msgspec
from confluent_kafka import KafkaError, Message, murmur2

from streams import clients
from tests.chaos.material import Answer

TICK = 0.05  # s between two bursts
FOREIGN = 50  # one parent in so many lies where its key does not say
NEVER_EMPTY = 15.0  # s: the pace falls with what is left, so that something is always left
_encode = msgspec.json.Encoder().encode


class Feed(threading.Thread):
    """Sends records to the topic `scores` until all are sent."""

    def __init__(
        self,
        properties: clients.Properties,
        topic: str,
        *,
        partitions: int,
        records: Iterator[Answer],
        total: int,
        seconds: float,
    ) -> None:
        """Get ready to spread `total` records over about so many seconds."""
        super().__init__(name="scores", daemon=True)
        self._producer = clients.producer(properties)
        self._topic = topic
        self._partitions = partitions
        self._records = records
        self._total = total
        self._rate = total / seconds
        self._full_speed = threading.Event()
        self._given_up = threading.Event()
        self.sent = 0
        self.problem: str | None = None

    def full_speed(self) -> None:
        """Send the rest as fast as the brokers take it."""
        self._full_speed.set()

    def stop(self) -> None:
        """Give up what is left."""
        self._given_up.set()
        self._full_speed.set()

    def run(self) -> None:
        while not self._given_up.is_set():
            hurry = self._full_speed.wait(TICK)
            left = max(0, self._total - self.sent)
            burst = 2_000 if hurry else max(1, int(TICK * min(self._rate, left / NEVER_EMPTY)))
            if not self._send(burst):
                break
        if self._producer.flush(60):
            self.problem = "scores were left in the producer's queue"

    def _send(self, burst: int) -> bool:
        now = time.time_ns() // 1_000_000
        chunk = list(itertools.islice(self._records, burst))
        for record in chunk:
            key = record["parent_id"].encode()
            value = _encode({**record, "appended_at": now})
            while not self._queued(key, value, self._place(key)):
                self._producer.poll(0.05)
        self._producer.poll(0)
        self.sent += len(chunk)
        return bool(chunk)

    def _place(self, key: bytes) -> int:
        """Return a parent's partition; now and then that of a producer with another partitioner."""
        own = murmur2(key, self._partitions)
        return (own + 1) % self._partitions if zlib.crc32(key) % FOREIGN == 0 else own

    def _queued(self, key: bytes, value: bytes, partition: int) -> bool:
        try:
            self._producer.produce(self._topic, value, key, partition, on_delivery=self._delivered)
        except BufferError:
            return False
        return True

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            self.problem = error.str()
