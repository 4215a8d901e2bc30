"""Reads files that claim checks name, and none outside of the folders that were allowed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote_to_bytes

from workers.media import UndecodableError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # opening a pipe must not wait for its other end
_LINK = frozenset({errno.ELOOP, errno.EMLINK})  # what O_NOFOLLOW says of a symlink; EMLINK on BSD


class ClaimError(UndecodableError):
    """A claim check whose bytes cannot be had, or may not be."""


class FileClaims:
    """Reads `file:` URIs below roots.

    A path is judged before anything is opened, with its symlinks resolved, so that an answer tells nothing of what is
    outside. Then it is opened folder by folder from the root's own descriptor, without following any symlink: one that
    was put there in between is met, and refused.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        """Name the roots.

        Raises:
            ValueError: one is no folder, or is not given as an absolute path.
        """
        for root in roots:
            if not root.is_absolute() or not root.is_dir():
                raise ValueError(f"{root} is no folder, or its path is not absolute")
        self._roots = [Path(os.path.realpath(root)) for root in roots]

    def read(self, uri: SplitResult, max_bytes: int) -> bytes:
        """Return the bytes of the file that a URI names.

        Raises:
            ClaimError: "claim_refused", "claim_missing" or "claim_too_large".
        """
        path = _local_path(uri)
        real = Path(os.path.realpath(path))
        root = next((root for root in self._roots if real != root and real.is_relative_to(root)), None)
        if root is None:
            raise ClaimError("claim_refused", f"{path!r} is outside of the folders that claim checks may name")
        try:
            with _opened(root, real.relative_to(root).parts) as file:
                return _content(file, path, max_bytes)
        except OSError as error:
            if error.errno in _LINK:
                raise ClaimError("claim_refused", f"{path!r} was replaced by a symlink while it was opened") from error
            raise ClaimError("claim_missing", f"{path!r} cannot be read: {error.strerror}") from error


def _local_path(uri: SplitResult) -> str:
    """Return the path of a `file:` URI (RFC 8089), percent-decoded.

    Raises:
        ClaimError: "claim_refused" for one of another host, a relative one, or one with a step back up.
    """
    shown = uri.geturl()
    if uri.netloc.lower() not in {"", "localhost"} or uri.query or uri.fragment:
        raise ClaimError("claim_refused", f"{shown!r} is no plain path on this machine: write file:///FOLDER/FILE")
    path = os.fsdecode(unquote_to_bytes(uri.path))
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ClaimError("claim_refused", f"{shown!r} is not absolute, or has '..' or a zero byte in it")
    return path


@contextmanager
def _opened(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open a file below a root, meeting no symlink on the way."""
    held = [os.open(root, _FOLDER)]
    try:
        for part in parts[:-1]:
            held.append(os.open(part, _FOLDER, dir_fd=held[-1]))
        held.append(os.open(parts[-1], _FILE, dir_fd=held[-1]))
        yield held[-1]
    finally:
        for descriptor in held:
            with suppress(OSError):
                os.close(descriptor)


def _content(file: int, path: str, max_bytes: int) -> bytes:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise ClaimError("claim_refused", f"{path!r} is no regular file")
    if found.st_size > max_bytes:
        raise ClaimError("claim_too_large", f"{path!r} has {found.st_size} bytes, more than the limit of {max_bytes}")
    with os.fdopen(os.dup(file), "rb") as stream:
        return stream.read(found.st_size)  # where it grows meanwhile, its hash tells
