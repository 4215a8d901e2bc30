from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from workers.sources import image, nifti, text, video
from workers.sources.parent import Parent, SourceError, SourceOptions, UnsupportedFileError

_Read = Callable[..., Parent]

SUPPORTED: Final[dict[str, tuple[str, ...]]] = {
    "video": (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"),
    "volume": (".nii", ".nii.gz"),
    "document": (".txt", ".text", ".md", ".markdown"),
    "picture": (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
}
"""Which suffixes are read as what. A file with another one is read as what its first bytes say."""

_READERS: Final[dict[str, _Read]] = {
    "video": video.read,
    "volume": nifti.read,
    "document": text.read,
    "picture": image.read,
}
_HEAD_BYTES = 4096


def open_parent(path: Path, *, source: str = "files", options: SourceOptions | None = None) -> Parent:
    """Open a file with the reader for it. Its items are read when they are asked for.

    Raises:
        UnsupportedFileError: No reader reads such a file; the message lists what can be read.
        SourceError: The file is missing, empty or broken.
    """
    head = _head(path)
    what = _by_suffix(path.name.lower()) or _by_content(head)
    if what is None or (what == "document" and b"\0" in head):
        known = "; ".join(f"{name}: {' '.join(suffixes)}" for name, suffixes in SUPPORTED.items())
        raise UnsupportedFileError(path, f"not a file that can be read. Supported are {known}")
    return _READERS[what](path, source=source, options=options or SourceOptions())


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise UnsupportedFileError(path, "is a folder; name the files in it")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from error
    if not head:
        raise SourceError(path, "the file is empty")
    return head


def _by_suffix(name: str) -> str | None:
    return next((what for what, suffixes in SUPPORTED.items() if name.endswith(suffixes)), None)


def _by_content(head: bytes) -> str | None:
    if head[4:8] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3") or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "video"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")):
        return "picture"
    return None  # a volume too: nibabel itself goes by the name
