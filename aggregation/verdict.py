"""What a gate hands over, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import msgspec

from schemas.decisions import Cause


class Withdrawal(msgspec.Struct, frozen=True, gc=False):
    """A retraction, for the topic of the action that no longer holds."""

    action: str
    value: bytes


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """A decision that is ready to be sent."""

    key: bytes
    action: str  # plain: the hash of an enum's member costs a call
    cause: Cause
    value: bytes
    first_offset: int
    time_before: int
    edition: str
    withdrawal: Withdrawal | None = None


@dataclass(slots=True)
class Tally:
    """What was counted since the gate was made; a re-read counts nothing twice."""

    late: int = 0
    after_final: int = 0  # answers after a decision that none could change, such as an early one
    reopened: int = 0
    shed: int = 0
    unreadable: int = 0

    def add(self, other: Tally) -> None:
        """Add what another gate counted."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class Unreadable(NamedTuple):
    """A record that is not one of ours."""

    offset: int
    detail: str
