"""SLUICE_KAFKA=container and SLUICE_REDIS=container where they cannot be had, and what the image is told."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import cli
from deploy.brokers.container import kafka_environment
from deploy.brokers.engine import engine_version
from deploy.brokers.ladder import open_kafka, open_redis
from deploy.checks import Check
from deploy.doctor import examine
from deploy.errors import ConfigurationError, MissingPartError, SluiceError, UnreachableError
from deploy.settings import Settings

CLOSED = "tcp://127.0.0.1:1"

Open = Callable[[Settings, Path], AbstractContextManager[object]]
either = pytest.mark.parametrize("open_one", [open_kafka, open_redis], ids=["kafka", "redis"])


@pytest.fixture(autouse=True)
def _containers_where_no_engine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_KAFKA", "container")
    monkeypatch.setenv("SLUICE_REDIS", "container")
    monkeypatch.setenv("DOCKER_HOST", CLOSED)


def _refusal(open_one: Open, folder: Path) -> SluiceError:
    with pytest.raises(SluiceError) as caught, open_one(Settings.load(), folder):
        pytest.fail("it started")
    assert not list(folder.iterdir())
    return caught.value


@either
@pytest.mark.parametrize("host", [CLOSED, "unix:///nowhere/docker.sock"])
def test_without_an_engine_the_error_says_what_to_do(
    open_one: Open, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    error = _refusal(open_one, tmp_path)
    assert isinstance(error, UnreachableError)
    assert re.match(r"No container engine answers at \S+ \(docker info\): start one, or unset SLUICE_KAFKA", str(error))


@either
def test_without_testcontainers_the_error_names_the_extra(
    open_one: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "testcontainers.core.docker_client", None)  # as if it were not installed
    error = _refusal(open_one, tmp_path)
    assert isinstance(error, MissingPartError)
    assert "pip install 'sluice[container]'" in str(error)


@either
@pytest.mark.parametrize("host", ["ssh://me:hunter2@far", "tcp://10.0.0.7:2375", "far:2375"])
def test_an_engine_on_another_machine_is_refused_without_being_asked(
    open_one: Open, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    error = _refusal(open_one, tmp_path)
    assert isinstance(error, ConfigurationError)
    assert "is on another machine" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(("module", "code"), [("json", 4), ("testcontainers.core.docker_client", 3)])
def test_a_command_that_gets_no_container_has_the_exit_code_of_its_cause(
    module: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if code == MissingPartError.exit_code:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "argv", ["sluice", "topics", "check"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == code
    assert capsys.readouterr().err.startswith("sluice: ")


def test_security_settings_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    settings = Settings.load(kafka_properties={"security.protocol": "SASL_SSL"})
    with pytest.raises(ConfigurationError, match=r"security\.protocol: set, but"), open_kafka(settings, tmp_path):
        pytest.fail("it started")


# What the image is told


@given(port=st.integers(1024, 65535))
def test_clients_are_sent_to_the_loopback_and_the_broker_calls_itself_inside(port: int) -> None:
    told = kafka_environment(port, "4L6g3nShT-eMCtKgX86sww")
    advertised = dict(text.split("://") for text in told["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert advertised["PLAINTEXT"] == f"127.0.0.1:{port}"
    assert told["KAFKA_INTER_BROKER_LISTENER_NAME"] == "BROKER"
    assert f"BROKER://{advertised['BROKER']}" in told["KAFKA_LISTENERS"].split(",")


def test_a_lone_broker_needs_one_replica_and_one_acknowledgement() -> None:
    told = kafka_environment(9092, "4L6g3nShT-eMCtKgX86sww")
    alone = [value for name, value in told.items() if name.endswith(("REPLICATION_FACTOR", "MIN_ISR"))]
    assert len(alone) == 5
    assert set(alone) == {"1"}
    assert told["KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"] == "0"


# The doctor


def _rows() -> dict[str, Check]:
    return {check.name: check for check in examine().checks}


def test_the_doctor_says_that_containers_cannot_start_without_an_engine() -> None:
    rows = _rows()
    assert not examine().ready
    assert (rows["testcontainers"].status, rows["container engine"].status) == ("ok", "missing")
    assert "docker info" in rows["container engine"].advice
    for name in ("kafka", "redis"):
        assert (rows[name].status, rows[name].advice) == ("missing", "See container engine.")


def test_the_doctor_names_the_extra_where_testcontainers_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.machine.version_of", lambda name: None if name == "testcontainers" else "1")
    rows = _rows()
    assert rows["testcontainers"].advice == "Run: pip install 'sluice[container]'"
    assert rows["kafka"].advice == "See testcontainers and container engine."


def test_the_doctor_does_not_ask_for_an_engine_that_nobody_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUICE_KAFKA")
    monkeypatch.delenv("SLUICE_REDIS")
    engine = _rows()["container engine"]
    assert (engine.status, engine.required) == ("missing", False)
    assert engine.advice == "None is needed: Kafka and Valkey run locally without one."


def test_asking_for_the_engine_leaves_the_environment_as_it_was() -> None:
    with pytest.raises(UnreachableError):
        engine_version()
    assert os.environ["DOCKER_HOST"] == CLOSED
