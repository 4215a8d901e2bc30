"""Looks at the windows that are shown: both of their decisions, the items behind them, and what those look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from deploy.diff import behind, items
from deploy.diff.behind import Place, Shown
from deploy.diff.flips import Flip
from deploy.diff.items import LiveScores, Records
from deploy.diff.said import Key
from deploy.diff.sides import Side
from deploy.replay.folder import Run
from schemas.decisions import Decision
from streams import clients
from streams.topics import TopicNames

if TYPE_CHECKING:
    from deploy.report.previews import Preview  # a page alone needs what this imports

Advance = Callable[[int], None]
Bar = Callable[[str, int], AbstractContextManager[Advance]]
"""Shows a bar of this name and length for as long as it lasts."""

Previews = Callable[[Sequence[Place], Advance], "Mapping[Place, Preview]"]
"""Reads what items look like, by their places."""

_NOTHING: Final[Records] = {}


def silent(_text: str, _total: int) -> AbstractContextManager[Advance]:
    """Show no bar."""
    return nullcontext(lambda _steps: None)


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at flips.

    Attributes:
        sides: Both sides.
        runs: Their folders; None: live.
        properties: Of the brokers; None: the topics are not asked.
        previews: Reads what the items look like; None: nobody will see them.
        withheld: Kinds whose items are not shown.
        bar: Shows how far it is.
    """

    sides: tuple[Side, Side]
    runs: tuple[Run | None, Run | None]
    properties: clients.Properties | None = None
    previews: Previews | None = None
    withheld: frozenset[str] = frozenset()
    bar: Bar = field(default=silent)

    def look(self, flips: Sequence[Flip]) -> tuple[list[Shown], list[str]]:
        """Return flips with the items behind them, and what a reader should know of that.

        Raises:
            KafkaException: the brokers refused.
            ReplayError: a file is not to be read.
        """
        keys = [flip.before.key for flip in flips]
        decisions = [side.details.decisions(keys) for side in self.sides]
        live, notes = self._live(keys, decisions)
        records = [
            items.scored_anew(run, found.values()) if run is not None and run.rescored else live
            for run, found in zip(self.runs, decisions, strict=True)
        ]
        shown = [
            behind.show(
                flip,
                (decisions[0].get(flip.before.key), decisions[1].get(flip.before.key)),
                (records[0].get(flip.before.parent_id, ()), records[1].get(flip.before.parent_id, ())),
                withheld=flip.before.kind in self.withheld,
            )
            for flip in flips
        ]
        return self._with_previews(shown), notes

    def _live(self, keys: Sequence[Key], decisions: Sequence[Mapping[Key, Decision]]) -> tuple[Records, list[str]]:
        """Return the records on `scores` of the windows whose scores are as they were live."""
        sides = [found for run, found in zip(self.runs, decisions, strict=True) if run is None or not run.rescored]
        windows = [found[key] for key in keys for found in sides if key in found]
        if self.properties is None or not windows:
            return _NOTHING, []
        topic = TopicNames(self.sides[0].origin.prefix).scores
        total = sum(one.through_offset - one.first_offset + 1 for one in windows)
        with self.bar("reading scores", total) as advance:
            records, left_out = LiveScores(self.properties, topic).records(windows, advance)
        told = f"the items of {len(set(left_out))} windows were not looked up: their windows hold too many records"
        return records, [told] if left_out else []

    def _with_previews(self, shown: list[Shown]) -> list[Shown]:
        if self.previews is None:
            return shown
        places = sorted(set(chain.from_iterable(one.places for one in shown)))
        with self.bar("reading items", len(places)) as advance:
            previews = self.previews(places, advance)
        return [replace(one, previews=previews) for one in shown]


def chosen(flips: Sequence[Flip], each: int, most: int) -> list[Flip]:
    """Return the first flips of each kind and source, and of all: those that are shown with their items."""
    taken: dict[tuple[str, str], int] = {}
    found: list[Flip] = []
    for flip in flips:
        taken[flip.group] = taken.get(flip.group, 0) + 1
        if taken[flip.group] <= each and len(found) < most:
            found.append(flip)
    return found
