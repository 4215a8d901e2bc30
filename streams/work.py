"""What the at-least-once loop needs of a worker; it knows nothing of how items are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.items import RawItem
from schemas.scores import ItemFailed, ItemRuled, ItemScored, ItemSkipped
from streams.topics import TopicNames


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which message an answer belongs to. The epoch tells two assignments of a partition apart."""

    partition: int
    epoch: int
    offset: int
    appended_at: int  # broker's append time, ms since 1970 UTC


Plain = ItemScored | ItemRuled | ItemFailed | ItemSkipped


@dataclass(frozen=True, slots=True)
class Shadowed:
    """An answer, and what candidates in shadow answer otherwise, by the names of the shadows."""

    live: ItemScored
    shadows: Mapping[str, ItemScored | ItemFailed]


Answer = Plain | Shadowed


class ItemWorker(Protocol):
    """Does the work, on threads of its own. It begins the items of a parent in the order in which they came."""

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        """Take an item; must not block."""

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        """Return the answers that are there by now; must not block."""

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        """Give back what is wanted and was submitted after everything that is begun, and never answer it.

        It is called when partitions or the process are about to go: what is begun is to be answered as soon as can be.
        Must not wait for work.
        """


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """How a worker takes part in its group."""

    names: TopicNames
    partitions: int
    group: str
    max_items: int = 256
    max_bytes: int = 64 * 1024 * 1024
    drain_seconds: float = 20.0  # how long what was begun may take to finish, told to stop or to give partitions up
    stuck_seconds: float = 10.0  # without an acknowledgement while some are awaited: the brokers are gone
    shadows: tuple[str, ...] = ()  # candidates' names: what is answered is answered on their topics too
