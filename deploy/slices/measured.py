"""Metrics of windows: of each metric of its scored items the mean, the lowest and the highest value.

`NAME` is the mean, `min_NAME` the lowest and `max_NAME` the highest. An item that was answered more than once counts
once; one that was answered after its window was closed does not count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from deploy.items.reading import decode
from deploy.items.record import Item
from deploy.replay.folder import Run
from deploy.slices.outcomes import Advance, Outcome
from streams import clients, offsets
from streams.history import read_from

_STEP: Final = 1_000  # records between two steps of the bar
LOWEST, HIGHEST = "min_", "max_"
Bar = Callable[[str, int], Advance]
"""Begins a bar with a text and a total, and returns what advances it."""

Key = tuple[str, str]
"""Parent and window."""


@dataclass(frozen=True, slots=True)
class Window:
    """Metrics of a window by name, and the reasons and flags of its items."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


NOTHING: Final = Window()
"""What is known of a window that was not looked into."""


class Measured:
    """Adds up metrics of windows, an item at a time. Memory holds four numbers for a metric of a window."""

    def __init__(self, outcomes: Iterable[Outcome], names: Collection[str], whole: Collection[Key] = ()) -> None:
        """Name the windows.

        Args:
            outcomes: the windows.
            names: what is wanted of each: NAME, min_NAME and max_NAME need the metric NAME.
            whole: windows of which every metric is wanted.
        """
        self._names = frozenset(
            part for name in names for part in (name, name.removeprefix(LOWEST), name.removeprefix(HIGHEST))
        )
        self._windows: defaultdict[str, list[_Window]] = defaultdict(list)
        self._shapes: set[tuple[str, ...]] = set()
        for one in outcomes:
            self._windows[one.parent_id].append(_Window(one, None if one.key in whole else self._names))

    def take(self, item: Item) -> None:
        """Take a scored item into the windows that it is in."""
        for window in self._windows.get(item.parent_id, ()):
            if window.take(item):
                self._shapes.add(tuple(item.metrics))

    @property
    def known(self) -> frozenset[str]:
        """The names of all metrics that items have, whether they were wanted or not."""
        bare = {name for shape in self._shapes for name in shape}
        return frozenset(prefix + name for name in bare for prefix in ("", LOWEST, HIGHEST))

    def result(self) -> dict[Key, Window]:
        """Return what is known of each window by parent and window."""
        return {one.key: one.result() for own in self._windows.values() for one in own}


class _Window:
    __slots__ = ("_after", "_belongs", "_codes", "_first", "_flags", "_names", "_seen", "_sums", "key")

    def __init__(self, outcome: Outcome, names: frozenset[str] | None) -> None:
        self.key = outcome.key
        self._names = names
        self._first, self._after = outcome.first_offset, outcome.through_offset + 1
        self._belongs = belongs(outcome.window)
        self._seen: set[int] = set()
        self._sums: dict[str, list[float]] = {}
        self._codes: set[str] = set()
        self._flags: set[str] = set()

    def take(self, item: Item) -> bool:
        if not self._first <= item.offset < self._after or not self._belongs(item) or item.index in self._seen:
            return False
        self._seen.add(item.index)
        self._codes.update(item.reasons)
        self._flags.update(item.flags)
        for name, value in item.metrics.items():
            if value is not None and (self._names is None or name in self._names):
                self._add(name, value)
        return True

    def _add(self, name: str, value: float) -> None:
        sums = self._sums.get(name)
        if sums is None:
            self._sums[name] = [1.0, value, value, value]
        else:
            sums[0] += 1.0
            sums[1] += value
            sums[2] = min(sums[2], value)
            sums[3] = max(sums[3], value)

    def result(self) -> Window:
        found = {f"{LOWEST}{name}": sums[2] for name, sums in self._sums.items()}
        found |= {f"{HIGHEST}{name}": sums[3] for name, sums in self._sums.items()}
        found |= {name: sums[1] / sums[0] for name, sums in self._sums.items()}
        return Window(found, tuple(sorted(self._codes)), tuple(sorted(self._flags)))


def belongs(window: str) -> Callable[[Item], bool]:
    """Return what tells whether an item is in a window, by the window's id: an item of its parent, that is."""
    by, _, span = window.partition("@")[0].partition("/")
    first, _, last = span.partition("-")
    if by == "index" and first.isdecimal() and last.isdecimal():
        low, high = int(first), int(last)
        return lambda item: low <= item.index <= high
    if by == "time" and first.isdecimal() and last.isdecimal():
        start, end = int(first), int(last)
        return lambda item: start <= (item.appended_at if item.item_time is None else item.item_time) < end
    return lambda _: True


def rescored(run: Run, bar: Bar) -> Iterator[Item]:
    """Yield the items that a replay scored anew.

    Raises:
        ReplayError: its folder cannot be read.
    """
    advance = bar("reading scores", sum(end - first for first, end in run.record.spans.values()))
    for partition in run.record.spans:
        for row in run.scores(partition):
            advance(1)
            item = decode(row["record"].encode(), partition, row["offset"]) if row["record"] else None
            if isinstance(item, Item):
                yield item


def on_topic(properties: clients.Properties, topic: str, outcomes: Iterable[Outcome], bar: Bar) -> Iterator[Item]:
    """Yield the scored items of each partition from the first of some windows on to the last of them.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    starts: dict[int, int] = {}
    last: dict[int, int] = {}
    for one in outcomes:
        starts[one.partition] = min(one.first_offset, starts.get(one.partition, one.first_offset))
        last[one.partition] = max(one.through_offset, last.get(one.partition, 0))
    advance, waiting = bar("reading scores", sum(last[number] + 1 - start for number, start in starts.items())), 0
    left = set(starts)
    for message in read_from(properties, topic, starts) if left else ():
        partition, offset = message.partition() or 0, message.offset() or 0
        if partition in left:
            waiting += 1
            item = decode(message.value(), partition, offset)
            if isinstance(item, Item):
                yield item
            if offset >= last[partition]:
                left.discard(partition)
        if waiting == _STEP:
            advance(waiting)
            waiting = 0
        if not left:
            break
    advance(waiting)


def truncated(properties: clients.Properties, topic: str, outcomes: Iterable[Outcome]) -> int:
    """Return of how many windows retention has deleted scores, the first of them at least.

    Raises:
        KafkaException: the brokers refused or did not answer.
    """
    found = list(outcomes)
    kept = offsets.starts(clients.admin(properties), topic, {one.partition for one in found})
    return sum(one.first_offset < kept[one.partition] for one in found)
