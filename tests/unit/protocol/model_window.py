"""Windows of the model: what a replica knows of one `scores` partition, and how one record changes it.

Whole parents only. A window is closed by its count, by its parent's end, when it was idle in stream time, or by the
wall clock. Forgetting, revisions and policies would be further fields of `Fold` and further causes in `apply`.
"""

from typing import NamedTuple

END = "end"


class Score(NamedTuple):
    """A record of `scores`: `item` is END for a ParentEnded; `at` is the item's append time."""

    parent: str
    item: str
    at: int


class Script(NamedTuple):
    """What lies in the partition, and how its windows close. 0 means: not by this."""

    scores: tuple[Score, ...]
    needs: int = 0  # items
    idle: int = 0
    wall: bool = False
    at_once: int = 5_000  # decisions in a transaction


class Window(NamedTuple):
    parent: str
    first: int
    items: tuple[str, ...]
    last: int
    stream_before: int  # stream time as it was before the first record: what a re-read from there must start with


class Decision(NamedTuple):
    parent: str
    items: tuple[str, ...]
    first: int
    through: int
    cause: str
    stream_before: int


class Fold(NamedTuple):
    """State of a partition: open windows, decided windows, stream time."""

    windows: tuple[Window, ...] = ()
    decided: tuple[tuple[str, int], ...] = ()  # (parent, through): a score up to `through` is spent, one above is late
    stream: int = 0

    def low_watermark(self, position: int, waiting: tuple[Decision, ...]) -> tuple[int, int]:
        """Where a successor must begin to read, and stream time as it was there. A decision not yet sent is open."""
        begun = [(each.first, each.stream_before) for each in self.windows]
        begun += [(each.first, each.stream_before) for each in waiting]
        return min(begun, default=(position, self.stream))


def close(fold: Fold, windows: list[Window], through: int, cause: str) -> tuple[Fold, tuple[Decision, ...]]:
    decisions = tuple(
        Decision(each.parent, each.items, each.first, through, cause, each.stream_before) for each in windows
    )
    decided = tuple(sorted({*fold.decided, *((each.parent, through) for each in windows)}))
    kept = tuple(each for each in fold.windows if each not in windows)
    return fold._replace(windows=kept, decided=decided), decisions


def apply(script: Script, fold: Fold, offset: int) -> tuple[Fold, tuple[Decision, ...]]:
    """Take in the record at `offset`; what closes is a function of the records alone."""
    score = script.scores[offset]
    decisions: tuple[Decision, ...] = ()
    if all(parent != score.parent for parent, _ in fold.decided):
        fold, decisions = grow(script, fold, score, offset)
    fold = fold._replace(stream=max(fold.stream, score.at))
    if script.idle:
        quiet = [each for each in fold.windows if fold.stream - each.last >= script.idle]
        fold, more = close(fold, quiet, offset, "idle")
        decisions += more
    return fold, decisions


def grow(script: Script, fold: Fold, score: Score, offset: int) -> tuple[Fold, tuple[Decision, ...]]:
    found = next((each for each in fold.windows if each.parent == score.parent), None)
    old = found or Window(score.parent, offset, (), score.at, fold.stream)
    items = old.items if score.item == END else tuple(sorted({*old.items, score.item}))
    window = old._replace(items=items, last=max(old.last, score.at))
    others = tuple(each for each in fold.windows if each.parent != score.parent)
    fold = fold._replace(windows=tuple(sorted((*others, window))))
    if score.item == END:
        return close(fold, [window], offset, "ended")
    if script.needs and len(items) >= script.needs:
        return close(fold, [window], offset, "count")
    return fold, ()


def expected(script: Script) -> dict[str, Decision]:
    """The one right decision of each window: the partition read from its beginning by somebody who never fails."""
    fold = Fold()
    found: list[Decision] = []
    for offset in range(len(script.scores)):
        fold, decisions = apply(script, fold, offset)
        found += decisions
    if script.wall:
        fold, decisions = close(fold, list(fold.windows), len(script.scores) - 1, "wall")
        found += decisions
    return {decision.parent: decision for decision in found}
