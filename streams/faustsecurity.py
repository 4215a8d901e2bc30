"""librdkafka's security properties, as faust and the client underneath it want them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from faust.auth import SASLCredentials, SSLCredentials

_MECHANISMS: Final = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
_KNOWN: Final = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
    }
)
_SECURITY: Final = ("security.", "sasl.", "ssl.", "enable.ssl.")


class UnsupportedSecurityError(Exception):
    """The view's client cannot do what a property asks for; the text names the property, never its value."""


def credentials(properties: Mapping[str, object]) -> SASLCredentials | SSLCredentials | None:
    """Return what faust needs to log in, or None where nothing is asked for.

    Raises:
        UnsupportedSecurityError: a mechanism or property that this client has no counterpart of.
        OSError: a certificate or key file cannot be read; `ssl.SSLError` is one.
    """
    given = {name: str(value) for name, value in properties.items() if name.startswith(_SECURITY)}
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise UnsupportedSecurityError(f"{', '.join(unknown)}: the monitor's Kafka client has no such property")
    protocol = given.get("security.protocol", "plaintext").upper()
    context = _context(given) if protocol in {"SSL", "SASL_SSL"} else None
    if protocol.startswith("SASL_"):
        return _sasl(given, context)
    return None if context is None else SSLCredentials(context)


def _sasl(given: Mapping[str, str], context: ssl.SSLContext | None) -> SASLCredentials:
    mechanism = given.get("sasl.mechanism", given.get("sasl.mechanisms", "GSSAPI")).upper()
    if mechanism not in _MECHANISMS:
        raise UnsupportedSecurityError(
            f"sasl.mechanism: the monitor's Kafka client logs in with {', '.join(sorted(_MECHANISMS))} alone"
        )
    return SASLCredentials(
        username=given.get("sasl.username", ""),
        password=given.get("sasl.password", ""),
        mechanism=mechanism,
        ssl_context=context,
    )


def _context(given: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=given.get("ssl.ca.location"), cadata=given.get("ssl.ca.pem"))
    if given.get("ssl.endpoint.identification.algorithm", "https").lower() in {"none", ""}:
        context.check_hostname = False
    if given.get("enable.ssl.certificate.verification", "true").lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # as librdkafka does where somebody asks for it
    if "ssl.certificate.location" in given:
        context.load_cert_chain(
            given["ssl.certificate.location"], given.get("ssl.key.location"), given.get("ssl.key.password")
        )
    return context
