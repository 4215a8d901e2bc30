"""One container by testcontainers, with a single port on the loopback interface, from its start to its removal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, cast

from deploy.brokers.start import LOOPBACK, PortTakenError
from deploy.brokers.waiting import wait_until
from deploy.errors import BrokerError, StartError

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

_START_S: Final = 120.0  # from the start of the container; pulling its image comes before
_TAIL_LINES: Final = 15
_PORT_TAKEN: Final = ("port is already allocated", "address already in use", "ports are not available")


@dataclass(frozen=True)
class Image:
    """What to run, and where it listens inside."""

    name: str
    port: int
    environment: dict[str, str]
    options: Sequence[str] = ()


class Contained:
    """A container that is running. Leaving the context removes it."""

    def __init__(self, image: Image, port: int) -> None:
        """Name what is to run, and the port of this machine; nothing is started yet."""
        self.address = f"{LOOPBACK}:{port}"
        self._image = image
        self._container = _container(image, port)

    def start(self, ready: Callable[[], bool]) -> Contained:
        """Start it and wait until it is ready; on any failure it is removed.

        Raises:
            PortTakenError: another process took the port.
            StartError: it did not come up, or the engine refused.
        """
        with contextlib.ExitStack() as removal:
            removal.push(self)
            with _engine_errors(self._image.name):
                self._container.start()
                self._wait(ready)
            removal.pop_all()
        return self

    def _wait(self, ready: Callable[[], bool]) -> None:
        came_up = wait_until(lambda: ready() or self._has_ended(), timeout_s=_START_S)
        if self._has_ended():
            raise StartError(f"The container of {self._image.name} ended while it started.\n{self._log_tail()}")
        if not came_up:
            raise StartError(
                f"The container of {self._image.name} did not answer at {self.address} within {_START_S:.0f} s. Where "
                f"this process is in a container too, it cannot be reached: name a server instead.\n{self._log_tail()}"
            )

    def _has_ended(self) -> bool:
        self._container.reload()
        return self._container.status in {"exited", "dead", "removing"}

    def _log_tail(self) -> str:
        log = self._container.get_wrapped_container().logs(tail=_TAIL_LINES).decode(errors="replace")
        return "\n".join(["The end of its log:", *(f"  {line}" for line in log.splitlines() or ["(empty)"])])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        from docker.errors import DockerException, NotFound  # noqa: PLC0415  an optional package

        try:
            self._container.stop()  # removes it, with its data
        except NotFound:
            self._container.get_docker_client().client.close()  # somebody else removed it
        except (DockerException, OSError) as error:
            name = self._container.get_wrapped_container().name
            raise BrokerError(
                f"The container {name} could not be removed: {error}. Remove it: docker rm --force --volumes {name}"
            ) from None


def _container(image: Image, port: int) -> DockerContainer:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  an optional package

    with _engine_errors(image.name):
        container = DockerContainer(image.name, env=dict(image.environment))
    if image.options:
        container.with_command(list(image.options))
    # Its own with_bind_ports cannot name the interface; the engine's client below it can.
    cast("dict[str, Any]", container.ports)[f"{image.port}/tcp"] = (LOOPBACK, port)
    return container


@contextlib.contextmanager
def _engine_errors(image: str) -> Iterator[None]:
    """Let what the engine refuses be an error for people."""
    from docker.errors import DockerException, ImageNotFound, NotFound  # noqa: PLC0415  an optional package

    try:
        yield
    except (ImageNotFound, NotFound) as error:
        raise StartError(
            f"The image {image} cannot be had, or its container is gone: {error}. Try: docker pull {image}. Or name "
            "another image: SLUICE_KAFKA_IMAGE, SLUICE_REDIS_IMAGE."
        ) from None
    except (DockerException, OSError, RuntimeError) as error:  # testcontainers' own errors are RuntimeErrors
        if any(text in str(error).lower() for text in _PORT_TAKEN):
            raise PortTakenError from None
        raise StartError(f"The container engine could not start {image}: {error}") from None
