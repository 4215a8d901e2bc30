"""Small documents that ask for minutes or gigabytes."""

from __future__ import annotations

import zlib
from typing import Final

from tests.unit.workers.pdfs import stream, with_objects

_MEBIBYTE: Final = 1 << 20
_FORM: Final = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources "


def flate_pdf(mebibytes: int) -> bytes:
    """Return a PDF of a few kilobytes whose page content unpacks to so much: drawing of lines."""
    line = b"0 0 m 1 1 l S\n"
    return _with_content(_packed(line * (_MEBIBYTE // len(line)), mebibytes))


def blank_pdf(mebibytes: int) -> bytes:
    """Return one whose content is so much of nothing, which PDFium unpacks fast."""
    return _with_content(_packed(bytes(_MEBIBYTE), mebibytes))


def nested_pdf(levels: int, width: int) -> bytes:
    """Return a PDF whose page draws a form `width` times, which draws another as often, and so on."""
    drawn = b"/Inner Do\n" * width
    forms = [
        stream(drawn, _FORM + b"<< /XObject << /Inner %d 0 R >> >>" % (number + 1)) for number in range(5, 4 + levels)
    ]
    resources = b"<< /XObject << /Inner 5 0 R >> >>"
    return with_objects([*_page(resources), stream(drawn, b""), *forms, stream(b"0 0 m 1 1 l S", _FORM + b"<< >>")])


def attributes_html(count: int) -> bytes:
    """Return a page with so many attributes on a tag: each is compared with all before it."""
    return ("<p " + " ".join(f"a{number:x}" for number in range(count)) + ">text").encode()


def comments_html(count: int) -> bytes:
    """Return a page of tags that seem to be closed, and are not: every block opens again all that is bold before it."""
    return ("".join(f"<p><b id={number}><!--</b></p>-->" for number in range(count)) + "text").encode()


def deep_html(count: int) -> bytes:
    """Return a page of so many blocks in each other."""
    return b"<div>" * count + b"text"


def _with_content(packed: bytes) -> bytes:
    return with_objects([*_page(b"<< >>"), stream(packed, b"/Filter [/FlateDecode /FlateDecode]")])


def _page(resources: bytes) -> list[bytes]:
    return [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources " + resources + b" >>",
    ]


def _packed(block: bytes, times: int) -> bytes:
    """Return a block's repetition, deflated twice. The block is packed once, so this takes no time."""
    compressor = zlib.compressobj(9)
    first = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    again = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)  # without the header, and of no state
    return zlib.compress(first + again * (times - 1), 9)
