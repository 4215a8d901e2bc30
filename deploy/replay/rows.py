"""A record of `scores` on its way into a file of a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from deploy.replay.folder import SCORES
from deploy.replay.items import Wanted
from schemas import wire
from streams.replaying import Place
from workers.rescoring import Remembered

Fields = dict[str, Any]

_KEPT: Final[tuple[str, ...]] = (
    "parent_id",
    "kind",
    "source",
    "appended_at",
    "item_id",
    "index",
    "count",
    "item_partition",
    "item_offset",
    "content_hash",
    "item_time",
    "again",
)
"""What any answer says of its item."""

_NOWHERE: Final = -1
_INT32, _INT64 = 2**31, 2**63
_SCORED: Final = "ItemScored"
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Row:
    """A record. What no decision needs is not checked by `wire`, and may be anything in a record of somebody else's."""

    offset: int
    fields: Fields
    text: str
    embedded: str = "live"

    @property
    def type(self) -> str:
        """What kind of record it is."""
        return str(self.fields["type"])

    @property
    def place(self) -> Place:
        """Where the item is on `items`; negative where the record does not say."""
        partition, offset = self._number("item_partition", _INT32), self._number("item_offset", _INT64)
        return _NOWHERE if partition is None else partition, _NOWHERE if offset is None else offset

    def put(self, kind: str, embedded: str, **given: Any) -> None:
        """Replace the record by another answer for the same item."""
        kept = {name: self.fields[name] for name in _KEPT if name in self.fields}
        self.fields = {"type": kind, **kept, **given}
        self.text, self.embedded = _encode(self.fields).decode(), embedded

    def remembered(self) -> Remembered:
        """Return what the record of a scored item tells."""
        embedding, metrics = self.fields.get("embedding"), self.fields.get("metrics")
        return Remembered(
            self.fields["kind"],
            self.fields["parent_id"],
            embedding if isinstance(embedding, str) else "",
            tuple(self.fields.get("reasons") or ()),
            tuple(self.fields.get("flags") or ()),
            metrics if isinstance(metrics, Mapping) else {},
        )

    def wanted(self) -> Wanted:
        """Return what to look for on `items`."""
        return Wanted(self.remembered() if self.type == _SCORED else None)

    def columns(self) -> Fields:
        """Return the row of the file."""
        scored, content_hash = self.type == _SCORED, self.fields.get("content_hash")
        return {
            **{name: self.fields.get(name) for name in SCORES.names},
            "offset": self.offset,
            "index": self._number("index", _INT64),
            "item_partition": self._number("item_partition", _INT32),
            "item_offset": self._number("item_offset", _INT64),
            "content_hash": content_hash if isinstance(content_hash, str) else None,
            "score": self.fields.get("score") if scored else None,
            "reasons": list(self.fields.get("reasons") or ()) if scored else [],
            "embedded": self.embedded,
            "record": self.text,
        }

    def _number(self, name: str, below: int) -> int | None:
        value = self.fields.get(name)
        return value if isinstance(value, int) and 0 <= value < below else None


def read(offset: int, value: bytes | None) -> Row | None:
    """Return a record, or None of one that is not ours: the gate would pass over it too."""
    try:
        wire.decode(value)
        return Row(offset, _decode(value or b""), (value or b"").decode())
    except wire.UNREADABLE:
        return None
