"""Cache entries that wait with the scores made of them: what a faulty model embedded must not outlive its repair."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from workers.cache import Cache
from workers.entries import Entry

MOST: Final = 256  # batches that wait; the oldest goes beyond that, since a cache may lose anything


@dataclass(frozen=True, slots=True)
class _Held:
    number: int
    encoder: str
    entries: Mapping[str, Entry]


class HeldEntries:
    """Writes to a cache once canaries have passed; any thread may use it.

    The encoder's thread brings entries; what is released is written on a thread of its own, since a cache may be slow.
    """

    def __init__(self, cache: Cache, encoders: Collection[str]) -> None:
        """Hold what these encoders (their digests) made; the entries of others are written at once."""
        self._cache = cache
        self._encoders = frozenset(encoders)
        self._held: deque[_Held] = deque(maxlen=MOST)
        self._number = 0
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sluice-cache")

    def keep(self, encoder: str, entries: Mapping[str, Entry]) -> None:
        """Take the entries of a batch, made by the encoder of this digest."""
        if encoder not in self._encoders:
            self._cache.put_many(entries)
            return
        with self._lock:
            self._number += 1
            self._held.append(_Held(self._number, encoder, entries))

    def watch(self, encoders: Collection[str]) -> None:
        """Hold what these encoders make from now on."""
        self._encoders = frozenset(encoders)

    def mark(self) -> int:
        """Return what tells the entries so far from later ones."""
        with self._lock:
            return self._number

    def release(self, mark: int, encoders: Collection[str]) -> None:
        """Write the entries up to a mark that these encoders made."""
        with self._lock:
            free = [one for one in self._held if one.number <= mark and one.encoder in encoders]
            rest = [one for one in self._held if not (one.number <= mark and one.encoder in encoders)]
            self._held = deque(rest, maxlen=MOST)
        for one in free:
            self._writer.submit(self._cache.put_many, one.entries)

    def drop(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._held.clear()

    def close(self) -> None:
        """Write what was released, and end; what still waits is dropped."""
        self.drop()
        self._writer.shutdown()
