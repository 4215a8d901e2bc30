"""What a replica commits beside its decisions, what it forgets then, and what its successor makes of both."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.unit.protocol.model_window import FINAL, Decision, Fold, Forgotten, Known, Script, Unreadable, known_of
from tests.unit.protocol.rules import Rule


class Offsets(NamedTuple):
    """A committed offset with its metadata."""

    low: int = 0
    stream: int = 0
    version: int = 0
    position: int = 0
    truncated_below: int = 0
    decisions_from: int = 0


class Checkpoints:
    def __init__(self, script: Script, without: frozenset[Rule]) -> None:
        self.script = script
        self.without = without
        self.reports = any(isinstance(record, Unreadable) for record in script.records)

    def holds(self, rule: Rule) -> bool:
        return rule not in self.without

    def taken(self, fold: Fold, position: int, waiting: Sequence[Decision]) -> Offsets:
        """Where a successor must begin to read, and what was so there. A decision not yet sent is open."""
        kept = self.holds(Rule.KEPT_IS_OPEN)
        begun = [(each.first, each.stream_before, each.version) for each in fold.windows if each.waits or kept]
        begun += [(each.first, each.stream_before, each.version) for each in waiting if each.parent]
        now = (position, fold.stream, fold.version)
        low, stream, version = min(begun, default=now) if self.holds(Rule.LOW_WATERMARK) else now
        return Offsets(
            low,
            stream if self.holds(Rule.STREAM_TIME_AT_LOW) else fold.stream,
            version if self.holds(Rule.POLICY_AT_LOW) else fold.version,
            self.counted(position, waiting),
            fold.truncated_below if self.holds(Rule.TRUNCATED_COMMITTED) else 0,
            self.decisions_from(fold),
        )

    def counted(self, position: int, waiting: Sequence[Decision]) -> int:
        if not self.reports or not self.holds(Rule.COUNTED_ONCE):
            return 0
        return min((each.first for each in waiting if not each.parent), default=position)

    def decisions_from(self, fold: Fold) -> int:
        if self.script.remember < 0:
            return 0
        needed = [each.at for each in fold.decided] if self.holds(Rule.FROM_UNFORGOTTEN) else []
        needed += [each.at for each in fold.forgotten] if self.holds(Rule.FROM_RECOGNISED) else []
        return min((at for at in needed if at >= 0), default=fold.log_seen)

    def forget(self, fold: Fold, low: int) -> Fold:
        """Keep no more than is needed to recognise what can be neither read again nor revised."""
        if self.script.remember < 0:
            return fold
        over = [each for each in fold.decided if self.is_over(fold, each, low)]
        left = tuple(each for each in fold.decided if each not in over)
        found = [Forgotten(each.parent, each.span, each.closed_at + self.script.remember, each.at) for each in over]
        forgotten = {each for each in (*fold.forgotten, *found) if each.until > fold.stream}
        recognised = tuple(sorted(forgotten)) if self.holds(Rule.RECOGNISE) else ()
        return fold._replace(decided=left, forgotten=recognised)

    def is_over(self, fold: Fold, known: Known, low: int) -> bool:
        late = fold.stream < known.until and self.holds(Rule.FORGET_AFTER_LATE)
        below = known.through < low or not self.holds(Rule.FORGET_BELOW_LOW)
        return below and not late

    def placed(self, fold: Fold, sent: Sequence[Decision], begin: int) -> Fold:
        """Learn where in `decisions` the own decisions lie, from the broker's answer."""
        if self.script.remember < 0:
            return fold
        places = {(one.parent, one.span, one.through): begin + number for number, one in enumerate(sent)}
        closed = {(one.parent, one.span, one.closed_at + self.script.remember): begin + n for n, one in enumerate(sent)}
        decided = [each._replace(at=places.get((*each[:2], each.through), each.at)) for each in fold.decided]
        forgotten = [each._replace(at=closed.get(each[:3], each.at)) for each in fold.forgotten]
        return fold._replace(decided=tuple(decided), forgotten=tuple(forgotten), log_seen=begin + len(sent))

    def recall(self, found: Sequence[tuple[int, Decision]], end: int) -> Fold:
        """What recovery learns from `decisions`: of each window the last decision."""
        fold = Fold(log_seen=end if self.script.remember >= 0 else 0)
        ordered = found if self.holds(Rule.LAST_REVISION) else list(reversed(found))
        if not self.holds(Rule.NOT_LATEST):
            ordered = list({decision.parent: (at, decision) for at, decision in ordered}.values())
        for at, decision in ordered:
            if decision.parent:
                known = known_of(decision, at if self.script.remember >= 0 else -1)
                final = known.final if self.holds(Rule.FINAL_KNOWN) else known.cause in FINAL
                fold = fold.learn(known._replace(final=final))
        return fold

    def resumed(self, fold: Fold, start: Offsets) -> Fold:
        """What recovery learns from the committed offset."""
        return fold._replace(
            stream=start.stream,
            version=start.version if self.holds(Rule.POLICY_COMMITTED) else 0,
            truncated_below=start.truncated_below,
            counted_to=start.position,
        )
