"""Which offsets of one partition have been answered, and so how far may be committed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from confluent_kafka import Message

from schemas.items import ParentEndedEvent
from streams.work import Ticket


@dataclass(slots=True)
class Pending:
    """A message that was handed over and whose outcome the brokers have not acknowledged yet."""

    message: Message
    size: int


@dataclass(slots=True)
class OffsetTracker:
    """The messages in flight of one partition, for one assignment of it.

    Offsets are committed only up to the first message whose outcome is not acknowledged, whatever came after it.
    """

    epoch: int
    next_offset: int = -1  # what to commit when nothing is in flight; -1 before the first message
    pending: OrderedDict[int, Pending] = field(default_factory=OrderedDict)
    committed: int = -1
    answered_at: int = -1  # the last offset that was answered at once, without a worker
    _ends: dict[int, tuple[Ticket, ParentEndedEvent]] = field(default_factory=dict)
    _withdrawn: bool = False

    def begin(self, message: Message, size: int) -> None:
        """Note a message that is handed over. Offsets come in ascending order, with gaps where the log has them."""
        offset = message.offset() or 0
        self.pending[offset] = Pending(message, size)
        self.next_offset = offset + 1

    def skip_to(self, offset: int) -> None:
        """Note that there is no message up to an offset beyond those that were handed over."""
        if not self._withdrawn:
            self.next_offset = max(self.next_offset, offset)

    def finish(self, offset: int) -> int:
        """Note that every record of an outcome is acknowledged; return the bytes that are free again."""
        return self.pending.pop(offset).size

    def withdraw_from(self, offset: int) -> list[int]:
        """Forget the messages from an offset on, as if they had never been read; return their sizes.

        None of them may have been answered. Nothing may be begun after it.
        """
        self._withdrawn = True
        self.next_offset = min(self.next_offset, offset)
        gone = [later for later in self.pending if later >= offset]
        for later in gone:
            self._ends.pop(later, None)
        return [self.pending.pop(later).size for later in gone]

    def first(self) -> int | None:
        """Return the earliest message in flight: all before it have been answered and acknowledged."""
        return next(iter(self.pending), None)

    def await_end(self, ticket: Ticket, event: ParentEndedEvent) -> None:
        """Keep the end of a parent until every earlier message has been answered."""
        self._ends[ticket.offset] = (ticket, event)

    def due_end(self) -> tuple[Ticket, ParentEndedEvent] | None:
        """Hand over the end of a parent, once everything before it is answered and acknowledged."""
        first = self.first()
        return None if first is None else self._ends.pop(first, None)

    def answered_to(self) -> int:
        """Return the offset up to which everything is answered and acknowledged; -1 before the first message."""
        first = self.first()
        return self.next_offset if first is None else first

    def committable(self) -> int | None:
        """Return the offset to commit, or None where nothing is new."""
        upto = self.answered_to()
        return upto if upto > self.committed and upto >= 0 else None
