"""Messages that are no items, items that cannot be read, and items that can in spite of what they are."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from PIL import Image

from schemas.items import ITEM_TYPE, content_hash
from streams.envelope import Headers
from streams.publisher import MAX_VALUE_BYTES
from tests.unit.workers.hostile import blank_pdf, comments_html
from tests.unit.workers.pdfs import Page, encrypted, pdf
from tests.unit.workers.samples import packaged

STRUCTURED: Final = "application/cloudevents+json"
WORDS: Final = b"The quick brown fox jumps over the lazy dog. It was not amused, and said so at some length."


@dataclass(frozen=True)
class Message:
    """What is sent, and what must become of it."""

    name: str  # and its parent's
    becomes: str  # the cause of its dead letter, or a reason of its score
    value: bytes
    headers: dict[str, str]
    key: bytes | None
    known: bool = True  # its parent can be told

    @property
    def wire_headers(self) -> Headers:
        return [(name, text.encode()) for name, text in self.headers.items()]


def message(
    name: str, becomes: str, value: bytes, *, known: bool = True, key: bytes | None = b"", **more: str | None
) -> Message:
    """Return a message of a parent of this name with one item; None takes a header away."""
    headers = {
        "ce_specversion": "1.0",
        "ce_type": ITEM_TYPE,
        "ce_id": f"{name}/0",
        "ce_source": "anybody",
        "ce_kind": "image",
        "ce_parentid": name,
        "ce_index": "0",
        "ce_count": "1",
        "content_type": "application/octet-stream",
    }
    merged = {header: text for header, text in {**headers, **more}.items() if text is not None}
    merged["content-type"] = merged.pop("content_type")
    return Message(name, becomes, value, merged, name.encode() if key == b"" else key, known)


def chunk(name: str, becomes: str, value: bytes, **more: Any) -> Message:
    return message(name, becomes, value, **{"ce_kind": "document-chunk", "content_type": "text/plain", **more})


def claim(name: str, becomes: str, reference: str, value: bytes = WORDS, **more: Any) -> Message:
    return chunk(name, becomes, b"", **{"ce_dataref": reference, "ce_contenthash": content_hash(value), **more})


def bad(root: Path) -> Iterator[Message]:
    """Yield everything that ends on `dead-letters`. `root` is where claim checks may point."""
    jpeg = _encoded("JPEG")
    yield message("truncated-jpeg", "truncated", jpeg[: len(jpeg) // 2], content_type="image/jpeg")
    yield message("zero-bytes", "empty", b"", content_type="image/jpeg")
    yield message("huge-picture", "too_large", _claims_to_be(65_000, 65_000), content_type="image/png")
    yield message("wrong-content-type", "wrong_content_type", b"<html>no picture</html>", content_type="image/jpeg")
    yield chunk("encrypted-pdf", "encrypted_pdf", _encrypted_pdf(), content_type="application/pdf")
    yield chunk("swelling-pdf", "too_large", blank_pdf(700), content_type="application/pdf")
    yield chunk("swelling-page", "too_large", comments_html(5000), content_type="text/html")
    yield chunk("unknown-kind", "unknown_kind", WORDS, ce_kind="hologram")
    yield from _bad_envelopes()
    yield from _bad_claims(root)


def _bad_envelopes() -> Iterator[Message]:
    yield chunk("no-parent-id", "no_parent_id", WORDS, ce_parentid=None, key=None, known=False)
    yield chunk("no-index", "bad_envelope", WORDS, ce_index=None, known=False)
    yield chunk("endless-index", "bad_envelope", WORDS, ce_index="9" * 5000, known=False)
    yield chunk("beyond-count", "index_beyond_count", WORDS, ce_index="1")
    yield chunk("next-version", "unknown_schema_version", WORDS, ce_type="org.sluice.item.v2")
    yield chunk("other-type", "unknown_type", WORDS, ce_type="com.example.invoice")
    yield chunk("other-key", "key_mismatch", WORDS, key=b"another")
    yield chunk("batched", "batched_mode", b"[]", content_type="application/cloudevents-batch+json")
    yield chunk("no-json", "bad_json", b"{", content_type=STRUCTURED)
    event = {"id": "i", "source": "s", "kind": "document-chunk", "parentid": "bad-base64", "index": 0}
    value = json.dumps({**event, "data_base64": "?"}).encode()
    yield Message("bad-base64", "bad_data", value, {"content-type": STRUCTURED}, b"bad-base64")


def _bad_claims(root: Path) -> Iterator[Message]:
    (root.parent / "secret").write_bytes(WORDS)
    (root / "there").write_bytes(WORDS)
    (root / "outwards").symlink_to(root.parent / "secret")
    yield claim("claim-missing", "claim_missing", (root / "nothing").as_uri())
    yield claim("claim-other-hash", "claim_hash", (root / "there").as_uri(), b"others")
    yield claim("claim-no-hash", "claim_without_hash", (root / "there").as_uri(), ce_contenthash=None)
    yield claim("claim-upwards", "claim_refused", f"{root.as_uri()}/../secret")
    yield claim("claim-symlink", "claim_refused", (root / "outwards").as_uri())
    yield claim("claim-outside", "claim_refused", (root.parent / "secret").as_uri())
    yield claim("claim-scheme", "claim_refused", "http://localhost/there")


def readable(root: Path) -> Iterator[Message]:
    """Yield what is read in a way that its score's reasons name ("": in no special way)."""
    deep = (np.asarray(_photograph().convert("L"), np.uint16) * 257).astype(np.uint16)
    over = _photograph().convert("RGBA")
    over.putalpha(128)
    moving = io.BytesIO()
    frames = [_photograph().convert("P"), Image.new("P", _photograph().size)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    yield message("cmyk", "read_from_cmyk", _encoded("JPEG", _photograph().convert("CMYK")), content_type="image/jpeg")
    yield message("deep", "read_from_16_bit", _encoded("PNG", Image.fromarray(deep)), content_type="image/png")
    yield message("palette", "read_from_palette", _encoded("PNG", frames[0]), content_type="image/png")
    yield message("transparent", "flattened_on_white", _encoded("PNG", over), content_type="image/png")
    yield message("animated", "first_frame_only", moving.getvalue(), content_type="image/gif")
    yield chunk("broken-utf8", "invalid_utf8", WORDS + b"\xff\xfe" + WORDS)
    yield claim("claim-good", "", (root / "there").as_uri())
    yield message("read-as", "nan_masked", _encoded("PNG"), content_type="image/png", ce_readas="nan_masked")


@cache
def _photograph() -> Image.Image:
    with Image.open(packaged("skimage", "data/chelsea.png")) as image:
        return image.convert("RGB").resize((240, 160))


def _encoded(form: str, image: Image.Image | None = None) -> bytes:
    buffer = io.BytesIO()
    (image or _photograph()).save(buffer, form)
    return buffer.getvalue()


def _claims_to_be(width: int, height: int) -> bytes:
    """Return a PNG of a few hundred bytes whose header, checksum and all, says that it is this large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [
        (len(part) - 4).to_bytes(4, "big") + part + struct.pack(">I", zlib.crc32(part)) for part in (header, data)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _encrypted_pdf() -> bytes:
    return encrypted(pdf(Page([WORDS.decode()])))


def large_picture() -> bytes:
    """Return a picture that no message can hold."""
    noise = np.random.default_rng(1).integers(0, 256, (1400, 2100, 3)).astype(np.uint8)
    value = _encoded("BMP", Image.fromarray(noise))
    assert len(value) > MAX_VALUE_BYTES
    return value


def bad_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Write files that cannot be published; yield each with what is said of it."""
    video, pages, picture = folder / "no-key.mkv", folder / "encrypted.pdf", folder / "large.bmp"
    _write_without_key_frame(video)
    yield video, "has no key frame"
    pages.write_bytes(_encrypted_pdf())
    yield pages, "is encrypted"
    picture.write_bytes(large_picture())
    yield picture, "SLUICE_CLAIM_DIR"


def _write_without_key_frame(path: Path) -> None:
    """Write a video whose one key frame, the first, is left out."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 240, 160, "yuv420p"
        stream.options = {"x264-params": "keyint=100:scenecut=0:bframes=0"}
        frame = av.VideoFrame.from_image(_photograph())
        packets = [packet for _ in range(8) for packet in stream.encode(frame)]
        container.mux([packet for packet in [*packets, *stream.encode(None)] if not packet.is_keyframe])
