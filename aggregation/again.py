"""What a window knows of answers that were withdrawn: of an index, only those with its highest number count."""

from __future__ import annotations

from collections.abc import Iterable

from aggregation.worst import Worst, note, ranked


class Again:
    """The numbers of the places whose answers were withdrawn, and the worst items of the answers that came after.

    The worst of each number are kept by themselves, and those that no longer count are left out at the end; so what is
    named does not depend on the order in which answers and withdrawals came.
    """

    __slots__ = ("_worst", "numbers")

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}  # by place; others have 0
        self._worst: dict[int, list[Worst]] = {}  # by number, from 1 on

    def note(self, number: int, item: Worst) -> None:
        """Take an item that was answered again."""
        self._worst[number] = note(self._worst.get(number, []), item)

    def standing(self, first: Iterable[Worst], base: int) -> list[Worst]:
        """Return the worst items whose answers still count.

        Args:
            first: the worst of those that were never withdrawn before, or have been since.
            base: index of the place 0.
        """
        found = [item for item in first if item[1] - base not in self.numbers]
        for number, items in self._worst.items():
            found += [item for item in items if self.numbers.get(item[1] - base) == number]
        return ranked(found)
