"""Sends the scores: paced while faults are injected, so that input still arrives at the last, then at full speed."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import zlib
from collections.abc import Iterator

import msgspec
from confluent_kafka import KafkaError, Message, murmur2

from streams import clients
from tests.chaos.material import Answer, Sending

TICK = 0.05  # s between two bursts
FOREIGN = 50  # one parent in so many lies where its key does not say
NEVER_EMPTY = 15.0  # s: the pace falls with what is left, so that something is left for long
SLOWEST = 0.2  # of the pace at first: a window must not be forgotten for good while its items still come
_encode = msgspec.json.Encoder().encode


class Feed(threading.Thread):
    """Sends records to the topic `scores` until all are sent."""

    def __init__(
        self,
        properties: clients.Properties,
        topic: str,
        *,
        partitions: int,
        records: Iterator[Sending],
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
        self._late: list[tuple[float, int, Answer]] = []  # when it is due, monotonic s
        self._number = itertools.count()
        self._full_speed = threading.Event()
        self._given_up = threading.Event()
        self.sent = 0
        self.problem: str | None = None

    def full_speed(self) -> None:
        """Send the rest as fast as the brokers take it, and late items when it is time for them."""
        self._full_speed.set()

    def stop(self) -> None:
        """Give up what is left."""
        self._given_up.set()
        self._full_speed.set()

    def run(self) -> None:
        while not self._given_up.is_set():
            hurry = self._full_speed.wait(TICK)
            left = max(0, self._total - self.sent)
            pace = min(self._rate, max(left / NEVER_EMPTY, SLOWEST * self._rate))
            burst = 2_000 if hurry else max(1, int(TICK * pace))
            if not self._send(burst):
                if not self._late:
                    break
                self._given_up.wait(TICK)
        if self._producer.flush(60):
            self.problem = "scores were left in the producer's queue"

    def send_last(self, records: Iterator[tuple[int, Answer]]) -> None:
        """Append records to partitions, once all others are there; with their own append times."""
        for partition, record in records:
            self._produce(record["parent_id"].encode(), _encode(record), partition)
            self.sent += 1
        if self._producer.flush(60):
            self.problem = "scores were left in the producer's queue"

    def _send(self, burst: int) -> bool:
        """Send the next records, and the late ones that are due; tell whether there were any of the former."""
        now, clock = time.time_ns() // 1_000_000, time.monotonic()
        chunk = list(itertools.islice(self._records, burst))
        for record, wait, age in chunk:
            if wait:
                heapq.heappush(self._late, (clock + wait / 1000, next(self._number), record))
            else:
                self._send_one(record, now - age)
        while self._late and self._late[0][0] <= clock:
            self._send_one(heapq.heappop(self._late)[2], now)
        self._producer.poll(0)
        return bool(chunk)

    def _send_one(self, record: Answer, appended_at: int) -> None:
        key = record["parent_id"].encode()
        self._produce(key, _encode({**record, "appended_at": appended_at}), self._place(key))
        self.sent += 1

    def _place(self, key: bytes) -> int:
        """Return a parent's partition; now and then that of a producer with another partitioner."""
        own = murmur2(key, self._partitions)
        return (own + 1) % self._partitions if zlib.crc32(key) % FOREIGN == 0 else own

    def _produce(self, key: bytes | None, value: bytes, partition: int) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            self.problem = error.str()
