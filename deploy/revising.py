"""`SLUICE_CANARY_POLICY=revise`: what a worker answered while its model was wrong is withdrawn, and answered again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import Message

from deploy.itemrecords import place_of, record_of
from deploy.tokens import Token
from schemas.items import RawItem
from schemas.scores import ItemWithdrawn
from streams import envelope
from streams.corrections import Corrections, Place
from streams.gates import Notify
from streams.messages import headers_of, value_of
from streams.work import Shadowed
from workers.results import Result
from workers.watch.service import WatchedService

CAUSE: Final = "canaries_failed"
_AT_ONCE: Final = 32  # items that are scored again at a time, beside those of the loop
_FRESH_MS: Final = 10_000  # a withdrawal, far less than the time for which a window may be idle
_PAUSE: Final = 5.0  # s, after a reading that broke off


class Reviser:
    """Withdraws answers that canaries have put in doubt, and lets their items be scored again once they pass."""

    def __init__(
        self,
        service: WatchedService[Token],
        corrections: Corrections,
        notify: Notify,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Serve one watched service. `clock` tells s since 1970, which numbers withdrawals."""
        self._service, self._corrections, self._notify, self._clock = service, corrections, notify, clock
        self._waiting: dict[Place, Token] = {}  # withdrawn
        self._begun: dict[Place, Token] = {}  # of them, those that are being read and scored again
        self._inside: dict[Place, Message] = {}  # of those, what the service has
        self._wait_until = 0.0  # s since 1970
        self.again = 0  # items that were answered again

    def turn(self) -> None:
        """Withdraw what is in doubt, and hand over what is to be scored again.

        Raises:
            KafkaException: a record could not be written.
            ServiceError: the service is closed or has failed.
        """
        self._withdraw()
        if self._service.status.halted:
            self._give_up()
        else:
            self._go_on()
        self._corrections.serve()

    def answer(self, token: Token, result: Result) -> None:
        """Send the answer to an item that was read again."""
        message = self._inside.pop(token.place, None)
        self._begun.pop(token.place, None)
        self.again += 1
        answer, number = record_of(token.ticket, token.envelope, result), {"again": token.again}
        if isinstance(answer, Shadowed):
            shadows = {name: one.model_copy(update=number) for name, one in answer.shadows.items()}
            self._corrections.send(answer.live.model_copy(update=number), message, shadows)
        else:
            self._corrections.send(answer.model_copy(update=number), message)

    def close(self) -> None:
        """Stop. What was withdrawn and not answered again stays without an answer, and its parent goes to review."""
        left = len(self._waiting) + len(self._begun)
        if left:
            self._notify("not_scored_again", items=left)
        self._corrections.close()

    def _withdraw(self) -> None:
        doubtful = self._service.take_back()
        now = int(self._clock() * 1000)
        for token in doubtful:
            number = max(now, token.again + 1)
            self._corrections.send(_withdrawal(token, number))
            self._waiting[token.place] = Token(token.ticket, token.envelope, number)
        if doubtful:
            self._notify("answers_withdrawn", items=len(doubtful), cause=CAUSE)

    def _give_up(self) -> None:
        """Begin once more later: what the service has is dropped, and what is read finds nobody."""
        self._waiting = {**self._begun, **self._waiting}
        self._begun, self._inside = {}, {}

    def _go_on(self) -> None:
        """Read and score again what was withdrawn, a few at a time."""
        if self._waiting and not self._begun and not self._corrections.reading and self._clock() >= self._wait_until:
            self._begun, self._waiting = self._waiting, {}
            self._corrections.read_again(self._begun)
        for message in self._corrections.messages(_AT_ONCE - len(self._inside)):
            self._submit(message)
        if self._begun and not self._inside and not self._corrections.reading:
            self._end_reading()

    def _end_reading(self) -> None:
        """Account for what was not found: retention has deleted it, or the reading broke off and is begun again."""
        if self._corrections.broken_off:
            self._wait_until = self._clock() + _PAUSE
            self._give_up()
        else:
            self._notify("not_scored_again", items=len(self._begun))
            self._begun = {}

    def _submit(self, message: Message) -> None:
        place = message.partition() or 0, message.offset() or 0
        known = self._begun.get(place)
        if known is None:
            return
        parsed = envelope.parse(headers_of(message) or {}, message.key(), value_of(message))
        if isinstance(parsed, RawItem):
            fresh = self._renewed(known)
            self._begun[place] = fresh
            self._inside[place] = message
            self._service.submit(fresh, parsed, wanted=True)

    def _renewed(self, token: Token) -> Token:
        """Withdraw once more what was withdrawn long ago: its window may have been decided without it by now."""
        now = int(self._clock() * 1000)
        if now - token.again < _FRESH_MS:
            return token
        self._corrections.send(_withdrawal(token, now))
        return Token(token.ticket, token.envelope, now)


def _withdrawal(token: Token, number: int) -> ItemWithdrawn:
    fields = place_of(token.ticket, token.envelope)
    return ItemWithdrawn(**fields, again=number, cause=CAUSE)
