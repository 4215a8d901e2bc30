from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from workers.sources import dicom, html, image, nifti, pdf, text, video
from workers.sources.parent import Parent, SourceError, SourceOptions, UnsupportedFileError

_Read = Callable[..., Parent]

SUPPORTED: Final[dict[str, tuple[str, ...]]] = {
    "video": (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"),
    "volume": (".nii", ".nii.gz"),
    "series": (".dcm", ".dicom"),
    "text": (".txt", ".text", ".md", ".markdown"),
    "page": (".html", ".htm"),
    "pdf": (".pdf",),
    "picture": (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
}
"""Which suffixes are read as what. A file with another one is read as what its first bytes say."""

_READERS: Final[dict[str, _Read]] = {
    "video": video.read,
    "volume": nifti.read,
    "text": text.read,
    "page": html.read,
    "pdf": pdf.read,
    "picture": image.read,
}
_HEAD_BYTES = 4096
_DICOM_MARK = slice(128, 132)  # "DICM", after a preamble that may be anything
_FIRST_GROUPS: Final = (b"\x08\x00", b"\x00\x08", b"\x02\x00", b"\x00\x02")  # of DICOM without a preamble


def open_parent(path: Path, *, source: str = "files", options: SourceOptions | None = None) -> Parent:
    """Open a file with the reader for it. Its items are read when they are asked for.

    Raises:
        UnsupportedFileError: No reader reads such a file; the message lists what can be read.
        SourceError: The file is missing, empty or broken.
    """
    what = what_is(path)
    options = options or SourceOptions()
    if what == "series":
        return _open_series(path, source=source, options=options)
    return _READERS[what](path, source=source, options=options)


def what_is(path: Path) -> str:
    """Return which of `SUPPORTED` a file is, by its suffix or its first bytes.

    Raises:
        UnsupportedFileError: It is none of them.
        SourceError: It is missing, empty, or cannot be read.
    """
    head = _head(path)
    what = "series" if _is_series(path, head) else by_suffix(path.name.lower()) or _by_content(head)
    if what in {"text", "page"} and b"\0" in head and not head.startswith(text.UTF_16_MARKS):
        what = None
    if what is None and dicom.is_dicom(path):  # some old ones have no preamble
        what = "series"
    if what is None:
        known = "; ".join(f"{name}: {' '.join(suffixes)}" for name, suffixes in SUPPORTED.items())
        raise UnsupportedFileError(path, f"not a file that can be read. Supported are {known}")
    return what


def _is_series(path: Path, head: bytes) -> bool:
    """Tell whether it is DICOM, whatever it is called: as a picture or text it would be sent with its headers."""
    return head[_DICOM_MARK] == b"DICM" or (head.startswith(_FIRST_GROUPS) and dicom.is_dicom(path))


def _open_series(path: Path, *, source: str, options: SourceOptions) -> Parent:
    found = dicom.find_series([path], source=source, options=options)
    for problem in found.problems:
        raise problem
    if not found.parents:
        raise SourceError(path, f"holds no slice to be judged: {'; '.join(found.skipped)}")
    if len(found.parents) > 1:
        raise SourceError(path, f"holds {len(found.parents)} series, and only one can be opened here: publish the file")
    return found.parents[0]()


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


def by_suffix(name: str) -> str | None:
    """Return which of `SUPPORTED` a file's name in lower case says that it is."""
    return next((what for what, suffixes in SUPPORTED.items() if name.endswith(suffixes)), None)


def _by_content(head: bytes) -> str | None:
    if head[4:8] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3") or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "video"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")):
        return "picture"
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "page"
    return None  # a volume too: nibabel itself goes by the name
