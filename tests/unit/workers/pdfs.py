"""PDFs written by hand: an object a page, one for its content, a font and a picture of one pixel for all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from pypdf import PdfReader, PdfWriter

LINE = 14  # points from one line to the next


@dataclass(frozen=True)
class Page:
    """Lines of text, a scan (a picture over the whole page), both (a scan with a text layer), or neither."""

    lines: Sequence[str] = ()
    scan: bool = False

    def content(self) -> bytes:
        parts = [b"q 595 0 0 842 0 0 cm /Pixel Do Q"] if self.scan else []
        for number, line in enumerate(self.lines):
            text = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")
            parts.append(b"BT /Font 11 Tf 50 %d Td (" % (790 - LINE * number) + text + b") Tj ET")
        return b"\n".join(parts)


def pdf(*pages: Page) -> bytes:
    """Return a PDF with these pages, its cross-reference table right to the byte."""
    resources = b"<< /Font << /Font 3 0 R >> /XObject << /Pixel 4 0 R >> >>"
    kids = b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % len(pages),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        stream(
            b"\x80", b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
        ),
    ]
    for number, page in enumerate(pages):
        where = b"/Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources " % (6 + 2 * number)
        objects += [b"<< /Type /Page " + where + resources + b" >>", stream(page.content(), b"")]
    return with_objects(objects)


def with_objects(objects: Sequence[bytes]) -> bytes:
    """Return a PDF of these objects, numbered from 1; the first is its catalogue."""
    written = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        written
        + b"xref\n0 %d\n0000000000 65535 f \n" % size
        + table
        + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(written))
    )


def stream(value: bytes, entries: bytes) -> bytes:
    return b"<< " + entries + b" /Length %d >>\nstream\n" % len(value) + value + b"\nendstream"


def encrypted(value: bytes, user: str = "open sesame", algorithm: str = "RC4-128") -> bytes:
    """Return the PDF encrypted. An empty user password restricts what may be done, and lets anybody read."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(value)))
    writer.encrypt(user, owner_password=user[::-1] + "!", algorithm=algorithm)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
