from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.brokers.ladder import KafkaAddress, RedisAddress, open_kafka, open_redis
from deploy.settings import Settings


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaAddress]:
    """One Kafka for all tests: that of SLUICE_KAFKA, one in a container where it says so, or a local one."""
    with open_kafka(Settings.load(), tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisAddress]:
    """One Redis for all tests: that of SLUICE_REDIS, one in a container where it says so, or a local Valkey."""
    with open_redis(Settings.load(), tmp_path_factory.mktemp("valkey")) as address:
        yield address
