"""Windows of the model: what a replica knows of one `scores` partition, and how one record changes it.

A window is a whole parent or a range of its indices. It is closed by its count, by its parent's end, when it was idle
in stream time, early, by the wall clock, or for want of memory. An item is its index, with "!" where its score is bad.
"""

from typing import NamedTuple

END = "end"
WHOLE = -1
MARKS = ("truncated", "reopened")  # causes that stand for whatever closed a window that may lack items
FINAL = ("early", "memory")
Id = tuple[str, int, int, int]  # parent, span, where it was opened again or -1, revision


class Score(NamedTuple):
    """A record of `scores`: `item` is END for a ParentEnded; `at` is the item's append time."""

    parent: str
    item: str
    at: int = 0


class Marker(NamedTuple):
    """From here on, windows open under this version."""

    version: int


class Unreadable(NamedTuple):
    """A record that is none of ours: it is reported, once."""

    what: str = "unreadable"


class Terms(NamedTuple):
    """What a policy version says. 0 means: not by this."""

    needs: int = 0  # items
    idle: int = 0
    span: int = 0  # indices; 0: the whole parent
    late: int = 0  # how long a decision can be revised, or its window not be opened again
    revise: bool = False
    early: bool = False  # a bad item settles the action


class Script(NamedTuple):
    """What lies in the partition, and how its windows close."""

    records: tuple[Score | Marker | Unreadable, ...]
    terms: tuple[Terms, ...]  # by version
    wall: bool = False
    at_once: int = 5_000  # decisions in a transaction
    remember: int = -1  # how long a decision is recognised, in stream time; below 0: nothing is ever forgotten
    retained: int = 0  # retention may delete the scores below


class Window(NamedTuple):
    parent: str
    span: int  # WHOLE, or its first index
    first: int
    items: tuple[str, ...]
    last: int
    stream_before: int  # stream time as it was before the first record: what a re-read from there must start with
    version: int
    mark: str = ""
    again: bool = False  # an earlier decision of it was forgotten
    waits: bool = True  # for items; else it is decided, and kept for a revision
    until: int = 0  # end of its late time


class Decision(NamedTuple):
    parent: str
    span: int
    items: tuple[str, ...]
    first: int
    through: int
    cause: str
    stream_before: int
    version: int
    action: str = ""
    revision: int = 0
    again: bool = False
    final: bool = False  # no item changes it
    retracts: str = ""  # the action whose topic gets a retraction
    closed_at: int = 0
    until: int = 0

    @property
    def id(self) -> Id:
        return self.parent, self.span, self.first if self.again else -1, self.revision


class Known(NamedTuple):
    """A decision that was made; of several revisions, the last."""

    parent: str
    span: int
    first: int
    through: int  # a score up to it is spent, one above is late
    revision: int
    action: str
    cause: str
    again: bool
    final: bool
    closed_at: int
    until: int
    at: int = -1  # where it lies in `decisions`; below 0: not known yet


class Forgotten(NamedTuple):
    """What is left of a decision to recognise it by."""

    parent: str
    span: int
    until: int
    at: int


class Fold(NamedTuple):
    """State of a partition."""

    windows: tuple[Window, ...] = ()
    decided: tuple[Known, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()
    stream: int = 0
    version: int = 0
    truncated_below: int = 0
    counted_to: int = 0  # what lies below was reported before
    log_seen: int = 0  # own decisions that are not placed yet lie above
    arrived: tuple[str, ...] = ()  # parents of the items read, where windows go by arrival

    def window(self, parent: str, span: int) -> Window | None:
        return next((each for each in self.windows if (each.parent, each.span) == (parent, span)), None)

    def known(self, parent: str, span: int) -> Known | None:
        return next((each for each in self.decided if (each.parent, each.span) == (parent, span)), None)

    def put(self, window: Window) -> "Fold":
        others = [each for each in self.windows if (each.parent, each.span) != (window.parent, window.span)]
        return self._replace(windows=tuple(sorted((*others, window))))

    def learn(self, known: Known) -> "Fold":
        others = [each for each in self.decided if (each.parent, each.span) != (known.parent, known.span)]
        return self._replace(decided=tuple(sorted((*others, known))))


def known_of(decision: Decision, at: int = -1) -> Known:
    return Known(
        decision.parent,
        decision.span,
        decision.first,
        decision.through,
        decision.revision,
        decision.action,
        decision.cause,
        decision.again,
        decision.final,
        decision.closed_at,
        decision.until,
        at,
    )


def action_of(items: tuple[str, ...], cause: str) -> str:
    if cause in (*MARKS, "memory") or not items:
        return "review"
    return "reject" if any(item.endswith("!") for item in items) else "accept"
