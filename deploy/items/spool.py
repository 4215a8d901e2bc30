"""Rows in a file that nobody else sees, and that is gone with the process: memory holds where each begins."""

from __future__ import annotations

import struct
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, Self

import msgspec

from deploy.errors import SluiceError
from deploy.items.record import Item

_LENGTH: Final = struct.Struct("<I")


class SpoolError(SluiceError):
    """The rows cannot be kept while they are put in order."""


class Spool:
    """Keeps rows by number: about 600 bytes each on disk, and 8 in memory."""

    def __init__(self) -> None:
        """Open a file in the folder for temporary files; `close` it.

        Raises:
            SpoolError: it cannot be made.
        """
        try:
            self._file = tempfile.TemporaryFile(prefix="sluice-items-")  # noqa: SIM115  closed by `close`
        except OSError as error:
            raise _refused(error) from error
        self._begins = array("q")
        self._end = 0
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Item).decode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._begins)

    def add(self, item: Item) -> None:
        """Take a row.

        Raises:
            SpoolError: the disk is full, or fails.
        """
        value = self._encode(item)
        try:
            self._file.write(_LENGTH.pack(len(value)) + value)
        except OSError as error:
            raise _refused(error) from error
        self._begins.append(self._end)
        self._end += _LENGTH.size + len(value)

    def rows(self, numbers: Iterable[int]) -> Iterator[Item]:
        """Yield rows by their numbers, in this order.

        Raises:
            SpoolError: the disk is full, or fails.
        """
        try:
            self._file.flush()
            for number in numbers:
                self._file.seek(self._begins[number])
                (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
                yield self._decode(self._file.read(length))
        except OSError as error:
            raise _refused(error) from error


def _refused(error: OSError) -> SpoolError:
    return SpoolError(
        f"items cannot be kept in {tempfile.gettempdir()} while they are put in order: {error.strerror}."
        " Name a folder with more room in TMPDIR, or ask for fewer with --where, --kind, --source, --parent or --from"
    )
