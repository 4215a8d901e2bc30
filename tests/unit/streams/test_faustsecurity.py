"""The view's client logs in as the others do, or says that it cannot."""

from __future__ import annotations

import ssl

import pytest
from faust.auth import SASLCredentials, SSLCredentials

from streams.faustsecurity import UnsupportedSecurityError, credentials

_USER = {"sasl.username": "view", "sasl.password": "secret-word"}


def test_nothing_is_asked_for() -> None:
    assert credentials({"bootstrap.servers": "a:9092", "linger.ms": "5"}) is None


@pytest.mark.parametrize("name", ["sasl.mechanism", "sasl.mechanisms"])
def test_a_user_with_a_password_over_tls(name: str) -> None:
    found = credentials({"security.protocol": "sasl_ssl", name: "SCRAM-SHA-512", **_USER})
    assert isinstance(found, SASLCredentials)
    assert (found.protocol.value, found.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (found.username, found.password) == ("view", "secret-word")
    assert found.ssl_context is not None
    assert found.ssl_context.check_hostname
    assert found.ssl_context.verify_mode == ssl.CERT_REQUIRED


def test_tls_checks_the_host_unless_told_not_to() -> None:
    found = credentials({"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "none"})
    assert isinstance(found, SSLCredentials)
    assert not found.context.check_hostname
    assert found.context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "properties",
    [
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
        {"security.protocol": "SASL_PLAINTEXT"},
        {"security.protocol": "SSL", "ssl.keystore.password": "secret-word"},
    ],
)
def test_what_this_client_cannot_do_is_named_without_its_value(properties: dict[str, str]) -> None:
    with pytest.raises(UnsupportedSecurityError, match=r"sasl.mechanism|ssl.keystore.password") as caught:
        credentials(properties | _USER)
    assert "secret-word" not in str(caught.value)
