"""The view as one object: takes records, judges, and holds what the page, the metrics and scripts are given."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from deploy.monitor.alarms import Judge
from deploy.monitor.figures import figures
from deploy.monitor.rebuild import Place
from deploy.monitor.tables import Tables
from schemas.alarms import Alarm

_RARELY: Final = 10  # figures are made anew after that many times as long as making them took


def wall_clock() -> int:
    """Return the time in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Monitor:
    """Used by one thread; `page` and `figures` may be asked for by any."""

    def __init__(
        self, window_ms: int, windows: int, min_decisions: int, *, clock: Callable[[], int] = wall_clock
    ) -> None:
        """Begin without decisions.

        Args:
            window_ms: how long a window is.
            windows: how many are kept.
            min_decisions: how many decisions a window must have to be judged.
            clock: ms since 1970 UTC.
        """
        self.tables = Tables(window_ms, windows)
        self.judge = Judge(self.tables, min_decisions)
        self.told: Counter[tuple[str, ...]] = Counter({("raised",): 0, ("cleared",): 0})
        self.lag: Callable[[], Mapping[Place, int]] = dict
        self._clock = clock
        self._changed = True
        self._due = 0.0
        self._figures: dict[str, Any] | None = None
        self._text = b"null"

    @property
    def figures(self) -> dict[str, Any] | None:
        """The tables as they were a moment ago; None before there are any."""
        return self._figures

    def take(self, place: Place, value: bytes | None, at: int) -> None:
        """Take a record of a decision topic."""
        del place
        self.tables.apply(value, at, self._clock())
        self._changed = True

    def judged(self) -> list[Alarm]:
        """Judge what is over; return the alarms that are to be told now."""
        told = self.judge.judge(self._clock())
        for alarm in told:
            self.told[alarm.state,] += 1
            self._changed = True
        return told

    def refresh(self) -> None:
        """Make the figures anew where something has changed and it is time to."""
        begun = time.monotonic()
        if not self._changed or begun < self._due:
            return
        self._changed = False
        made = figures(self.tables, self.judge)
        self._text = json.dumps(made, separators=(",", ":")).encode()
        self._figures = made
        ended = time.monotonic()
        self._due = ended + _RARELY * (ended - begun)

    def page(self) -> tuple[HTTPStatus, str, bytes]:
        """Return everything as JSON."""
        lag = [{"topic": topic, "partition": n, "records": number} for (topic, n), number in sorted(self.lag().items())]
        beside = json.dumps({"at": self._clock(), "waiting": lag, "read": self.tables.tally()})
        return HTTPStatus.OK, "application/json", b'%s,"tables":%s}' % (beside.encode()[:-1], self._text)
