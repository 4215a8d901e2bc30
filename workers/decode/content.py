"""What an item's bytes are, by their beginning, beside what its content type says that they are."""

from __future__ import annotations

import codecs
import re
from typing import Final

from schemas.items import RawItem
from workers.decode.limits import UNDECLARED, media_type
from workers.media import UndecodableError

_ANY_PICTURE: Final = "image/*"
_TEXT: Final = "text/plain"
_PROBE_BYTES: Final = 4096

_SIGNATURES: Final = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"BM.{4}\0\0\0\0", "image/bmp"),
        (rb"II[*+]\0|MM\0[*+]", "image/tiff"),
        (rb"RIFF.{4}WEBP", "image/webp"),
        (rb".{4}ftypavi[fs]", "image/avif"),
        (rb".{4}ftyp(hei|hev|mif)", "image/heic"),
        (rb".{4}ftyp", "video/mp4"),
        (rb"\x1a\x45\xdf\xa3", "video/x-matroska"),
        (rb"RIFF.{4}AVI ", "video/x-msvideo"),
        (rb"%PDF-", "application/pdf"),
        (rb"PK\x03\x04", "application/zip"),
        (rb"\x1f\x8b\x08", "application/gzip"),
        (rb".{128}DICM", "application/dicom"),
        (rb"(?i:\s*<(!doctype html|html|head|body)\b)", "text/html"),
    )
)
_READ_HERE: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff", "image/webp"})
_ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/tif": "image/tiff",
}
_NEVER_TEXT: Final = ("image/", "video/", "audio/")
_NO_TEXT: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")  # control characters but white space and escape


def recognised(value: bytes) -> str | None:
    """Return the media type that the first bytes show, or None where they show none."""
    return next((name for signature, name in _SIGNATURES if signature.match(value)), None)


def is_text(value: bytes) -> bool:
    """Return whether bytes are plainly UTF-8 text."""
    start = value[:_PROBE_BYTES]
    if _NO_TEXT.search(start):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # incremental: the probe may cut a character
    except UnicodeDecodeError:
        return False
    return True


def check_picture(item: RawItem) -> tuple[str, ...]:
    """Say how a picture has to be read where another format is declared: "read_as_jpeg" and the like.

    Raises:
        UndecodableError: "wrong_content_type" where the bytes are another kind of thing than declared,
            "unsupported_content_type" where they are declared something that is not read as a picture here.
    """
    declared = _ALIASES.get(media_type(item), media_type(item))
    actual = recognised(item.value)
    if actual in _READ_HERE:
        if declared in {actual, UNDECLARED, _ANY_PICTURE}:
            return ()
        if declared.startswith("image/"):
            return (f"read_as_{actual.removeprefix('image/')}",)
        raise _wrong(declared, actual)
    if declared in {UNDECLARED, _ANY_PICTURE}:
        return ()  # whatever it is, the reader will say so
    if declared not in _READ_HERE:
        raise _unsupported(item, declared, "a JPEG, PNG, GIF, BMP, TIFF or WebP")
    if actual is not None or is_text(item.value):
        raise _wrong(declared, actual or _TEXT)
    return ()


def check_text(item: RawItem) -> None:
    """Refuse what is no text.

    Raises:
        UndecodableError: "wrong_content_type" where text is declared something else, or something else text;
            "unsupported_content_type" where something is declared that is not read as text here.
    """
    declared = media_type(item)
    actual = recognised(item.value)
    other = actual is not None and not actual.startswith("text/")
    other = other and (actual == "application/pdf" or not is_text(item.value))  # prose may begin with "GIF89a"
    if declared.startswith("text/"):
        if other:
            raise _wrong(declared, str(actual))
    elif declared.startswith(_NEVER_TEXT) and not other and is_text(item.value):
        raise _wrong(declared, _TEXT)
    elif declared != UNDECLARED or other:
        raise _unsupported(item, str(actual) if declared == UNDECLARED else declared, "text, HTML or a PDF")


def _wrong(declared: str, actual: str) -> UndecodableError:
    return UndecodableError("wrong_content_type", f"declared {declared}, but the bytes are {actual}")


def _unsupported(item: RawItem, declared: str, wanted: str) -> UndecodableError:
    what = f"an item of kind {item.envelope.kind} must be {wanted}, not {declared}"
    hint = "; a whole video is no item, publish its frames" if declared.startswith("video/") else ""
    return UndecodableError("unsupported_content_type", what + hint)
