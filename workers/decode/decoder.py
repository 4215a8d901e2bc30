from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.items import RawItem
from workers.decode.chunk import read_chunk
from workers.decode.limits import Limits, Reader
from workers.decode.picture import read_picture
from workers.decode.slices import read_slice
from workers.media import Medium, UndecodableError

READERS: Final[Mapping[str, Reader]] = {
    "video-frame": read_picture,
    "image": read_picture,
    "mri-slice": read_slice,
    "document-chunk": read_chunk,
}
"""Who reads which kind. A new kind is a new entry, given to `InlineDecoder`."""


class Decoder(Protocol):
    """Makes media of items. Inline or in a pool of processes: what goes in and comes out can be pickled."""

    def decode(self, item: RawItem) -> Medium:
        """Return the decoded item, or raise UndecodableError."""
        ...


@dataclass(frozen=True, slots=True)
class InlineDecoder:
    """Decodes in the calling thread, but for PDFs and web pages, which a child process reads while the thread waits.

    It holds no state, so threads may share it and processes may copy it.
    """

    limits: Limits = field(default_factory=Limits)
    readers: Mapping[str, Reader] = field(default_factory=lambda: dict(READERS))

    def decode(self, item: RawItem) -> Medium:
        """Return the decoded item.

        Raises:
            UndecodableError: With one of the causes that workers/README.md lists.
        """
        kind = item.envelope.kind
        reader = self.readers.get(kind)
        if reader is None:
            raise UndecodableError("unknown_kind", f"{kind!r} is none of {', '.join(sorted(self.readers))}")
        if not item.value:
            raise UndecodableError("empty", "the value has no bytes")
        return reader(item, self.limits)
