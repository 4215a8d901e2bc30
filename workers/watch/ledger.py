"""What went out and no round of canaries vouches for yet: under `revise` answers do not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final, Generic, TypeVar

T = TypeVar("T")
MOST: Final = 20_000  # answers that nothing vouches for, before a round is asked for


class Ledger(Generic[T]):
    """The answers of watched kinds since their canaries passed last, by token."""

    def __init__(self) -> None:
        self._sent: deque[tuple[int, str, T]] = deque()  # number, kind, token
        self._doubtful: list[T] = []

    def __len__(self) -> int:
        """How many nothing vouches for."""
        return len(self._sent)

    def sent(self, number: int, kind: str, token: T) -> None:
        """Note an answer. Numbers rise."""
        self._sent.append((number, kind, token))

    def passed(self, kinds: Collection[str], upto: int) -> None:
        """Let go of the answers of these kinds, up to a number: canaries that were scored after them passed."""
        self._sent = deque(one for one in self._sent if one[0] > upto or one[1] not in kinds)

    def failed(self) -> int:
        """Give up all that nothing vouches for; return how many there are."""
        self._doubtful += [token for _, _, token in self._sent]
        found = len(self._sent)
        self._sent.clear()
        return found

    def take_back(self) -> list[T]:
        """Return the tokens of answers that are to be withdrawn, once."""
        found, self._doubtful = self._doubtful, []
        return found
