"""Messages between a process and its child: a length of eight bytes, then msgpack.

No pickle: a library that a document has taken over must not be able to run anything in the parent.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any, Final, TypeVar

import msgspec

_LENGTH: Final = struct.Struct(">Q")
_LARGEST: Final = 1 << 32  # bytes: what a broken child announces must not fill its parent's memory

T = TypeVar("T")


class Request(msgspec.Struct, array_like=True, frozen=True):
    """What the child is to do, and what it may take for it. `arguments` are numbers, strings and bytes."""

    operation: str
    arguments: tuple[Any, ...]
    seconds: float
    memory: int


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """A value; or the name of an error and what it says. `held` is what the child has mapped, in bytes."""

    value: Any = None
    error: str = ""
    details: tuple[Any, ...] = ()
    held: int = 0


_ENCODER: Final = msgspec.msgpack.Encoder()


def frame(message: Request | Reply) -> bytearray:
    """Return a message as it is sent."""
    framed = bytearray(_LENGTH.size)
    _ENCODER.encode_into(message, framed, _LENGTH.size)
    _LENGTH.pack_into(framed, 0, len(framed) - _LENGTH.size)
    return framed


def send(connection: socket.socket, framed: bytearray, until: float | None = None) -> None:
    """Send a message.

    Args:
        connection: One end of a pair of stream sockets.
        framed: What `frame` returned.
        until: When to give up, in monotonic seconds.

    Raises:
        TimeoutError: It is later than `until`.
        EOFError: The other end is closed.
    """
    try:
        _wait_until(connection, until)
        connection.sendall(framed)  # its timeout is for all of it
    except ConnectionError as error:
        raise EOFError from error


def receive(connection: socket.socket, kind: type[T], until: float | None = None) -> T:
    """Return the next message, decoded as `kind`; otherwise as `send`.

    Raises:
        TimeoutError: It is later than `until`.
        EOFError: The other end is closed, or sends what is no message.
    """
    try:
        (size,) = _LENGTH.unpack(_read(connection, _LENGTH.size, until))
        if size > _LARGEST:
            raise EOFError(f"a message of {size} bytes")
        return msgspec.msgpack.decode(_read(connection, size, until), type=kind)
    except (ConnectionError, msgspec.MsgspecError) as error:
        raise EOFError from error


def _read(connection: socket.socket, size: int, until: float | None) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        _wait_until(connection, until)
        read = connection.recv_into(view)
        if not read:
            raise EOFError
        view = view[read:]
    return buffer


def _wait_until(connection: socket.socket, until: float | None) -> None:
    if until is None:
        connection.settimeout(None)
        return
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
