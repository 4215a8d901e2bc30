"""What travels with an item through the scoring service, for its answer."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.items import ItemEnvelope
from streams.work import Ticket


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """Where an item is on `items`, and what it says of itself.

    Attributes:
        again: what its answer must say to count; 0 for an item that was never answered.
    """

    ticket: Ticket
    envelope: ItemEnvelope
    again: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset of the item."""
        return self.ticket.partition, self.ticket.offset
