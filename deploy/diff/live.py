"""The decisions that were made live as one side: those whose windows lie within the span of the other one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pydantic import ValidationError

from deploy.diff.behind import Place
from deploy.diff.folder import keep
from deploy.diff.said import Key, Reader, Said
from deploy.diff.sides import LIVE, Origin, Side, Spans
from schemas.decisions import Decision
from streams import clients, offsets
from streams.history import read_from
from streams.replaying import read_at

Advance = Callable[[int], None]
Wanted = Callable[[Said], bool]
_STEP: Final = 1_000  # records between two steps of the bar
_CLOCKS_MS: Final = 60_000  # by which the clocks of two brokers may differ

OUTSIDE: Final = "began before the span, or were closed after it"
NOT_REPLAYED: Final = "are of sources that were not replayed"


class LiveDecisions:
    """The topic `decisions`, from the time on from which it can hold what is compared."""

    def __init__(self, properties: clients.Properties, topic: str, replay: Origin) -> None:
        """Ask the brokers where to begin and to end.

        Args:
            properties: of the brokers.
            topic: `decisions`.
            replay: the other side.

        Raises:
            KafkaException: the brokers refused or did not answer.
        """
        self._properties, self._topic, self._replay = properties, topic, replay
        self._spans: Spans = replay.spans or {}
        admin = clients.admin(properties)
        ends, starts = offsets.ends(admin, topic, self._spans), offsets.starts(admin, topic, self._spans)
        if replay.since is not None:
            # a decision is appended after the scores that it was made from
            later = offsets.at_times(admin, topic, dict.fromkeys(self._spans, max(0, replay.since - _CLOCKS_MS)))
            starts = {number: later.get(number, ends[number]) for number in self._spans}
        self._starts = starts
        self.total = sum(max(0, ends[number] - start) for number, start in starts.items())

    def read(self, wanted: Wanted, advance: Advance) -> Side:
        """Read the last revision of each window that lies within the span.

        Args:
            wanted: which windows are compared.
            advance: told how many further records were read.

        Raises:
            KafkaException: the brokers refused.
        """
        reader, windows = Reader(), dict[Key, Said]()
        places: dict[Key, Place] = {}
        left_out: Counter[str] = Counter()
        for number, message in enumerate(read_from(self._properties, self._topic, self._starts), 1):
            if number % _STEP == 0:
                advance(_STEP)
            said = reader.read(message.value())
            if said is None or not wanted(said):
                continue
            reason = self._outside(said)
            if reason:
                left_out[reason] += 1
            elif keep(windows, said):
                places[said.key] = (message.partition() or 0, message.offset() or 0)
        origin = Origin(name=LIVE, prefix=self._replay.prefix)
        return Side(origin, windows, _Log(self._properties, self._topic, places), left_out)

    def _outside(self, said: Said) -> str:
        first, end = self._spans.get(said.partition, (0, 0))
        if not (first <= said.first_offset and said.through_offset < end):
            return OUTSIDE
        return NOT_REPLAYED if self._replay.sources and said.source not in self._replay.sources else ""


class _Log:
    """The records of decisions, each read by itself from where it lies."""

    def __init__(self, properties: clients.Properties, topic: str, places: Mapping[Key, Place]) -> None:
        self._properties, self._topic, self._places = properties, topic, places

    def decisions(self, keys: Iterable[Key]) -> Mapping[Key, Decision]:
        places = {self._places[key] for key in keys if key in self._places}
        found: dict[Key, Decision] = {}
        for _, message in read_at(self._properties, self._topic, places):
            try:
                decision = Decision.model_validate_json((message.value() if message else None) or b"")
            except ValidationError:  # retention was faster
                continue
            found[decision.parent_id, decision.window] = decision
        return found
