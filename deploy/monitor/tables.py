"""The windowed tables: decisions by group and by the time at which they were made. Pure: the clock is an argument.

Time is `decided_at`, the decider's clock. It is cut into panes, six to a window, so that a window can end at any of
them; the newest decision says where the view ends. What is kept depends on the decisions alone and not on their order:

- a revision replaces its decision, and counts where it was made itself;
- a decision that was withdrawn counts nowhere, whichever of the two records is read first.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from deploy.monitor.facts import Fact, Group, Terms, Totals, fact_of, terms_of
from deploy.monitor.rejects import Reject, reject_of
from deploy.monitor.spread import Key, Scores
from schemas.decisions import Decision, Retraction
from schemas.policy import Action

PANES: Final = 6  # to a window
MAX_GROUPS: Final = 300  # a producer may invent as many sources as it likes
OTHER: Final = "(other)"  # the source of all groups beyond those
MAX_REPLACEABLE: Final = 200_000  # decisions that are remembered for the sake of their revisions
MAX_REJECTS: Final = 100

_RECORD: Final[TypeAdapter[Decision | Retraction]] = TypeAdapter(
    Annotated[Decision | Retraction, Field(discriminator="type")]
)


class Cell:
    """The decisions of one group in one pane."""

    __slots__ = ("scores", "totals")

    def __init__(self) -> None:
        """Begin without any."""
        self.totals = Totals()
        self.scores = Scores()


@dataclass(slots=True)
class _Known:
    """The last revision of a window that has been read, or withdrawn."""

    revision: int
    pane: int
    fact: Fact | None


class Tables:
    """All of them, for as many windows as the view has."""

    def __init__(self, window_ms: int, windows: int) -> None:
        """Begin without decisions."""
        self.pane_ms = window_ms // PANES
        self.panes = windows * PANES
        self.newest = 0  # decided_at of the newest decision, 0 before the first
        self.terms: dict[Group, Terms] = {}
        self.newest_of: dict[Group, int] = {}
        self.rejects: list[Reject] = []  # the newest last
        self.counted: Counter[str] = Counter()  # records since the process began, by what they were
        self.decided: Counter[tuple[str, ...]] = Counter()  # decisions since then, by action and cause
        self._cells: defaultdict[int, dict[Group, Cell]] = defaultdict(dict)
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._settled = -1

    @property
    def window_ms(self) -> int:
        """How long a window is."""
        return self.pane_ms * PANES

    @property
    def last(self) -> int:
        """The pane of the newest decision."""
        return self.newest // self.pane_ms

    @property
    def first(self) -> int:
        """The oldest pane of the view."""
        return self.last - self.panes + 1

    def apply(self, value: bytes | None, at: int, now: int) -> None:
        """Take a record of one of the decision topics.

        Args:
            value: the record.
            at: when it was written (ms since 1970 UTC), which is all the time that a retraction has.
            now: the clock; a decision more than a window ahead of it is put aside, for its decider's clock is wrong.
        """
        try:
            record = _RECORD.validate_json(value or b"")
        except ValidationError:
            self.counted["unreadable"] += 1
            return
        if isinstance(record, Retraction):
            self.counted["retraction"] += 1
            self._withdraw(record, at)
        elif record.timings.decided_at > now + self.window_ms:
            self.counted["ahead"] += 1
        else:
            self.counted["revision" if record.revision else "decision"] += 1
            self.decided[record.action.value, record.cause] += 1
            self._take(record)

    def groups(self) -> list[Group]:
        """Return the groups that have a decision in the view."""
        cells = (item for pane in self._cells.values() for item in pane.items())
        return sorted({group for group, cell in cells if cell.totals.decisions})

    def cells(self, group: Group, first: int, last: int) -> Iterator[Cell]:
        """Yield the cells of a group from pane to pane, both included, in the order of time."""
        for pane in range(first, last + 1):
            cell = self._cells.get(pane, {}).get(group)
            if cell is not None:
                yield cell

    def actions(self, group: Group, first: int, last: int) -> Counter[str]:
        """Return how many decisions of each action a group has from pane to pane, both included."""
        found: Counter[str] = Counter()
        for cell in self.cells(group, first, last):
            found.update(cell.totals.actions)
        return found

    def series(self, group: Group, action: str) -> list[int]:
        """Return how many decisions of an action a group has in each pane of the view."""
        panes = (self._cells.get(pane, {}).get(group) for pane in range(self.first, self.last + 1))
        return [0 if cell is None else cell.totals.actions[action] for cell in panes]

    def _take(self, decision: Decision) -> None:
        fact = fact_of(decision)
        pane = fact.at // self.pane_ms
        if pane < self.first:
            return
        if fact.replaceable and not self._replaces(fact, pane):
            return
        group = self._group(fact.group)
        cell = self._cells[pane].setdefault(group, Cell())
        cell.totals.count(fact)
        if fact.score is not None and fact.replaceable:
            cell.scores.add_replaceable(fact.key, fact.score)
        elif fact.score is not None:
            cell.scores.add(fact.score)
        if fact.at >= self.newest_of.get(group, 0):
            self.newest_of[group] = fact.at
            self.terms[group] = terms_of(decision)
        if decision.action == Action.REJECT:
            insort(self.rejects, reject_of(decision))
            del self.rejects[:-MAX_REJECTS]
        if fact.at > self.newest:
            before, self.newest = self.last, fact.at
            if self.last > before:
                self._move()

    def _group(self, group: Group) -> Group:
        if group in self.newest_of or len(self.newest_of) < MAX_GROUPS:
            return group
        return group._replace(source=OTHER)

    def _replaces(self, fact: Fact, pane: int) -> bool:
        """Whether a decision is the last one of its window so far; what it replaces is taken out."""
        known = self._known.get(fact.key)
        if known is not None and known.revision >= fact.revision:
            return False
        self._forget(known)
        self._remember(fact.key, _Known(fact.revision, pane, fact))
        return True

    def _withdraw(self, record: Retraction, at: int) -> None:
        key = (record.parent_id, record.window)
        known = self._known.get(key)
        if known is not None and known.revision > record.revision:
            return
        pane = at // self.pane_ms if known is None else known.pane
        self._forget(known)
        self._remember(key, _Known(record.revision, pane, None))

    def _forget(self, known: _Known | None) -> None:
        """Take a decision out of its cell."""
        if known is None or known.fact is None:
            return
        fact = known.fact
        cell = self._cell_of(known)
        if cell is not None:
            cell.totals.count(fact, -1)
            cell.scores.remove(fact.key)
        self.rejects = [one for one in self.rejects if (one.parent_id, one.window) != fact.key]

    def _cell_of(self, known: _Known) -> Cell | None:
        if known.fact is None:
            return None
        panes, group = self._cells.get(known.pane, {}), known.fact.group
        return panes.get(group) or panes.get(group._replace(source=OTHER))

    def _remember(self, key: Key, known: _Known) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > MAX_REPLACEABLE:
            oldest, gone = self._known.popitem(last=False)
            cell = self._cell_of(gone)
            if cell is not None:
                cell.scores.keep(oldest)

    def _move(self) -> None:
        """Drop what the view has left behind."""
        gone = [pane for pane in self._cells if pane < self.first]
        if not gone:
            return
        for pane in gone:
            del self._cells[pane]
        for key in [key for key, known in self._known.items() if known.pane < self.first]:
            del self._known[key]
        alive = {group for pane in self._cells.values() for group in pane}
        for group in [group for group in self.newest_of if group not in alive]:
            del self.newest_of[group], self.terms[group]
        start = self.first * self.pane_ms
        self.rejects = [one for one in self.rejects if one.at >= start]

    def settle(self) -> None:
        """Make digests of all panes that are more than a window old. To be called when nothing older is on its way."""
        last = self.last - PANES
        for pane in range(max(self.first, self._settled + 1), last + 1):
            for cell in self._cells.get(pane, {}).values():
                cell.scores.settle()
        self._settled = max(self._settled, last)

    def tally(self) -> dict[str, int]:
        """Return what was read since the process began."""
        return dict(self.counted)
