"""The container engine of this machine, such as Docker or Podman: whether one answers, and what it says of itself."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from deploy.errors import ConfigurationError, MissingPartError, UnreachableError
from deploy.settings import redacted_url

_ANSWER_S: Final = 5.0
_USUAL_HOST: Final = "unix:///var/run/docker.sock"
_LOCAL_SCHEMES: Final = ("unix", "npipe")
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_INSTEAD: Final = (
    "unset SLUICE_KAFKA (or SLUICE_REDIS) for a local Apache Kafka (Valkey), or name a server of your own: host:port"
)


def engine_version(*, timeout_s: float = _ANSWER_S) -> str:
    """Ask the container engine for its name and version, where testcontainers would look for it.

    That is DOCKER_HOST, the docker context, or the usual socket. Nothing is pulled or started.

    Args:
        timeout_s: how long to wait for an answer, in seconds.

    Raises:
        MissingPartError: testcontainers is not installed.
        ConfigurationError: the engine is on another machine, where published ports would not be ours to reach.
        UnreachableError: no engine answers.
    """
    try:
        import docker  # noqa: PLC0415  an optional package
        from docker.errors import DockerException  # noqa: PLC0415
        from testcontainers.core.docker_client import get_docker_host  # noqa: PLC0415
    except ImportError:
        raise MissingPartError(
            f"testcontainers, which talks to the container engine, is not installed. "
            f"Run: pip install 'sluice[container]', or {_INSTEAD}"
        ) from None
    host = get_docker_host() or _USUAL_HOST
    _refuse_other_machines(host)
    try:
        _ping_socket(host)
        environment = {**os.environ, "DOCKER_HOST": host}
        with contextlib.closing(docker.from_env(timeout=timeout_s, environment=environment)) as client:
            return f"{_named(client.version())} at {_shown(host)}"
    except (DockerException, OSError) as error:
        raise UnreachableError(
            f"No container engine answers at {_shown(host)} (docker info): start one, or {_INSTEAD}. The cause: {error}"
        ) from None


def answering_socket() -> Path | None:
    """Return the usual socket at which an engine answers, without asking any package; None where none does."""
    return next((path for path in _sockets() if _answers_ping(path)), None)


def _refuse_other_machines(host: str) -> None:
    url = urlsplit(host if "://" in host else f"tcp://{host}")
    if url.scheme not in _LOCAL_SCHEMES and url.hostname not in _LOCAL_NAMES:
        raise ConfigurationError(
            f"The container engine at {_shown(host)} (DOCKER_HOST, or the docker context) is on another machine, "
            f"and ports are published on the loopback interface there. Use an engine on this machine, or {_INSTEAD}"
        )


def _shown(host: str) -> str:
    return redacted_url(host) if "@" in host else host


def _ping_socket(host: str) -> None:
    """Ask at a Unix socket before docker's client does, which leaves a socket open where nobody answers."""
    url = urlsplit(host)
    if url.scheme == "unix":
        _ping(Path(url.path))


def _named(version: dict[str, Any]) -> str:
    name = (version.get("Platform") or {}).get("Name") or "engine"
    return f"{name} {version.get('Version', '')}".strip()


def _sockets() -> list[Path]:
    named = urlsplit(os.environ.get("DOCKER_HOST", ""))
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [
        Path(named.path) if named.scheme == "unix" else None,
        Path("/var/run/docker.sock"),
        Path(runtime) / "podman" / "podman.sock" if runtime else None,
        Path("/run/podman/podman.sock"),
    ]
    return [path for path in candidates if path is not None and path.exists()]


def _answers_ping(path: Path) -> bool:
    try:
        _ping(path)
    except OSError:
        return False
    return True


def _ping(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as engine:
        engine.settimeout(1.0)
        engine.connect(str(path))
        engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
        if b" 200 " not in engine.recv(64):
            raise ConnectionError(f"what listens at {path} is no container engine")
