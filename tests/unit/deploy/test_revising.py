"""Under `revise`, answers that canaries put in doubt are withdrawn, and their items are answered again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from deploy.revising import Reviser
from deploy.tokens import Token
from schemas.items import ItemEnvelope, RawItem
from schemas.scores import ItemScored, ItemWithdrawn
from streams.envelope import item_headers
from streams.work import Ticket
from workers.results import Scored
from workers.watch.status import Status


@dataclass
class Message:
    """A message of `items`."""

    index: int

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.index

    def key(self) -> bytes:
        return b"p"

    def value(self) -> bytes:
        return b"item"

    def headers(self) -> Any:
        return list(item_headers(_envelope(self.index)))


@dataclass
class Corrections:
    """What is sent, and what can be read again."""

    sent: list[Any] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    broken_off: bool = False
    reading: bool = False

    def send(self, record: Any, message: Any = None, shadows: Any = None) -> None:
        del message, shadows
        self.sent.append(record)

    def read_again(self, places: Any) -> None:
        self.asked = [offset for _, offset in places]

    def messages(self, limit: int) -> list[Message]:
        taken, self.asked = ([], []) if self.broken_off else (self.asked[:limit], self.asked[limit:])
        return [Message(offset) for offset in taken if offset not in self.gone]

    def serve(self) -> None:
        """Learn of nothing."""

    def close(self) -> None:
        """Close nothing."""


@dataclass
class Service:
    """A watched service."""

    status: Status = field(default_factory=Status)
    doubtful: list[Token] = field(default_factory=list)
    submitted: list[tuple[Token, RawItem, bool]] = field(default_factory=list)

    def take_back(self) -> list[Token]:
        found, self.doubtful = self.doubtful, []
        return found

    def submit(self, token: Token, item: RawItem, *, wanted: bool = False) -> None:
        self.submitted.append((token, item, wanted))


class Bench:
    """A reviser, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.service, self.corrections = Service(), Corrections()
        self.reviser = Reviser(
            cast("Any", self.service), cast("Any", self.corrections), self._tell, clock=lambda: self.now
        )

    def _tell(self, event: str, **fields: Any) -> None:
        self.told.append((event, fields))

    def withdrawn(self) -> list[tuple[int, int]]:
        return [(one.index, one.again) for one in self.corrections.sent if isinstance(one, ItemWithdrawn)]

    def answered(self) -> list[tuple[int, int]]:
        return [(one.index, one.again) for one in self.corrections.sent if isinstance(one, ItemScored)]

    def answer_all(self) -> None:
        for token, _, wanted in self.service.submitted:
            assert wanted  # also where its parent was decided early
            self.reviser.answer(token, Scored(0.5, (), {}, "s", calibrated=True, embedding="e", cached=False))
        self.service.submitted.clear()


def _envelope(index: int) -> ItemEnvelope:
    return ItemEnvelope(id=f"p/{index}", source="s", kind="image", parent_id="p", index=index)


def _token(index: int) -> Token:
    return Token(Ticket(0, 1, index, 5), _envelope(index))


def test_what_is_in_doubt_is_withdrawn_at_once_and_answered_once_canaries_pass() -> None:
    bench = Bench()
    bench.service.doubtful = [_token(0), _token(1)]
    bench.service.status.halted = "canaries differ"
    bench.reviser.turn()
    assert bench.withdrawn() == [(0, 1_000_000), (1, 1_000_000)]
    assert bench.service.submitted == []
    bench.service.status.halted = ""
    bench.reviser.turn()
    bench.answer_all()
    bench.reviser.turn()
    assert bench.answered() == bench.withdrawn()
    assert bench.told == [("answers_withdrawn", {"items": 2, "cause": "canaries_failed"})]


def test_after_a_long_repair_items_are_withdrawn_once_more_since_their_windows_may_be_decided() -> None:
    bench = Bench()
    bench.service.doubtful = [_token(0)]
    bench.reviser._service.status.halted = "canaries differ"
    bench.reviser.turn()
    bench.now += 300
    bench.service.status.halted = ""
    bench.reviser.turn()
    bench.answer_all()
    assert bench.withdrawn() == [(0, 1_000_000), (0, 1_300_000)]
    assert bench.answered() == [(0, 1_300_000)]


def test_a_reading_that_broke_off_is_begun_again_and_what_is_gone_is_named() -> None:
    bench = Bench()
    bench.service.doubtful = [_token(0), _token(1)]
    bench.corrections.broken_off = True
    bench.reviser.turn()
    assert bench.service.submitted == []
    bench.corrections.broken_off, bench.corrections.gone = False, {1}
    bench.now += 60
    bench.reviser.turn()
    bench.answer_all()
    bench.reviser.turn()
    assert [index for index, _ in bench.answered()] == [0]
    assert ("not_scored_again", {"items": 1}) in bench.told


def test_a_second_failure_drops_what_is_inside_and_scores_it_again_later() -> None:
    bench = Bench()
    bench.service.doubtful = [_token(0)]
    bench.reviser.turn()
    assert len(bench.service.submitted) == 1
    bench.service.submitted.clear()  # the service drops it
    bench.service.status.halted = "canaries differ again"
    bench.reviser.turn()
    bench.service.status.halted = ""
    bench.reviser.turn()
    bench.answer_all()
    assert [index for index, _ in bench.answered()] == [0]
