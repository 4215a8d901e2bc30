"""How one record changes what a replica knows, and what it commits of it."""

from tests.unit.protocol.model_window import (
    END,
    FINAL,
    MARKS,
    WHOLE,
    Decision,
    Fold,
    Known,
    Marker,
    Score,
    Script,
    Terms,
    Unreadable,
    Window,
    action_of,
    known_of,
)
from tests.unit.protocol.rules import Rule

Result = tuple[Fold, tuple[Decision, ...]]


class Gate:
    """What closes is a function of the records alone."""

    def __init__(self, script: Script, without: frozenset[Rule] = frozenset()) -> None:
        self.script = script
        self.without = without
        self.applied: dict[tuple[Fold, int], Result] = {}

    def holds(self, rule: Rule) -> bool:
        return rule not in self.without

    def apply(self, fold: Fold, offset: int) -> Result:
        """Take in the record at `offset`."""
        found = self.applied.get((fold, offset))
        if found is None:
            found = self.applied[fold, offset] = self.read(fold, offset)
        return found

    def read(self, fold: Fold, offset: int) -> Result:
        record = self.script.records[offset]
        if isinstance(record, Marker):
            return (fold._replace(version=record.version) if self.holds(Rule.MARKER_IN_SCORES) else fold), ()
        if isinstance(record, Unreadable):
            report = Decision("", offset, (), offset, offset, record.what, 0, 0)
            return fold, (report,) if offset >= fold.counted_to else ()
        before, fold = fold.stream, fold._replace(stream=max(fold.stream, record.at))
        fold, decisions = (
            self.end(fold, record, offset, before) if record.item == END else self.take(fold, record, offset, before)
        )
        idle = [each for each in fold.windows if each.waits and 0 < self.terms(each).idle <= fold.stream - each.last]
        fold, more = self.close(fold, idle, offset, "idle")
        kept = tuple(each for each in fold.windows if each.waits or each.until > fold.stream)
        return fold._replace(windows=kept), decisions + more

    def terms(self, window: Window) -> Terms:
        return self.script.terms[window.version]

    def span(self, fold: Fold, score: Score, offset: int) -> int:
        size = self.script.terms[fold.version].span
        if not size or self.is_whole(fold, score.parent, offset):
            return WHOLE
        place = int(score.item.rstrip("!")) if self.holds(Rule.BY_ITEM) else fold.arrived.count(score.parent)
        return place - place % size

    def is_whole(self, fold: Fold, parent: str, offset: int) -> bool:
        """Whether a score belongs to the window of its whole parent, although parents are cut by now."""
        window, known = fold.window(parent, WHOLE), fold.known(parent, WHOLE)
        if known is None or not self.holds(Rule.STAYS_WHOLE):
            return window is not None and window.waits
        return known.first <= offset <= known.through or window is not None

    def take(self, fold: Fold, score: Score, offset: int, before: int) -> Result:
        span = self.span(fold, score, offset)
        if not self.holds(Rule.BY_ITEM):
            fold = fold._replace(arrived=(*fold.arrived, score.parent))
        window, known = fold.window(score.parent, span), fold.known(score.parent, span)
        if known is None or (window is not None and window.waits):
            return self.grow(fold, window or self.opened(fold, score, span, offset, before), score, offset)
        if window is None and offset == known.first and self.may_revise(fold.version, final=known.final):
            return fold.put(self.rebuilt(fold, known, score, before)), ()
        if window is None:
            return fold, ()
        if offset <= known.through and self.holds(Rule.SPENT_OR_LATE):
            return (fold.put(added(window, score)) if self.holds(Rule.REBUILD) else fold), ()
        if score.item in window.items or fold.stream >= known.until:
            return fold, ()
        return self.grow(fold, window._replace(waits=True), score, offset)

    def may_revise(self, version: int, *, final: bool) -> bool:
        return self.script.terms[version].revise and not (final and self.holds(Rule.EARLY_IS_FINAL))

    def opened(self, fold: Fold, score: Score, span: int, offset: int, before: int) -> Window:
        known = any((each.parent, each.span) == (score.parent, span) for each in fold.forgotten)
        again = known and self.holds(Rule.REOPENED_ID)
        mark = "truncated" if offset < fold.truncated_below else "reopened" if again else ""
        return Window(score.parent, span, offset, (), score.at, before, fold.version, mark, again)

    def rebuilt(self, fold: Fold, known: Known, score: Score, before: int) -> Window:
        mark = known.cause if known.cause in MARKS and self.holds(Rule.REBUILT_ID) else ""
        again = known.again and self.holds(Rule.REBUILT_ID)
        return Window(
            known.parent,
            known.span,
            known.first,
            (score.item,),
            score.at,
            before,
            fold.version,
            mark,
            again,
            waits=False,
            until=known.until,
        )

    def grow(self, fold: Fold, window: Window, score: Score, offset: int) -> Result:
        window = added(window, score)
        fold, terms = fold.put(window), self.terms(window)
        if 0 < terms.needs <= len(window.items):
            return self.close(fold, [window], offset, "count")
        if terms.early and score.item.endswith("!"):
            return self.close(fold, [window], offset, "early")
        return fold, ()

    def end(self, fold: Fold, score: Score, offset: int, before: int) -> Result:
        """An end closes what is open of its parent; after the last decision it is no news."""
        windows = [each for each in fold.windows if each.parent == score.parent and each.waits]
        whole = not self.script.terms[fold.version].span
        if whole and not windows and fold.known(score.parent, WHOLE) is None:
            windows = [self.opened(fold, score, WHOLE, offset, before)]
        return self.close(fold, windows, offset, "ended")

    def close(self, fold: Fold, windows: list[Window], through: int, cause: str) -> Result:
        decisions: list[Decision] = []
        for window in windows:
            fold, decision = self.decide(fold, window, through, cause)
            decisions.append(decision)
        return fold, tuple(decisions)

    def decide(self, fold: Fold, window: Window, through: int, closed_by: str) -> tuple[Fold, Decision]:
        known = fold.known(window.parent, window.span)
        cause = window.mark or closed_by
        version = window.version if self.holds(Rule.VERSION_AT_FIRST) else fold.version
        action = action_of(window.items, cause)
        until = fold.stream + self.terms(window).late
        withdrawn = known.action if known and known.action != action and self.holds(Rule.RETRACT) else ""
        decision = Decision(
            window.parent,
            window.span,
            window.items,
            window.first,
            through,
            cause,
            window.stream_before,
            version,
            action,
            known.revision + 1 if known else 0,
            window.again,
            closed_by in FINAL,
            withdrawn,
            fold.stream,
            until,
        )
        fold = fold.learn(known_of(decision))
        if self.may_revise(window.version, final=decision.final):
            return fold.put(window._replace(waits=False, until=until)), decision
        gone = tuple(each for each in fold.windows if (each.parent, each.span) != (window.parent, window.span))
        return fold._replace(windows=gone), decision

    def close_by_wall(self, fold: Fold) -> Result:
        """Close all that is open; the evidence for it has a model of its own."""
        return self.close(fold, [each for each in fold.windows if each.waits], len(self.script.records) - 1, "wall")

    def shed(self, fold: Fold, position: int) -> Result:
        """Let go of the oldest window, for want of memory."""
        oldest = min(fold.windows, key=lambda window: window.first)
        if oldest.waits and self.holds(Rule.MEMORY_CLOSES):
            return self.close(fold, [oldest], position - 1, "memory")
        return fold._replace(windows=tuple(each for each in fold.windows if each != oldest)), ()


def added(window: Window, score: Score) -> Window:
    items = tuple(sorted({*window.items, score.item}))
    return window._replace(items=items, last=max(window.last, score.at))
