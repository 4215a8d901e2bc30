"""The reference: consume, count per key, produce one record per ten, offsets in the transaction. Nothing is kept.

Run as a process of its own: BOOTSTRAP SOURCE TARGET GROUP PARTITIONS. It waits to be ended when it has read everything.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter

from confluent_kafka import Consumer, Producer, TopicPartition

BATCH = 10_000
ITEMS = 10
FILLING = b"x" * 1_150  # with key and count about as long as a decision


def main(bootstrap: str, source: str, target: str, group: str, partitions: str) -> None:
    """Transform the whole source."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 20,
            "fetch.wait.max.ms": 100,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": group,
            "linger.ms": 0,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 200_000,
        }
    )
    producer.init_transactions(30)
    places = [TopicPartition(source, number) for number in range(int(partitions))]
    left = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    consumer.subscribe([source])
    counts: Counter[bytes] = Counter()
    while left > 0:
        left -= _turn(consumer, producer, target, counts)
    signal.pause()  # the CPU seconds are read off this process while it is there


def _turn(consumer: Consumer, producer: Producer, target: str, counts: Counter[bytes]) -> int:
    messages = consumer.consume(BATCH, timeout=0.1)
    finished = []
    for message in messages:
        key = message.key()
        if isinstance(key, bytes):
            counts[key] += 1
            if counts[key] == ITEMS:
                del counts[key]
                finished.append({"key": key, "value": key + FILLING, "partition": message.partition()})
    if messages:
        producer.begin_transaction()
        producer.produce_batch(target, finished)
        places = consumer.position(consumer.assignment())
        known = [place for place in places if place.offset >= 0]
        producer.send_offsets_to_transaction(known, consumer.consumer_group_metadata(), 30)
        producer.commit_transaction(30)
    return len(messages)


if __name__ == "__main__":
    main(*sys.argv[1:])
