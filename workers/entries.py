"""The bytes of a cache entry.

Layout, little endian: version (1 byte), checksum (8 bytes, BLAKE2b of all that follows), length of the header (4
bytes), header (MessagePack of metrics, reasons and sketch), embedding (float32, up to the end).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

VERSION = 3  # raised too when the same bytes are decoded in another way, so that old entries are misses
_START = struct.Struct("<B8sI")
_CHECKSUM_BYTES = 8
_NUMBER = np.dtype("<f4")


class EntryError(Exception):
    """The bytes are no intact entry."""


class StaleEntryError(EntryError):
    """The entry was written by another version of this module."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What is kept of an item: `embedding` float32 (dimension,), the cheap metrics, and how it had to be read.

    `sketch` is what frames are compared by (`metrics/frames.py`); other items have none.
    """

    embedding: NDArray[np.float32]
    metrics: dict[str, float]
    reasons: tuple[str, ...] = ()
    sketch: bytes = b""


class _Header(msgspec.Struct, array_like=True):
    metrics: dict[str, float]
    reasons: tuple[str, ...]
    sketch: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Header)


def pack(entry: Entry) -> bytes:
    """Write an entry as bytes."""
    header = _ENCODER.encode(_Header(entry.metrics, entry.reasons, entry.sketch))
    body = header + np.ascontiguousarray(entry.embedding, dtype=_NUMBER).tobytes()
    return _START.pack(VERSION, _checksum(len(header), body), len(header)) + body


def unpack(value: bytes) -> Entry:
    """Read an entry.

    Raises:
        StaleEntryError: its version byte is another.
        EntryError: it is cut, too long or altered.
    """
    if len(value) < _START.size:
        raise EntryError(f"{len(value)} bytes are too few for an entry")
    version, checksum, length = _START.unpack_from(value)
    if version != VERSION:
        raise StaleEntryError(f"entry has version {version}, not {VERSION}")
    body = value[_START.size :]
    if checksum != _checksum(length, body) or length > len(body) or (len(body) - length) % _NUMBER.itemsize:
        raise EntryError("entry fails its checksum")
    try:
        header = _DECODER.decode(body[:length])
    except msgspec.DecodeError as error:
        raise EntryError(f"entry has an unreadable header: {error}") from error
    embedding = np.frombuffer(body, dtype=_NUMBER, offset=length).astype(np.float32)
    return Entry(embedding, header.metrics, header.reasons, header.sketch)


def _checksum(length: int, body: bytes) -> bytes:
    return hashlib.blake2b(length.to_bytes(4, "little") + body, digest_size=_CHECKSUM_BYTES).digest()
