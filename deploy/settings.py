"""The settings of every command, from variables that begin with SLUICE_."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from deploy.errors import ConfigurationError

PREFIX: Final = "SLUICE_"
PROPERTY_PREFIX: Final = "SLUICE_KAFKA__"
MASK: Final = "***"
CONTAINER: Final = "container"  # in the place of an address: one that runs in a container while the command lasts

_SECRET_NAME = re.compile(
    r"pass?w|passphrase|pwd|secret|key|token|jaas|oauth|credential|assertion|\.pem$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"-----BEGIN|\bpassword\s*=", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_REDIS_SCHEMES = ("redis", "rediss", "unix")


def redacted(properties: Mapping[str, object]) -> dict[str, str]:
    """Return the properties as they may be shown: whatever may hold a secret is masked, by name and by value."""
    return {name: _redacted_value(name, str(value)) for name, value in properties.items()}


def redacted_url(url: str) -> str:
    """Return an address as it may be shown: without user, password, and secret query arguments."""
    parts = urlsplit(_USER_INFO.sub(MASK + "@", url))
    query = urlencode([(k, MASK if _SECRET_NAME.search(k) else v) for k, v in parse_qsl(parts.query)], safe="*/")
    return parts._replace(query=query).geturl()


def _redacted_value(name: str, value: str) -> str:
    if _SECRET_NAME.search(name) or _SECRET_VALUE.search(value):
        return MASK
    return redacted_url(value) if "://" in value else value


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 < int(match[2]) < 65536  # noqa: PLR2004  the number of TCP ports


def _folders(value: object) -> object:
    """Split a list of folders as PATH is split."""
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


def _names(value: object) -> object:
    """Split a list of names at commas and blanks."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _property_text(value: object) -> object:
    """Let JSON say 5 and true where librdkafka wants text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_Level = Annotated[float, Field(gt=0.0, lt=1.0)]


class _PropertySource(PydanticBaseSettingsSource):
    """Reads SLUICE_KAFKA__SECURITY_PROTOCOL=... as the property security.protocol."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: this source works on all variables at once."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name[len(PROPERTY_PREFIX) :].lower().replace("_", "."): value
            for name, value in sorted(os.environ.items())
            if name.upper().startswith(PROPERTY_PREFIX)
        }
        return {"kafka_properties": found} if found else {}


