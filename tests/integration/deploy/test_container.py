"""Kafka and Valkey in containers: what is asked of the engine, and, where one answers, the real thing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs forget the export
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID

from deploy.brokers.container import KAFKA_IMAGE, VALKEY_IMAGE, container_valkey
from deploy.brokers.engine import engine_version
from deploy.brokers.ladder import open_kafka, open_redis, redis_version
from deploy.errors import SluiceError, StartError
from deploy.settings import Settings
from tests.integration.deploy.engine import Engine, Program, ends_at_once, engine, kafka, valkey

Serve = Callable[[dict[str, Program]], Engine]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Let a stand-in be the engine, and see that it has nothing left at the end."""
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)  # the stand-in has no image of the reaper
    with contextlib.ExitStack() as stack:

        def start(programs: dict[str, Program]) -> Engine:
            address, stand_in = stack.enter_context(engine(tmp_path, programs))
            monkeypatch.setenv("DOCKER_HOST", address)
            stack.callback(lambda: _nothing_left(stand_in))
            return stand_in

        yield start


def _nothing_left(stand_in: Engine) -> None:
    assert not stand_in.here


def _settings() -> Settings:
    return Settings.load(kafka="container", redis="container", kafka_properties={}, kafka_image=None, redis_image=None)


def _one_transaction(properties: dict[str, Any]) -> list[bytes | None]:
    """Commit one transaction, and return what a reader of committed records finds."""
    with AdminClient(properties) as admin:
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(30)
    producer = Producer({**properties, "transactional.id": "one"})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce("t", b"decided")
    producer.commit_transaction(60)
    settings = {**properties, "group.id": "g", "isolation.level": "read_committed"}
    with contextlib.closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition("t", 0, 0)])
        return [message.value() for message in consumer.consume(1, 30)]


@pytest.mark.kafka
def test_the_image_of_kafka_is_told_what_a_transaction_needs(serve: Serve, tmp_path: Path) -> None:
    stand_in = serve({KAFKA_IMAGE: kafka})
    with open_kafka(_settings(), tmp_path / "unused") as address:
        assert address.origin == "container"
        assert _one_transaction(dict(address.properties)) == [b"decided"]
        (box,) = stand_in.here.values()
        assert box.published == {"9092/tcp": [{"HostIp": "127.0.0.1", "HostPort": address.bootstrap.split(":")[1]}]}
    assert not (tmp_path / "unused").exists()


@pytest.mark.kafka
def test_valkey_is_published_on_the_loopback_and_removed_with_its_context(serve: Serve, tmp_path: Path) -> None:
    stand_in = serve({VALKEY_IMAGE: valkey})
    with open_redis(_settings(), tmp_path / "unused") as address:
        assert address.origin == "container"
        assert redis_version(address.url).startswith("valkey ")
        (box,) = stand_in.here.values()
        ((inside, (binding,)),) = box.published.items()
        assert (inside, binding["HostIp"]) == ("6379/tcp", "127.0.0.1")
    assert not stand_in.here


@pytest.mark.kafka
def test_a_port_that_is_taken_meanwhile_is_left_for_another(serve: Serve) -> None:
    stand_in = serve({VALKEY_IMAGE: valkey})
    stand_in.refuse_starts = ["driver failed: Bind for 127.0.0.1 failed: port is already allocated"]
    with container_valkey() as url:
        assert redis_version(url)
    first, second = [box.published["6379/tcp"][0]["HostPort"] for box in stand_in.made]
    assert first != second


def test_an_image_of_ones_own_is_asked_for_and_named_when_it_cannot_be_had(serve: Serve) -> None:
    stand_in = serve({})
    with pytest.raises(StartError, match=r"(?s)registry:5000/valkey:1 cannot be had.*SLUICE_REDIS_IMAGE"):
        container_valkey("registry:5000/valkey:1").__enter__()
    assert not stand_in.made


def test_a_container_that_ends_at_once_is_removed_and_its_last_words_are_told(serve: Serve) -> None:
    stand_in = serve({VALKEY_IMAGE: ends_at_once})
    with pytest.raises(StartError, match=r"(?s)ended while it started.*no space left"):
        container_valkey().__enter__()
    assert len(stand_in.made) == 1


def test_what_the_engine_refuses_is_told_and_nothing_is_left(serve: Serve) -> None:
    stand_in = serve({VALKEY_IMAGE: valkey})
    stand_in.refuse_starts = ["cgroups: cannot enter"]
    with pytest.raises(StartError, match=r"could not start valkey/valkey.*cgroups: cannot enter"):
        container_valkey().__enter__()
    assert len(stand_in.made) == 1


@pytest.mark.kafka
def test_a_container_that_somebody_else_removed_is_no_error(serve: Serve) -> None:
    stand_in = serve({VALKEY_IMAGE: valkey})
    with container_valkey():
        (name,) = stand_in.here
        stand_in.answer("DELETE", ["containers", name], {})


# A real engine


@pytest.fixture
def real_engine() -> Iterator[Any]:
    """Give a client of the container engine of this machine, with the images there; skip where it has none."""
    try:
        engine_version()
    except SluiceError as error:
        pytest.skip(f"no container engine: {str(error).splitlines()[0]}")
    with contextlib.closing(DockerClient().client) as client:
        for image in (KAFKA_IMAGE, VALKEY_IMAGE, testcontainers_config.ryuk_image):
            _have(client, image)
        yield client


def _have(client: Any, image: str) -> None:
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415

    try:
        client.images.get(image)
    except ImageNotFound:
        try:
            client.images.pull(image)
        except (DockerException, OSError) as error:
            pytest.skip(f"the container engine cannot pull {image}: {error}")


@pytest.mark.kafka
def test_a_real_engine_runs_both_and_keeps_neither(real_engine: Any, tmp_path: Path) -> None:
    with open_kafka(_settings(), tmp_path) as broker, open_redis(_settings(), tmp_path) as cache:
        assert _one_transaction(dict(broker.properties)) == [b"decided"]
        assert redis_version(cache.url).startswith("valkey ")
        running = _ours(real_engine)
        assert len(running) >= 2
        published = [bound for box in running for bounds in box.ports.values() for bound in bounds or ()]
        assert {bound["HostIp"] for bound in published} == {"127.0.0.1"}, json.dumps(published)
    ours = {broker.bootstrap, cache.url.removeprefix("redis://").removesuffix("/0")}
    left = [bound for box in _ours(real_engine) for bounds in box.ports.values() for bound in bounds or ()]
    assert ours.isdisjoint(f"{bound['HostIp']}:{bound['HostPort']}" for bound in left)


def _ours(client: Any) -> list[Any]:
    found = client.containers.list(all=True, filters={"label": f"{LABEL_SESSION_ID}={SESSION_ID}"})
    return list(found)
