"""Follows which heads are released, for workers: what is released is looked up in the store, loaded and tried.

All of that happens on a thread of its own. A head that cannot be had, or whose canaries do not come out as recorded,
is not offered: the one before it stays, and a metric and a log line say so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException

from deploy.promotion.live import releases_of
from deploy.promotion.store import HeadStore
from streams.gates import Notify
from streams.policies import DocumentReader
from workers.domains import Domain
from workers.watch.store import CanarySet

_EVERY: Final = 2.0  # s
_AGAIN: Final = 30.0  # s until a head that was refused is tried again
_PATIENCE: Final = 10.0  # s
_CLOSE: Final = 5.0  # s


@dataclass(frozen=True, slots=True)
class Loaded:
    """Heads that are ready to be used, with their encoders and canaries, and the folder they lie in."""

    laid: Path
    domains: Mapping[str, Domain]
    canaries: Mapping[str, CanarySet]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker is to go over to: the heads, and which release each kind then has (None: its own head)."""

    loaded: Loaded
    heads: Mapping[str, str | None]


@dataclass(slots=True)
class ReleaseStatus:
    """Where a worker stands with what is released. Each field is replaced as a whole; any thread may read.

    Attributes:
        heads: the digest of the released head of each kind that is in use; None: the worker's own again.
        refused: why a release is not in use, by kind.
        taken: how often heads were replaced.
    """

    heads: Mapping[str, str | None] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    taken: int = 0


class ReleaseFollower:
    """Looks every two seconds which heads are released, as long as the block lasts."""

    def __init__(
        self,
        reader: DocumentReader,
        store: HeadStore,
        load: Callable[[Mapping[str, Path]], Loaded],
        notify: Notify,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with the worker's own heads; nothing is read before the block.

        Args:
            reader: of the topic `releases`.
            store: where heads are taken from.
            load: loads the heads of these folders, by kind, and the worker's own of other kinds, and tries those of
                these folders; raises where that fails.
            notify: told `release_refused`.
            clock: monotonic s.
        """
        self.status = ReleaseStatus()
        self._reader, self._store, self._load = reader, store, load
        self._notify, self._clock = notify, clock
        self._offer: Offer | None = None
        self._next: dict[tuple[str, str | None], float] = {}  # when a refused release is tried again
        self._problem = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluice-releases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(_CLOSE)

    def offer(self) -> Offer | None:
        """Return what the worker is to go over to, if anything; any thread may ask."""
        return self._offer

    def take(self, offer: Offer) -> None:
        """Note that the worker has gone over to an offer."""
        self.status.heads = offer.heads
        self.status.taken += 1
        self._offer = None

    def look(self) -> None:
        """Look what is released, and prepare what is new. An offer that was not taken yet is left as it is.

        Raises:
            KafkaException: the topic could not be read.
        """
        if self._offer is None:
            self._reader.refresh(_PATIENCE)
            self._prepare({kind: one.head for kind, one in releases_of(self._reader.documents.values()).items()})

    def _prepare(self, wanted: Mapping[str, str | None]) -> None:
        """Offer what is new of what is wanted: one kind at a time, so that a refused head keeps back no other."""
        self.status.refused = {kind: why for kind, why in self.status.refused.items() if self._is_new(kind, wanted)}
        for kind, head in wanted.items():
            if self._is_new(kind, wanted) and self._clock() >= self._next.get((kind, head), 0.0):
                self._try(kind, {**self.status.heads, kind: head})
            if self._offer is not None:
                return

    def _is_new(self, kind: str, wanted: Mapping[str, str | None]) -> bool:
        return kind in wanted and wanted[kind] != self.status.heads.get(kind)

    def _try(self, kind: str, heads: Mapping[str, str | None]) -> None:
        try:
            folders = {one: self._store.get(head) for one, head in heads.items() if head is not None}
            self._offer = Offer(self._load(folders), heads)
        except Exception as error:  # noqa: BLE001 (whatever it is, the heads that are in use stay)
            head, why = heads[kind], f"{type(error).__name__}: {error}"
            self._next[kind, head] = self._clock() + _AGAIN
            if self.status.refused.get(kind) != why:
                self._notify("release_refused", kind=kind, head=head or "the worker's own", why=why)
            self.status.refused = {**self.status.refused, kind: why}
        else:
            self.status.refused = {one: why for one, why in self.status.refused.items() if one != kind}

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY):
            try:
                self.look()
            except KafkaException as error:
                if str(error) != self._problem:
                    self._notify("releases_not_followed", error=str(error))
                self._problem = str(error)
            else:
                self._problem = ""
