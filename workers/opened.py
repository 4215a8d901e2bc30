"""An item of which only what is asked for is read, decoded and measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from schemas.items import RawItem
from workers.decode import Decoder
from workers.entries import Entry
from workers.media import Chunk, Medium, Picture, counts
from workers.metrics import Measured, MetricSet, frames
from workers.metrics.measure import Known
from workers.results import Counts

TEXT: Final = "document-chunk"
FRAME: Final = "video-frame"


class Opened:
    """An item as it is decoded and measured, once and only when that is asked for."""

    def __init__(
        self,
        item: RawItem,
        entry: Entry | None,
        decoder: Decoder,
        metrics: MetricSet,
        counts: Counts,
    ) -> None:
        """Take an item, and its entry in the cache where there is one."""
        self._item, self._entry, self._decoder, self._metrics, self._counts = item, entry, decoder, metrics, counts
        self._known = Known()

    @cached_property
    def medium(self) -> Medium:
        """What the item decodes to.

        Raises:
            UndecodableError: it cannot be read.
        """
        medium = self._decoder.decode(self._item)
        self._counts.add(decoded=1)
        return medium

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Its cheap metrics, from the cache or measured."""
        if self._entry is not None:
            return self._entry.metrics
        return {**self._measured.values, **counts(self.medium)}

    @property
    def asked(self) -> Mapping[str, float]:
        """The same for whoever needs a few of them: each is measured when it is asked for."""
        return _Asked(self)

    def metric(self, name: str) -> float | None:
        """Return one of its metrics, or None where it has none of that name."""
        if self._entry is not None or "_measured" in self.__dict__:
            return self.metrics.get(name)
        found = self._metrics.value(self.medium, name, self._known)
        return counts(self.medium).get(name) if found is None else found

    @property
    def reasons(self) -> tuple[str, ...]:
        """How it had to be read, what stands behind its metrics, and which of them could not be measured."""
        if self._entry is not None:
            return self._entry.reasons
        found = self._measured
        return (*self.medium.reasons, *found.codes, *(f"metric_failed_{name}" for name in found.failed))

    @cached_property
    def _measured(self) -> Measured:
        found = self._metrics.measure(self.medium, self._known)
        self._counts.add(**{f"metric_failed/{name}": 1 for name in found.failed})
        return found

    def sketch(self) -> bytes:
        """Return what a frame is compared by, from the cache or made; of other items nothing."""
        if self._entry is not None:
            return self._entry.sketch
        if self._item.envelope.kind != FRAME or not isinstance(self.medium, Picture):
            return b""
        return frames.sketch(self.medium)

    def text(self) -> str | None:
        """Return its text, or None of what is none."""
        if self._item.envelope.kind != TEXT:
            return None
        return self.medium.text if isinstance(self.medium, Chunk) else None


class _Asked(Mapping[str, float]):
    """An item's metrics; going through all of them measures all."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def __getitem__(self, name: str) -> float:
        value = self._opened.metric(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened.metrics)

    def __len__(self) -> int:
        return len(self._opened.metrics)
