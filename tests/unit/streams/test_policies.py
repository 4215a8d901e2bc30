from __future__ import annotations

import time

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.policies import DocumentReader


class _Away(DocumentReader):
    """A reader whose brokers do not answer at first."""

    def __init__(self, failures: int) -> None:
        super().__init__({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "policies")
        self.failures = failures

    def _read_on(self, until: float) -> None:
        assert until > time.monotonic() - 1.0
        if self.failures:
            self.failures -= 1
            raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))


def test_a_partition_without_a_leader_is_tried_again() -> None:
    reader = _Away(2)
    reader.refresh(5.0)
    assert reader.failures == 0


def test_brokers_that_stay_away_are_an_error() -> None:
    with pytest.raises(KafkaException):
        _Away(10**6).refresh(0.1)
