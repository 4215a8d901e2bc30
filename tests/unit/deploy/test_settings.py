from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import ConfigurationError
from deploy.settings import Settings, redacted, redacted_url


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)


def _error(**overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(**overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_without_variables_everything_is_local() -> None:
    settings = Settings.load()
    assert (settings.kafka, settings.redis, settings.redis_url, settings.instance) == (None, None, None, None)
    assert (settings.topic_prefix, settings.partitions) == ("sluice.", 6)
    assert (settings.score_group, settings.decide_group) == ("sluice-score", "sluice-decide")
    assert settings.data_dir == Path("out/local")
    assert settings.kafka_properties == {}


def test_variables_are_read_and_an_empty_one_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_KAFKA", "one:9092,[::1]:9093")
    monkeypatch.setenv("SLUICE_REDIS", "")
    monkeypatch.setenv("SLUICE_PARTITIONS", "12")
    settings = Settings.load()
    assert (settings.kafka, settings.redis, settings.partitions) == ("one:9092,[::1]:9093", None, 12)


def test_arguments_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PARTITIONS", "12")
    assert Settings.load(partitions=3).partitions == 3


def test_properties_come_as_json_and_as_single_variables_which_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SLUICE_KAFKA_PROPERTIES", '{"linger.ms": 5, "enable.ssl.certificate.verification": false, "a": "b"}'
    )
    monkeypatch.setenv("SLUICE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("SLUICE_KAFKA__LINGER_MS", "7")
    assert Settings.load().kafka_properties == {
        "linger.ms": "7",
        "enable.ssl.certificate.verification": "false",
        "a": "b",
        "security.protocol": "SASL_SSL",
    }


@pytest.mark.parametrize("given", ["localhost", "kafka://one:9092", "one:", "one:99999", "one:9092,", "one two:1"])
def test_a_kafka_that_is_no_address_is_refused(given: str) -> None:
    text = _error(kafka=given)
    assert text.startswith("SLUICE_KAFKA is not an address. Right would be: host:port")


def test_a_container_stands_where_an_address_would() -> None:
    settings = Settings.load(kafka="container", redis="container", kafka_image="registry:5000/apache/kafka:4.3.0")
    assert (settings.kafka, settings.redis_in_container, settings.redis_url) == ("container", True, None)
    assert settings.shown()["redis"] == "container"
    assert settings.kafka_image == "registry:5000/apache/kafka:4.3.0"


def test_a_container_among_addresses_and_an_image_with_blanks_are_refused() -> None:
    assert "SLUICE_KAFKA is not an address" in _error(kafka="container,one:9092")
    assert "SLUICE_KAFKA_IMAGE is wrong" in _error(kafka_image="apache kafka")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("cache:6379", "redis://cache:6379/0"),
        ("redis://u:p@cache/1", "redis://u:p@cache/1"),
        ("rediss://cache:1", "rediss://cache:1"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
    ],
)
def test_redis_is_an_address_or_a_url(given: str, url: str) -> None:
    assert Settings.load(redis=given).redis_url == url


@pytest.mark.parametrize("given", ["cache", "http://cache:1", "redis://", "redis://cache:port", "unix://"])
def test_a_redis_that_is_no_address_is_refused(given: str) -> None:
    assert _error(redis=given).startswith("SLUICE_REDIS is not an address. Right would be: host:port")


def test_every_wrong_variable_is_named_with_what_would_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PARTITIONS", "0")
    monkeypatch.setenv("SLUICE_TOPIC_PREFIX", "a b")
    monkeypatch.setenv("SLUICE_INSTANCE", "a/b")
    monkeypatch.setenv("SLUICE_SCORE_GROUP", " ")
    lines = _error().splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == [
        "SLUICE_TOPIC_PREFIX",
        "SLUICE_PARTITIONS",
        "SLUICE_SCORE_GROUP",
        "SLUICE_INSTANCE",
    ]
    assert all("Right would be: " in line for line in lines)


def test_the_address_of_the_brokers_has_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_KAFKA__BOOTSTRAP_SERVERS", "one:9092")
    assert "which belongs in SLUICE_KAFKA" in _error()


@pytest.mark.parametrize("given", ['{"sasl.password": "hunter2"', '["hunter2"]', '{"a": {"b": "hunter2"}}'])
def test_properties_that_cannot_be_read_are_named_without_their_value(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("SLUICE_KAFKA_PROPERTIES", given)
    text = _error()
    assert text.startswith("SLUICE_KAFKA_PROPERTIES ")
    assert "Right would be: a JSON object" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "name",
    [
        "sasl.password",
        "sasl.pasword",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.certificate.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.jaas.config",
        "some.token",
        "SSL.KEYSTORE.PASSWORD",
    ],
)
def test_values_that_may_hold_a_secret_are_masked_by_name(name: str) -> None:
    assert redacted({name: "hunter2"}) == {name: "***"}


def test_values_that_may_hold_a_secret_are_masked_by_themselves() -> None:
    shown = redacted({"a": "-----BEGIN PRIVATE", "b": "user=x password=hunter2", "c": "http://u:hunter2@host/x"})
    assert shown == {"a": "***", "b": "***", "c": "http://***@host/x"}


def test_what_holds_no_secret_is_shown() -> None:
    plain = {"security.protocol": "SASL_SSL", "linger.ms": "5", "sasl.username": "me"}
    assert redacted(plain) == plain


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@cache:1/0", "redis://***@cache:1/0"),
        ("rediss://u:hun@ter2@cache:1/0", "rediss://***@cache:1/0"),
        ("redis://cache:1/0?password=hunter2&db=1", "redis://cache:1/0?password=***&db=1"),
        ("redis://cache:1/0", "redis://cache:1/0"),
        ("unix://u:hunter2@/run/a.sock", "unix://***@/run/a.sock"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert redacted_url(url) == shown


def test_no_text_of_the_settings_holds_a_secret() -> None:
    settings = Settings.load(
        redis="redis://u:hunter2@cache:1/0", kafka_properties={"sasl.password": "hunter2", "linger.ms": "5"}
    )
    for text in (repr(settings), str(settings), str(settings.shown()), f"{settings!r:>10}"):
        assert "hunter2" not in text
        assert "linger.ms" in text
        assert "cache:1" in text
    assert settings.redis_url == "redis://u:hunter2@cache:1/0"
