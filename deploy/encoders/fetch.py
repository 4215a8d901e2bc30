"""Fetching a file of weights: over HTTP or from a path, up to a size, and only with the SHA-256 that was promised.

A file arrives under the name of its hash with the ending .part. A transfer that was cut goes on there the next time.
One whose hash is wrong is removed.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import SplitResult, urlsplit, urlunsplit

from deploy.encoders.errors import FetchError
from deploy.settings import redacted_url

_CHUNK: Final = 2**20
_PATIENCE_S: Final = 30.0  # without a byte
_SPARE: Final = 256 * 2**20  # bytes that are to stay free on the disk
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NOT_FOUND, _PARTIAL, _BEYOND = 404, 206, 416


class Progress(Protocol):
    """Is told how far a transfer is."""

    def __call__(self, done: int, total: int | None) -> None:
        """Take the bytes that are there, and how many there will be where that is known."""


class AbsentError(FetchError):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where files come from: an address, or a path."""

    text: str

    @property
    def is_remote(self) -> bool:
        """Whether it is an address."""
        return "://" in self.text

    @property
    def file_name(self) -> str:
        """The name of the file itself."""
        return (urlsplit(self.text).path if self.is_remote else self.text).rstrip("/").rsplit("/", 1)[-1]

    @property
    def shown(self) -> str:
        """The source as it may be shown and kept: without user, password and arguments, which may hold secrets."""
        if not self.is_remote:
            return self.text
        parts = urlsplit(redacted_url(self.text))
        return urlunsplit(SplitResult(parts.scheme, parts.netloc.rsplit("@", 1)[-1], parts.path, "", ""))

    def beside(self, name: str) -> Source:
        """Return a file of this folder, or one beside this file where it is one of weights."""
        if not self.is_remote:
            path = Path(self.text)
            return Source(str((path if path.is_dir() else path.parent) / name))
        parts = urlsplit(self.text)
        folder = parts.path.rstrip("/")
        folder = folder.rsplit("/", 1)[0] if folder.endswith(".safetensors") else folder
        return Source(urlunsplit(parts._replace(path=f"{folder}/{name}")))


def fetch(source: Source, folder: Path, sha256: str, largest: int, progress: Progress) -> Path:
    """Bring a file into a folder, and return it, under a name that nothing else looks for.

    Args:
        source: An address that begins with http:// or https://, or a path.
        folder: Where to; made where it is missing.
        sha256: What the file must have.
        largest: Bytes, at most.
        progress: Is told of every mebibyte.

    Raises:
        AbsentError: there is no such file.
        FetchError: it cannot be reached, is too large, was cut, or has another SHA-256.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{sha256}.part"
    if part.exists() and _sha256(part) == sha256:
        return part
    transfer = _Transfer(source, part, largest, progress)
    if source.is_remote:
        transfer.download()
    else:
        transfer.copy()
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise FetchError(
            f"{source.shown} has the SHA-256 {found}, not {sha256}: it was not kept. Compare the hash with what its "
            "publisher says; where that is what you gave, the file was changed on its way"
        )
    return part


def read_small(source: Source, largest: int) -> bytes:
    """Return the bytes of a small file, such as a tokenizer.

    Raises:
        AbsentError: there is no such file.
        FetchError: it cannot be reached, or is too large.
    """
    with _reading(source, {}) as stream:
        value = _next(stream, source, 0, None, largest + 1)
    if len(value) > largest:
        raise FetchError(f"{source.shown} has more than {largest} bytes")
    return value


@dataclass(slots=True)
class _Transfer:
    """One file on its way; `done` of `total` bytes are there."""

    source: Source
    part: Path
    largest: int
    progress: Progress
    done: int = 0
    total: int | None = None

    def copy(self) -> None:
        with _reading(self.source, {}) as stream:
            self.total = Path(self.source.text).stat().st_size
            self._write(stream, "wb")

    def download(self) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        with _reading(self.source, {"Range": f"bytes={have}-"} if have else {}) as stream:
            answer: Any = stream
            self.done = have if _resumed(answer, have) else 0
            length = answer.headers.get("Content-Length")
            self.total = self.done + int(length) if length and length.isdigit() else None
            self._write(stream, "ab" if self.done else "wb")
        if self.total is not None and self.done != self.total:
            raise _cut(self.source, self.done, self.total)

    def _write(self, stream: IO[bytes], mode: str) -> None:
        self._check_size()
        with self.part.open(mode) as target:
            while chunk := _next(stream, self.source, self.done, self.total):
                self.done += len(chunk)
                if self.done > self.largest:
                    self.part.unlink()
                    raise _too_large(self.source, self.largest)
                _keep(target, chunk, self.part)
                self.progress(self.done, self.total)

    def _check_size(self) -> None:
        if self.total is None:
            return
        if self.total > self.largest:
            raise _too_large(self.source, self.largest)
        free, folder = shutil.disk_usage(self.part.parent).free, self.part.parent
        if self.total - self.done + _SPARE > free:
            told = f"{self.source.shown} has {self.total >> 20} MiB, and {free >> 20} MiB are free in {folder}"
            raise FetchError(told)


def _resumed(answer: Any, have: int) -> bool:
    """Tell whether an answer goes on where the part ends; a server that knows no ranges begins anew."""
    if not have or answer.status != _PARTIAL:
        return False
    match = _RANGE.match(answer.headers.get("Content-Range") or "")
    return match is not None and int(match[1]) == have


def _keep(target: IO[bytes], chunk: bytes, part: Path) -> None:
    try:
        target.write(chunk)
    except OSError as error:
        raise FetchError(f"{part.parent} cannot be written: {error.strerror}") from error


def _next(stream: IO[bytes], source: Source, done: int, total: int | None, size: int = _CHUNK) -> bytes:
    try:
        return stream.read(size)
    except (OSError, http.client.HTTPException) as error:
        raise _cut(source, done, total) from error


def _reading(source: Source, headers: dict[str, str]) -> IO[bytes]:
    """Open a source; what the server answered is an attribute or two of what is returned."""
    if not source.is_remote:
        return _open_path(source)
    try:
        answer: IO[bytes] = _open(source, headers)
    except urllib.error.HTTPError as error:
        if error.code == _BEYOND and headers:
            return _reading(source, {})  # what is there is not the beginning of it
        told = f"{source.shown}: the server answered {error.code} {error.reason}"
        raise (AbsentError if error.code == _NOT_FOUND else FetchError)(told) from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{source.shown} cannot be reached: {getattr(error, 'reason', error)}") from error
    return answer


def _open_path(source: Source) -> IO[bytes]:
    try:
        return Path(source.text).open("rb")
    except FileNotFoundError as error:
        raise AbsentError(f"there is no file {source.text}") from error
    except OSError as error:
        raise FetchError(f"{source.text} cannot be read: {error.strerror}") from error


def _open(source: Source, headers: dict[str, str]) -> Any:
    """Open an address. Only HTTP is understood, also behind a redirection: no file:, no ftp:."""
    if urlsplit(source.text).scheme not in {"http", "https"}:
        raise FetchError(f"{source.shown}: an address begins with https:// or http://")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(source.text, headers={"User-Agent": "sluice", **headers})  # noqa: S310
    return opener.open(request, timeout=_PATIENCE_S)


def _cut(source: Source, done: int, total: int | None) -> FetchError:
    of = f" of {total}" if total is not None else ""
    return FetchError(f"{source.shown}: the connection was cut after {done}{of} bytes. The same command goes on there")


def _too_large(source: Source, largest: int) -> FetchError:
    return FetchError(f"{source.shown} has more than {largest >> 20} MiB; --max-mebibytes allows more")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