class Settings(BaseSettings):
    """What a command needs to know. The description of a field says what would be right, and stands in its error."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # a value may be a secret
        validate_default=False,
    )

    kafka: str | None = Field(
        default=None,
        description="host:port (more than one with commas), 'container' for one in a container, or unset for a local "
        "Apache Kafka",
    )
    kafka_image: str | None = Field(
        default=None,
        pattern=r"^\S{1,300}$",
        description="an image of Apache Kafka for SLUICE_KAFKA=container, such as registry:5000/apache/kafka:4.3.0",
    )
    kafka_properties: dict[str, Annotated[str, BeforeValidator(_property_text)]] = Field(
        default_factory=dict,
        description='a JSON object of librdkafka properties, such as {"security.protocol": "SASL_SSL"}; '
        "or one variable each, such as SLUICE_KAFKA__SECURITY_PROTOCOL=SASL_SSL",
    )
    redis: SecretStr | None = Field(
        default=None,
        description="host:port, or an address that begins with redis://, rediss:// or unix://, "
        "or 'container' for one in a container, or unset for a local Valkey",
    )
    redis_image: str | None = Field(
        default=None,
        pattern=r"^\S{1,300}$",
        description="an image of Valkey or Redis for SLUICE_REDIS=container, such as registry:5000/valkey/valkey:9.1",
    )
    topic_prefix: str = Field(
        default="sluice.",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="at most 100 letters, digits, dots, dashes and underscores, such as 'sluice.'",
    )
    partitions: int = Field(default=6, ge=1, le=10_000, description="a whole number from 1 to 10000, such as 6")
    score_group: str = Field(
        default="sluice-score", pattern=r"^\S{1,200}$", description="a consumer group's name without blanks"
    )
    decide_group: str = Field(
        default="sluice-decide", pattern=r"^\S{1,200}$", description="a consumer group's name without blanks"
    )
    instance: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="this replica's stable name: letters, digits, dots, dashes and underscores, such as decide-0",
    )
    data_dir: Path = Field(default=Path("out/local"), description="a folder that may be written")
    encoders: Path | None = Field(
        default=None,
        description="a folder of encoders that `sluice encoder add` may write; unset, encoders in SLUICE_DATA_DIR",
    )
    privacy_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="at least 16 characters that nobody can guess, the same wherever the same series is to get the "
        "same parent id; or unset for a key that is made once, in SLUICE_DATA_DIR",
    )
    claim_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_folders)] = Field(
        default=(),
        description=f"folders that claim checks may name, as absolute paths with {os.pathsep!r} between them; "
        "unset, every claim check is refused",
    )
    claim_dir: Path | None = Field(
        default=None,
        description="a folder for what is too large for a message; workers need it among their SLUICE_CLAIM_ROOTS",
    )

    metrics: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^-?[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")], ...],
        NoDecode,
        BeforeValidator(_names),
    ] = Field(
        default=(),
        description="names of optional metrics to measure, and -name of metrics to leave out, with commas between "
        "them, such as perplexity,-spike; unset, all but the optional ones",
    )
    decide_mebibytes: int = Field(
        default=1_536,
        ge=64,
        description="about how much memory the windows and remembered decisions of a decider may take, in MiB, such as "
        "1536: each partition has an equal share of it, and above that its oldest windows go to review",
    )
    head_store: Path | None = Field(
        default=None,
        description="a folder that `sluice promote` may write and all workers can read, for heads that were promoted; "
        "unset, head-store in SLUICE_DATA_DIR",
    )
    follow_releases: bool = Field(
        default=False,
        description="true, so that workers score with the heads that were promoted last, or false, so that they keep "
        "those of --heads",
    )
    max_step: float = Field(
        default=0.1,
        gt=0.0,
        le=1.0,
        description="how far one promotion may move a threshold of the policy, such as 0.1",
    )
    required_cases: Path | None = Field(
        default=None,
        description="the test cases (YAML) that each promotion has to pass; unset, each brings cases of its own",
    )
    max_risk: Annotated[tuple[_Level, _Level], NoDecode, BeforeValidator(_names)] = Field(
        default=(0.2, 0.2),
        description="the largest alpha and delta that a calibration may have to vouch for a promotion, with a comma "
        "between them, such as 0.2,0.2",
    )
    skip_decided: bool = Field(
        default=True,
        description="true, so that workers follow the decisions and score no more items of a parent that was decided "
        "early, or false",
    )
    canary_seconds: float = Field(
        default=60.0,
        ge=0.0,
        le=3600.0,
        description="at least how often canaries of each kind are scored, in seconds up to 3600, such as 60; 0 for "
        "never, and then nothing watches the model",
    )
    canary_policy: Literal["hold", "revise", "off"] = Field(
        default="hold",
        description="hold, so that scores wait until canaries passed after them; revise, so that they do not wait, and "
        "are withdrawn and given again where canaries fail; or off, so that a failed canary is an alarm only",
    )
    canary_hold_seconds: float = Field(
        default=2.0,
        ge=0.0,
        le=600.0,
        description="how long a score waits, at most, before canaries are scored for it, in seconds such as 2",
    )
    grace_seconds: float = Field(
        default=25.0,
        ge=1.0,
        le=3600.0,
        description="how long a process may take to leave once it is told to, in seconds from 1 to 3600, such as 25",
    )
    http_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="a port on the loopback interface for /healthz, /readyz and /metrics, 0 for a free one, which is "
        "logged, or unset for none",
    )
    monitor_window_seconds: float = Field(
        default=60.0,
        ge=1.0,
        le=86_400.0,
        description="how long a window of the monitor is, in seconds from 1 to 86400, such as 60",
    )
    monitor_windows: int = Field(
        default=60, ge=2, le=1440, description="how many windows the monitor keeps, from 2 to 1440, such as 60"
    )
    monitor_min_decisions: int = Field(
        default=20,
        ge=1,
        description="how many decisions a window must have before its pass rate can be an alarm, such as 20",
    )
    log: Literal["auto", "json", "plain"] = Field(
        default="auto", description="json, plain, or auto: plain on a terminal and json anywhere else"
    )

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment; arguments win over it.

        Raises:
            ConfigurationError: a value is wrong. The text names each variable and what would be right, never the value.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from None
        except SettingsError as error:
            # Its text names the field whose JSON cannot be read; its cause holds the value, which may be a secret.
            names = [name for name in cls.model_fields if f'"{name}"' in str(error)]
            raise ConfigurationError(_complaint(names[0] if names else "", "is not valid JSON")) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then single properties, then the other variables; no .env file."""
        del dotenv_settings, file_secret_settings
        return init_settings, _PropertySource(settings_cls), env_settings

    @field_validator("kafka")
    @classmethod
    def _check_kafka(cls, value: str | None) -> str | None:
        addresses = [] if value in {None, CONTAINER} else str(value).split(",")
        if not all(_is_address(part.strip()) for part in addresses):
            raise ValueError("is not an address")
        return value

    @field_validator("kafka_properties")
    @classmethod
    def _check_properties(cls, value: dict[str, str]) -> dict[str, str]:
        if {"bootstrap.servers", "metadata.broker.list"} & value.keys():
            raise ValueError("holds the brokers' address, which belongs in SLUICE_KAFKA")
        if "" in value:
            raise ValueError("holds a property without a name")
        if value.get("group.protocol", "classic") != "classic":
            # its epochs move without an assignment, so metadata taken with the assignment would be refused for ever
            raise ValueError("asks for another group protocol; the loops work with group.protocol=classic so far")
        return value

    @field_validator("redis")
    @classmethod
    def _check_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        text = value.get_secret_value()
        if text != CONTAINER and not _is_address(text) and not _is_redis_url(text):
            raise ValueError("is not an address")
        return value

    @property
    def encoder_folder(self) -> Path:
        """Where the encoders lie that were added."""
        return self.encoders or self.data_dir / "encoders"

    @property
    def head_store_folder(self) -> Path:
        """Where the heads lie that were promoted."""
        return self.head_store or self.data_dir / "head-store"

    @property
    def redis_in_container(self) -> bool:
        """Whether a Valkey in a container is asked for."""
        return self.redis is not None and self.redis.get_secret_value() == CONTAINER

    @property
    def redis_url(self) -> str | None:
        """The given address of Redis as a URL, password included: never log it (`redacted_url` is for that)."""
        if self.redis is None or self.redis_in_container:
            return None
        text = self.redis.get_secret_value()
        return text if "://" in text else f"redis://{text}/0"

    def secret_values(self) -> tuple[str, ...]:
        """Return what must never be written anywhere, for a filter over what is written."""
        masked = redacted(self.kafka_properties)
        found = [value for name, value in self.kafka_properties.items() if masked[name] == MASK]
        found += [self.privacy_key.get_secret_value()] if self.privacy_key else []
        parts = urlsplit(self.redis_url or "")
        found += [parts.password or "", unquote(parts.password or "")]
        found += [value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name)]
        return tuple(dict.fromkeys(filter(None, found)))

    def shown(self) -> dict[str, str]:
        """Return the settings as text that may be logged."""
        plain = {
            name: str(getattr(self, name))
            for name in type(self).model_fields
            if name not in {"kafka_properties", "redis"}
        }
        url = self.redis_url
        return {
            **plain,
            "kafka_properties": str(redacted(self.kafka_properties)),
            "redis": CONTAINER if self.redis_in_container else str(url and redacted_url(url)),
        }

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return list(self.shown().items())


def _is_redis_url(text: str) -> bool:
    try:
        parts: SplitResult = urlsplit(text)
        _ = parts.port  # raises when it is not a number
    except ValueError:
        return False
    return parts.scheme in _REDIS_SCHEMES and bool(parts.path if parts.scheme == "unix" else parts.hostname)


def _explain(error: ValidationError) -> str:
    return "\n".join(_complaint(*_place_and_reason(detail)) for detail in error.errors(include_input=False))


def _place_and_reason(detail: Any) -> tuple[str, str]:
    reason = str(detail["msg"]).removeprefix("Value error, ")
    reason = reason if detail["type"] == "value_error" else f"is wrong: {reason[:1].lower()}{reason[1:]}"
    return str(detail["loc"][0]) if detail["loc"] else "", reason


def _complaint(field: str, reason: str) -> str:
    known = Settings.model_fields.get(field)
    advice = f" Right would be: {known.description}." if known else ""
    return f"{PREFIX}{field.upper()} {reason}.{advice}"
